//! Switching between rates over the last interval and over the last minute.

use super::*;
use crate::model::group::Grouping;
use crate::tui::keymap::{self, KeyContext};
use crate::tui::ranker::JobKind;

/// Presses the key as a terminal sends it.
fn switch(state: &mut State) {
    let key = KeyEvent::new(KeyCode::Char('W'), KeyModifiers::SHIFT);
    let command = keymap::command(&key, state.key_context(), state.mode()).unwrap();
    assert_eq!(command, TuiCommand::SwitchRates);
    press(state, command);
}

#[test]
fn the_key_brings_a_rare_huge_value_to_the_top_and_back() {
    let mut state = state(sample::rare(64));
    press(&mut state, TuiCommand::SortBy(Column::Bandwidth));
    assert_eq!((first(&state).as_str(), state.span()), ("config:all", Span::Last));
    switch(&mut state);
    assert_eq!((first(&state).as_str(), state.span()), ("menu:json", Span::Window));
    assert_eq!(state.note.as_deref(), Some("rates are over the last minute; W switches to the last interval"));
    for seconds in 65..=70 {
        show(&mut state, sample::rare(seconds));
        assert_eq!(first(&state), "menu:json", "after {seconds} s");
    }
    switch(&mut state);
    assert_eq!((first(&state).as_str(), state.span()), ("config:all", Span::Last));
    assert_eq!(state.note.as_deref(), Some("rates are over the last interval; W switches to the last minute"));
}

#[test]
fn the_key_works_when_paused_on_groups_and_in_the_details() {
    let mut state = state(sample::rare(64));
    press(&mut state, TuiCommand::Pause);
    state.view.grouping = Some(Grouping::auto());
    press(&mut state, TuiCommand::SortBy(Column::Bandwidth));
    assert_eq!(first(&state), "shop:*");
    let menu_rank = |state: &State| {
        let ranking = state.list.ranking().unwrap();
        let menu = ranking.snapshot().rows.iter().position(|row| row.key.escaped() == "menu:json").unwrap();
        ranking.indices.iter().position(|index| *index == menu)
    };
    assert_eq!(menu_rank(&state), Some(2));
    switch(&mut state);
    assert_eq!(menu_rank(&state), Some(1), "ahead of single keys, behind the family");
    press(&mut state, TuiCommand::Open);
    press(&mut state, TuiCommand::Back);
    go(&mut state, Motion::Down);
    press(&mut state, TuiCommand::Open);
    assert_eq!(state.key_context(), KeyContext::Detail);
    switch(&mut state);
    assert_eq!((state.span(), state.key_context()), (Span::Last, KeyContext::Detail));
}

#[test]
fn the_note_mentions_a_filter_on_rates() {
    let mut state = state(sample::rare(64));
    state.view.filter = Some(Filter::parse("bps>500k").unwrap());
    show(&mut state, sample::rare(64));
    assert_eq!(state.list.len(), 0);
    switch(&mut state);
    assert_eq!((state.list.len(), first(&state).as_str()), (1, "menu:json"));
    let note = state.note.clone().unwrap();
    assert_eq!(note, "rates, including the filter's, are over the last minute; W switches to the last interval");
    state.view.filter = Some(Filter::parse("menu size>1M").unwrap());
    switch(&mut state);
    assert_eq!(state.note.as_deref(), Some("rates are over the last interval; W switches to the last minute"));
}

#[test]
fn switching_rates_only_ranks_again() {
    let mut state = state(sample::rare(64));
    state.hints = true;
    state.view.hints = crate::model::hints::HintKind::ALL.to_vec();
    show(&mut state, sample::rare(64));
    let hints = state.hint_lines().to_vec();
    assert!(!hints.is_empty());
    let job = state.update(Action::Command(TuiCommand::SwitchRates), Instant::now()).job.unwrap();
    assert_eq!(job.task.kind(), JobKind::Rank, "hints and groups do not depend on the span");
    assert_eq!(state.span(), Span::Last, "the last interval is shown until the rows are ranked");
    assert!(state.update(Action::JobDone(Box::new(job.run().unwrap())), Instant::now()).job.is_none());
    assert_eq!((state.span(), state.hint_lines()), (Span::Window, &hints[..]));
}
