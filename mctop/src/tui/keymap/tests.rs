//! Which command each key is bound to.

use super::*;

fn pressed(code: KeyCode, modifiers: KeyModifiers) -> Option<TuiCommand> {
    command(&KeyEvent::new(code, modifiers), KeyContext::Table, Mode::Live)
}

#[test]
fn no_key_is_bound_twice() {
    for (context, mode) in EVERYWHERE.iter().flat_map(|context| BOTH.iter().map(move |mode| (*context, *mode))) {
        let applicable = bindings().iter().filter(|binding| binding.applies(context, mode));
        let keys: Vec<KeyPress> = applicable.flat_map(|binding| binding.keys.clone()).collect();
        for (index, key) in keys.iter().enumerate() {
            assert!(!keys[..index].contains(key), "{} is bound twice in {context:?}, {mode:?}", key.label());
        }
    }
}

#[test]
fn the_letters_of_columns_sort() {
    for (letter, column) in [('C', Column::Calls), ('S', Column::Size), ('R', Column::Rate), ('B', Column::Bandwidth)] {
        let expected = Some(TuiCommand::SortBy(column));
        assert_eq!(pressed(KeyCode::Char(letter), KeyModifiers::NONE), expected);
        assert_eq!(pressed(KeyCode::Char(letter), KeyModifiers::SHIFT), expected);
    }
    assert_eq!(pressed(KeyCode::Char('T'), KeyModifiers::SHIFT), Some(TuiCommand::Reverse));
    assert_eq!(pressed(KeyCode::Char('Q'), KeyModifiers::SHIFT), Some(TuiCommand::Quit));
}

#[test]
fn a_key_may_have_another_meaning_in_a_replay() {
    let space = KeyEvent::new(KeyCode::Char(' '), KeyModifiers::NONE);
    assert_eq!(command(&space, KeyContext::Table, Mode::Live), Some(TuiCommand::Pause));
    assert_eq!(
        command(&space, KeyContext::Detail, Mode::Replay),
        Some(TuiCommand::Playback(PlaybackCommand::TogglePause))
    );
    assert_eq!(pressed(KeyCode::Left, KeyModifiers::NONE), None);
}

#[test]
fn modifiers_matter() {
    assert_eq!(pressed(KeyCode::Char('c'), KeyModifiers::CONTROL), Some(TuiCommand::Quit));
    assert_eq!(pressed(KeyCode::Char('c'), KeyModifiers::NONE), Some(TuiCommand::Copy));
    assert_eq!(pressed(KeyCode::Char('q'), KeyModifiers::ALT), None);
    assert_eq!(pressed(KeyCode::Char('q'), KeyModifiers::CONTROL), None);
}

#[test]
fn labels_are_names() {
    let labels: Vec<String> = bindings().iter().map(Binding::labels).collect();
    for expected in ["q Q ^c", "? h F1", "Space", "Up k", "PgDn ^f", "Esc", "+ ="] {
        assert!(labels.iter().any(|label| label == expected), "{expected} not in {labels:?}");
    }
}
