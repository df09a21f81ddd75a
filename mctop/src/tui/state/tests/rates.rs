//! Rates over the last interval, or over the last minute.

use super::*;
use crate::model::group::Grouping;
use crate::tui::keymap::{self, Place};
use crate::tui::ranker::Step;

/// Presses the key as a terminal sends it.
fn switch(state: &mut State) {
    let key = KeyEvent::new(KeyCode::Char('W'), KeyModifiers::SHIFT);
    let command = keymap::command(&key, state.place(), state.mode()).unwrap();
    assert_eq!(command, Command::Rates);
    press(state, command);
}

#[test]
fn the_key_brings_a_rare_huge_value_to_the_top_and_back() {
    let mut state = state(sample::rare(64));
    press(&mut state, Command::SortBy(Column::Bandwidth));
    assert_eq!((first(&state).as_str(), state.span()), ("config:all", Span::Last));
    switch(&mut state);
    assert_eq!((first(&state).as_str(), state.span()), ("menu:json", Span::Window));
    assert_eq!(state.note.as_deref(), Some("rates are over the last minute; W: over the last interval"));
    for seconds in 65..=70 {
        show(&mut state, sample::rare(seconds));
        assert_eq!(first(&state), "menu:json", "after {seconds} s");
    }
    switch(&mut state);
    assert_eq!((first(&state).as_str(), state.span()), ("config:all", Span::Last));
    assert_eq!(state.note.as_deref(), Some("rates are over the last interval; W: over the last minute"));
}

#[test]
fn it_works_on_what_is_paused_on_groups_and_in_the_details() {
    let mut state = state(sample::rare(64));
    press(&mut state, Command::Pause);
    state.view.grouping = Some(Grouping::auto());
    press(&mut state, Command::SortBy(Column::Bandwidth));
    assert_eq!(first(&state), "shop:*");
    let rates = |state: &State| {
        let ranking = state.list.ranking().unwrap();
        let menu = ranking.snapshot().rows.iter().position(|row| row.key.escaped() == "menu:json").unwrap();
        ranking.indices.iter().position(|index| *index == menu)
    };
    assert_eq!(rates(&state), Some(2));
    switch(&mut state);
    assert_eq!(rates(&state), Some(1), "ahead of single keys, behind the family");
    press(&mut state, Command::Open);
    press(&mut state, Command::Back);
    go(&mut state, Motion::Down);
    press(&mut state, Command::Open);
    assert_eq!(state.place(), Place::Detail);
    switch(&mut state);
    assert_eq!((state.span(), state.place()), (Span::Last, Place::Detail));
}

#[test]
fn that_a_filter_follows_is_said() {
    let mut state = state(sample::rare(64));
    state.view.filter = Some(Filter::parse("bps>500k").unwrap());
    show(&mut state, sample::rare(64));
    assert_eq!(state.list.len(), 0);
    switch(&mut state);
    assert_eq!((state.list.len(), first(&state).as_str()), (1, "menu:json"));
    let note = state.note.clone().unwrap();
    assert_eq!(note, "rates, also the filter's, are over the last minute; W: over the last interval");
    state.view.filter = Some(Filter::parse("menu size>1M").unwrap());
    switch(&mut state);
    assert_eq!(state.note.as_deref(), Some("rates are over the last interval; W: over the last minute"));
}

#[test]
fn nothing_but_the_order_is_made_anew() {
    let mut state = state(sample::rare(64));
    state.hints = true;
    state.view.hints = crate::model::hints::HintKind::ALL.to_vec();
    show(&mut state, sample::rare(64));
    let hints = state.hint_lines().to_vec();
    assert!(!hints.is_empty());
    let job = state.update(Action::Command(Command::Rates), Instant::now()).job.unwrap();
    assert_eq!(job.work.step(), Step::Order, "hints and groups do not depend on it");
    assert_eq!(state.span(), Span::Last, "what is shown is over the last interval until the order is there");
    assert!(state.update(Action::Made(Box::new(job.run().unwrap())), Instant::now()).job.is_none());
    assert_eq!((state.span(), state.hint_lines()), (Span::Window, &hints[..]));
}
