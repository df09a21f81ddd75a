//! How key presses and updates change the state.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};

use super::*;
use crate::config::Settings;
use crate::model::filter::Filter;
use crate::model::sample;
use crate::model::span::Span;
use crate::text::glyphs::UNICODE;
use crate::tui::feed::Request;
use crate::tui::keymap::{Motion, TuiCommand};
use crate::tui::ranker::Job;

mod exploring;
mod jobs;
mod rates;
mod replaying;

const SIZE: Size = Size { width: 80, height: 25 };
/// Rows on a screen of [`SIZE`].
const PAGE: usize = 20;

fn state(snapshot: Snapshot) -> State {
    let view = View { sort: Column::Rate, span: Span::Last, ..View::default() };
    let mut state = State::new(view, Settings::default().columns, Duration::from_secs(1), UNICODE);
    state.hints = false;
    update(&mut state, Action::Resize(SIZE));
    show(&mut state, snapshot);
    state
}

/// Applies an action and runs the jobs that follow from it, as the event loop does.
fn update(state: &mut State, action: Action) -> Effects {
    let effects = state.update(action, Instant::now());
    let mut job = effects.job.clone();
    while let Some(made) = job.and_then(Job::run) {
        job = state.update(Action::JobDone(Box::new(made)), Instant::now()).job;
    }
    effects
}

fn show(state: &mut State, snapshot: Snapshot) {
    update(state, Action::Update(Update::Frame(Arc::new(snapshot).into())));
}

fn press(state: &mut State, command: TuiCommand) -> Effects {
    update(state, Action::Command(command))
}

/// Types characters; `\n` is Enter, `\x1b` Esc, `\x08` Backspace.
fn type_text(state: &mut State, text: &str) {
    for c in text.chars() {
        let code = match c {
            '\n' => KeyCode::Enter,
            '\x1b' => KeyCode::Esc,
            '\x08' => KeyCode::Backspace,
            c => KeyCode::Char(c),
        };
        update(state, Action::Typed(KeyEvent::new(code, KeyModifiers::NONE)));
    }
}

fn go(state: &mut State, motion: Motion) {
    press(state, TuiCommand::Move(motion));
}

/// The selected key, as the screen would show it.
fn selected(state: &State) -> String {
    let cursor = state.list.cursor.unwrap();
    let row = state.list.visible().find(|(rank, _)| *rank == cursor);
    row.map(|(_, row)| row.key.escaped()).expect("the selection is not on the screen")
}

fn first(state: &State) -> String {
    state.list.visible().next().unwrap().1.key.escaped()
}

#[test]
fn the_page_is_what_fits() {
    assert_eq!(state(sample::many(50)).page(), PAGE);
}

#[test]
fn nothing_is_selected_at_the_start() {
    let mut state = state(sample::many(50));
    assert_eq!(state.list.cursor, None);
    go(&mut state, Motion::Down);
    assert_eq!(selected(&state), "key:000000");
    press(&mut state, TuiCommand::Back);
    assert_eq!(state.list.cursor, None);
}

#[test]
fn selection_follows_its_key_when_the_key_falls() {
    for number in [50, 5_000] {
        let mut state = state(sample::many(number));
        go(&mut state, Motion::First);
        let mut sunk = sample::many(number);
        sunk.rows[0].last = Default::default();
        sunk.rows[0].total = Default::default();
        show(&mut state, sunk);
        assert_eq!(selected(&state), "key:000000");
        assert_eq!(state.list.cursor, Some(number as usize - 1));
        show(&mut state, sample::many(number));
        assert_eq!((selected(&state).as_str(), state.list.cursor, state.list.top), ("key:000000", Some(0), 0));
    }
}

#[test]
fn selection_tells_servers_apart() {
    let mut snapshot = sample::many(1);
    snapshot.rows.push(Row { target: 1, ..snapshot.rows[0].clone() });
    let mut state = state(snapshot.clone());
    go(&mut state, Motion::Last);
    let target = |state: &State| state.list.selected().unwrap().1;
    let before = target(&state);
    snapshot.rows[before as usize].last.hits += 100;
    show(&mut state, snapshot);
    assert_eq!((target(&state), state.list.cursor), (before, Some(0)));
}

#[test]
fn selection_stays_in_place_when_its_key_is_gone() {
    let mut state = state(sample::many(50));
    for _ in 0..5 {
        go(&mut state, Motion::Down);
    }
    assert_eq!(selected(&state), "key:000004");
    let mut without = sample::many(50);
    without.rows.remove(4);
    show(&mut state, without);
    assert_eq!((selected(&state).as_str(), state.list.cursor), ("key:000005", Some(4)));
    show(&mut state, sample::of(Vec::new()));
    assert_eq!((state.list.cursor, state.list.top, state.list.len()), (None, 0, 0));
}

#[test]
fn motions() {
    let mut state = state(sample::many(100));
    for (motion, cursor, top) in [
        (Motion::PageDown, 20, 1),
        (Motion::PageDown, 40, 21),
        (Motion::HalfUp, 30, 21),
        (Motion::Up, 29, 21),
        (Motion::PageUp, 9, 9),
        (Motion::HalfDown, 19, 9),
        (Motion::Last, 99, 80),
        (Motion::Down, 99, 80),
        (Motion::First, 0, 0),
        (Motion::Up, 0, 0),
    ] {
        go(&mut state, motion);
        assert_eq!((state.list.cursor, state.list.top), (Some(cursor), top), "{motion:?}");
        selected(&state);
    }
}

#[test]
fn every_row_of_many_is_reached_by_paging() {
    let mut state = state(sample::many(3_000));
    let mut seen = vec![selected_or_first(&mut state)];
    for _ in 1..3_000 {
        go(&mut state, Motion::Down);
        seen.push(selected(&state));
    }
    let expected: Vec<String> = (0..3_000).map(|n| format!("key:{n:06}")).collect();
    assert_eq!(seen, expected);
}

fn selected_or_first(state: &mut State) -> String {
    go(state, Motion::Down);
    selected(state)
}

#[test]
fn a_limit_ends_the_table() {
    let mut state = state(sample::many(100));
    state.view.limit = Some(7);
    show(&mut state, sample::many(100));
    go(&mut state, Motion::Last);
    assert_eq!((state.list.len(), selected(&state).as_str()), (7, "key:000006"));
}

#[test]
fn sorting_starts_with_the_largest_and_reverses() {
    let mut state = state(sample::flash_sale());
    press(&mut state, TuiCommand::SortBy(Column::Bandwidth));
    assert_eq!(first(&state), "podYYYrails:NN::feature_rollout:percentages");
    press(&mut state, TuiCommand::SortBy(Column::Size));
    assert_eq!(first(&state), "menu:json");
    press(&mut state, TuiCommand::Reverse);
    assert_eq!(first(&state), "podYYY:rails:NN::jobs-KEY");
    press(&mut state, TuiCommand::SortBy(Column::Ttl));
    assert!(!state.view.ascending);
    assert_eq!(first(&state), "podYYY:rails:NN::shop-KEY");
}

#[test]
fn every_column_can_be_reached_with_left_and_right() {
    let mut state = state(sample::many(3));
    let mut walk = |command| {
        let mut seen = vec![state.view.sort];
        for _ in 0..crate::model::column::COLUMNS.len() {
            press(&mut state, command);
            seen.push(state.view.sort);
        }
        seen.dedup();
        seen
    };
    assert_eq!(walk(TuiCommand::PreviousColumn), [Column::Rate, Column::Calls, Column::Key]);
    let right = walk(TuiCommand::NextColumn);
    assert_eq!(right.last(), Some(&Column::ShareBytes));
    assert!(!right.contains(&Column::Target), "there is one server only");
}

#[test]
fn pausing_freezes_the_rows_and_nothing_else() {
    let mut state = state(sample::many(3));
    assert!(!state.ticks());
    press(&mut state, TuiCommand::Pause);
    assert!(state.ticks());
    show(&mut state, sample::with_loss(sample::flash_sale()));
    assert_eq!(first(&state), "key:000000");
    assert!(state.header_snapshot().unwrap().loss.any());
    press(&mut state, TuiCommand::SortBy(Column::Key));
    press(&mut state, TuiCommand::Reverse);
    assert_eq!(first(&state), "key:000002", "a paused view can still be sorted");
    press(&mut state, TuiCommand::Pause);
    assert_eq!(first(&state), "product:1");
    assert!(!state.ticks());
}

#[test]
fn intervals_step_between_minimum_and_maximum() {
    let mut state = state(sample::many(1));
    let mut intervals = Vec::new();
    while let [Request::Interval(interval)] = press(&mut state, TuiCommand::Slower).requests[..] {
        intervals.push(interval.as_millis());
    }
    assert_eq!(intervals, [2_000, 5_000, 10_000, 30_000, 60_000]);
    state.interval = Duration::from_millis(1_500);
    assert_eq!(press(&mut state, TuiCommand::Faster).requests, [Request::Interval(Duration::from_secs(1))]);
    state.interval = Duration::from_millis(250);
    assert_eq!(press(&mut state, TuiCommand::Faster).requests, []);
}

#[test]
fn help_scrolls_and_closes_without_touching_the_table() {
    let mut state = state(sample::many(50));
    press(&mut state, TuiCommand::Help);
    go(&mut state, Motion::Last);
    let line = |state: &State| match state.overlay {
        Some(Overlay::Help(line)) => Some(line),
        _ => None,
    };
    let end = line(&state).unwrap();
    assert!(end > 0);
    go(&mut state, Motion::Up);
    assert_eq!((line(&state), state.list.cursor), (Some(end - 1), None));
    press(&mut state, TuiCommand::Back);
    assert_eq!(state.overlay, None);
}

#[test]
fn quit_and_suspend_are_effects() {
    let mut state = state(sample::many(1));
    assert!(press(&mut state, TuiCommand::Quit).quit);
    assert!(press(&mut state, TuiCommand::Suspend).suspend);
    assert!(press(&mut state, TuiCommand::Redraw).clear);
}

#[test]
fn messages_are_escaped() {
    let mut state = state(sample::many(1));
    update(&mut state, Action::Update(Update::Ended("gone\x1b[2J".to_owned())));
    assert_eq!(state.message(), ["gone\\x1b[2J"]);
}

#[test]
fn the_key_column_does_not_shrink_again() {
    let mut state = state(sample::flash_sale());
    assert_eq!(state.key_width, 43);
    show(&mut state, sample::many(3));
    assert_eq!(state.key_width, 43);
}
