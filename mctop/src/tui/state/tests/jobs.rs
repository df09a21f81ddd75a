//! Jobs that run beside the event loop, and which of them are cancelled.

use super::*;
use crate::tui::ranker::{JobKind, JobResult};

/// Applies an action, and returns the next job.
fn act(state: &mut State, action: Action) -> Option<Job> {
    state.update(action, Instant::now()).job
}

fn command(state: &mut State, command: TuiCommand) -> Option<Job> {
    act(state, Action::Command(command))
}

fn update_with(state: &mut State, snapshot: Snapshot) -> Option<Job> {
    act(state, Action::Update(Update::Frame(Arc::new(snapshot).into())))
}

/// Runs a job, and returns the next one.
fn finish(state: &mut State, job: Job) -> Option<Job> {
    let result = job.run().expect("the job was not cancelled");
    act(state, Action::JobDone(Box::new(result)))
}

fn kind(job: &Job) -> JobKind {
    job.task.kind()
}

/// A state in which the histories of groups are being computed.
fn computing_histories() -> (State, Job) {
    let mut state = state(sample::incident());
    let mut job = command(&mut state, TuiCommand::Group);
    let mut kinds = Vec::new();
    while let Some(next) = job {
        kinds.push(kind(&next));
        if kinds.len() == 3 {
            assert_eq!(kinds, [JobKind::Prepare, JobKind::Rank, JobKind::GroupHistories]);
            return (state, next);
        }
        job = finish(&mut state, next);
    }
    panic!("only {kinds:?}");
}

#[test]
fn a_command_does_not_wait_for_group_histories() {
    let (mut state, histories) = computing_histories();
    let order = command(&mut state, TuiCommand::SortBy(Column::Calls)).expect("the histories are still being computed");
    assert_eq!((kind(&order), !histories.cancel.is_cancelled()), (JobKind::Rank, false));
    assert!(histories.run().is_none(), "a cancelled job has no result");
    let again = finish(&mut state, order).expect("histories for the new order");
    assert_eq!((state.list.ranking().unwrap().view.sort, kind(&again)), (Column::Calls, JobKind::GroupHistories));
    assert!(finish(&mut state, again).is_none());
    assert!(!state.list.lacks_histories(PAGE));
}

#[test]
fn an_update_waits_for_group_histories_so_that_they_ever_finish() {
    let (mut state, histories) = computing_histories();
    assert!(update_with(&mut state, sample::incident()).is_none());
    let next = finish(&mut state, histories).expect("a job for the newer snapshot");
    assert_eq!(kind(&next), JobKind::Prepare);
}

#[test]
fn a_command_that_needs_other_groups_cancels_the_grouping() {
    let mut state = state(sample::incident());
    let first = command(&mut state, TuiCommand::Group).unwrap();
    let second = command(&mut state, TuiCommand::Group).expect("the first are still being computed");
    assert_eq!(
        (kind(&first), kind(&second), !first.cancel.is_cancelled()),
        (JobKind::Prepare, JobKind::Prepare, false)
    );
    let order = finish(&mut state, second).unwrap();
    finish(&mut state, order);
    assert_eq!(state.list.ranking().unwrap().view.grouping, state.view.grouping);
}

#[test]
fn prepared_groups_are_used_for_a_newer_order() {
    let mut state = state(sample::incident());
    let groups = command(&mut state, TuiCommand::Group).unwrap();
    assert!(command(&mut state, TuiCommand::SortBy(Column::Gets)).is_none());
    assert!(!groups.cancel.is_cancelled());
    let order = finish(&mut state, groups).unwrap();
    let other = command(&mut state, TuiCommand::SortBy(Column::Calls)).expect("the order is still being computed");
    assert_eq!((kind(&order), kind(&other), !order.cancel.is_cancelled()), (JobKind::Rank, JobKind::Rank, false));
    finish(&mut state, other);
    assert_eq!(state.list.ranking().unwrap().view.sort, Column::Calls);
}

#[test]
fn fast_updates_do_not_prevent_ranking() {
    let mut state = state(sample::many(3));
    let mut job = update_with(&mut state, sample::many(4)).unwrap();
    let mut ordered = 0;
    for number in 5..15 {
        assert!(update_with(&mut state, sample::many(number)).is_none());
        ordered += u32::from(kind(&job) == JobKind::Rank);
        job = finish(&mut state, job).unwrap();
    }
    assert_eq!((ordered, state.list.len()), (5, 12));
}

#[test]
fn a_paused_view_is_not_replaced_by_a_running_job() {
    let mut state = state(sample::many(3));
    let prepare = update_with(&mut state, sample::many(7)).unwrap();
    let order = finish(&mut state, prepare).unwrap();
    assert_eq!(kind(&order), JobKind::Rank);
    let mut job = command(&mut state, TuiCommand::Pause);
    assert!(order.cancel.is_cancelled());
    while let Some(next) = job {
        job = finish(&mut state, next);
    }
    assert_eq!(state.list.len(), 3);
    let result = JobResult::Ranked(state.list.ranking().unwrap().clone());
    assert!(act(&mut state, Action::JobDone(Box::new(result))).is_none());
}

#[test]
fn the_last_command_wins() {
    let mut state = state(sample::many(5_000));
    let first = command(&mut state, TuiCommand::Move(Motion::Last)).unwrap();
    let second = command(&mut state, TuiCommand::SortBy(Column::Key)).expect("the first is in another order");
    assert!(first.cancel.is_cancelled());
    assert!(command(&mut state, TuiCommand::Move(Motion::Up)).is_none(), "the job is needed whatever row is selected");
    let mut job = Some(second);
    while let Some(next) = job {
        job = finish(&mut state, next);
    }
    let sort = state.list.ranking().unwrap().view.sort;
    assert_eq!((selected(&state).as_str(), sort), ("key:004998", Column::Key));
}
