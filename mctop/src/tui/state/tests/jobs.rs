//! What is done beside the loop: nobody waits for what is wanted no longer.

use super::*;
use crate::tui::ranker::{Made, Step};

/// Applies an action, and returns the job that is then to be done.
fn act(state: &mut State, action: Action) -> Option<Job> {
    state.update(action, Instant::now()).job
}

fn tap(state: &mut State, command: Command) -> Option<Job> {
    act(state, Action::Command(command))
}

fn news(state: &mut State, snapshot: Snapshot) -> Option<Job> {
    act(state, Action::Update(Update::Moment(Arc::new(snapshot).into())))
}

/// Does a job, and returns the next one.
fn finish(state: &mut State, job: Job) -> Option<Job> {
    let made = job.run().expect("it is wanted");
    act(state, Action::Made(Box::new(made)))
}

fn step(job: &Job) -> Step {
    job.work.step()
}

/// A state in which the courses of groups are being made.
fn making_courses() -> (State, Job) {
    let mut state = state(sample::incident());
    let mut job = tap(&mut state, Command::Group);
    let mut steps = Vec::new();
    while let Some(next) = job {
        steps.push(step(&next));
        if steps.len() == 3 {
            assert_eq!(steps, [Step::Prepare, Step::Order, Step::Courses]);
            return (state, next);
        }
        job = finish(&mut state, next);
    }
    panic!("only {steps:?}");
}

#[test]
fn a_key_does_not_wait_for_the_courses_of_groups() {
    let (mut state, courses) = making_courses();
    let order = tap(&mut state, Command::SortBy(Column::Calls)).expect("the courses are still being made");
    assert_eq!((step(&order), courses.wanted.still()), (Step::Order, false));
    assert!(courses.run().is_none(), "it makes nothing any more");
    let again = finish(&mut state, order).expect("courses for the new order");
    assert_eq!((state.list.ranking().unwrap().view.sort, step(&again)), (Column::Calls, Step::Courses));
    assert!(finish(&mut state, again).is_none());
    assert!(!state.list.lacks_courses(PAGE));
}

#[test]
fn news_wait_for_the_courses_of_groups_so_that_they_are_done_at_all() {
    let (mut state, courses) = making_courses();
    assert!(news(&mut state, sample::incident()).is_none());
    let next = finish(&mut state, courses).expect("what came meanwhile");
    assert_eq!(step(&next), Step::Prepare);
}

#[test]
fn a_key_that_needs_other_groups_does_not_wait_for_those_before() {
    let mut state = state(sample::incident());
    let first = tap(&mut state, Command::Group).unwrap();
    let second = tap(&mut state, Command::Group).expect("the first are still being made");
    assert_eq!((step(&first), step(&second), first.wanted.still()), (Step::Prepare, Step::Prepare, false));
    let order = finish(&mut state, second).unwrap();
    finish(&mut state, order);
    assert_eq!(state.list.ranking().unwrap().view.grouping, state.view.grouping);
}

#[test]
fn groups_serve_whatever_order_is_wanted_by_then() {
    let mut state = state(sample::incident());
    let groups = tap(&mut state, Command::Group).unwrap();
    assert!(tap(&mut state, Command::SortBy(Column::Gets)).is_none());
    assert!(groups.wanted.still());
    let order = finish(&mut state, groups).unwrap();
    let other = tap(&mut state, Command::SortBy(Column::Calls)).expect("the order is still being made");
    assert_eq!((step(&order), step(&other), order.wanted.still()), (Step::Order, Step::Order, false));
    finish(&mut state, other);
    assert_eq!(state.list.ranking().unwrap().view.sort, Column::Calls);
}

#[test]
fn news_that_come_faster_than_steps_are_made_do_not_keep_the_order_away() {
    let mut state = state(sample::many(3));
    let mut job = news(&mut state, sample::many(4)).unwrap();
    let mut ordered = 0;
    for number in 5..15 {
        assert!(news(&mut state, sample::many(number)).is_none());
        ordered += u32::from(step(&job) == Step::Order);
        job = finish(&mut state, job).unwrap();
    }
    assert_eq!((ordered, state.list.len()), (5, 12));
}

#[test]
fn what_is_frozen_is_not_replaced_by_what_was_under_way() {
    let mut state = state(sample::many(3));
    let prepare = news(&mut state, sample::many(7)).unwrap();
    let order = finish(&mut state, prepare).unwrap();
    assert_eq!(step(&order), Step::Order);
    let mut job = tap(&mut state, Command::Pause);
    assert!(!order.wanted.still());
    while let Some(next) = job {
        job = finish(&mut state, next);
    }
    assert_eq!(state.list.len(), 3);
    let made = Made::Ordered(state.list.ranking().unwrap().clone());
    assert!(act(&mut state, Action::Made(Box::new(made))).is_none());
}

#[test]
fn the_last_wish_counts() {
    let mut state = state(sample::many(5_000));
    let first = tap(&mut state, Command::Move(Motion::Last)).unwrap();
    let second = tap(&mut state, Command::SortBy(Column::Key)).expect("the first is in another order");
    assert!(!first.wanted.still());
    assert!(tap(&mut state, Command::Move(Motion::Up)).is_none(), "where it is does not matter");
    let mut job = Some(second);
    while let Some(next) = job {
        job = finish(&mut state, next);
    }
    let sort = state.list.ranking().unwrap().view.sort;
    assert_eq!((selected(&state).as_str(), sort), ("key:004998", Column::Key));
}
