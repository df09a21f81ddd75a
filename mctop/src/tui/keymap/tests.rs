//! What keys mean, and where.

use super::*;

fn pressed(code: KeyCode, modifiers: KeyModifiers) -> Option<Command> {
    command(&KeyEvent::new(code, modifiers), Place::Table, Mode::Live)
}

#[test]
fn no_key_is_bound_twice() {
    for (place, mode) in EVERYWHERE.iter().flat_map(|place| BOTH.iter().map(move |mode| (*place, *mode))) {
        let here = bindings().iter().filter(|binding| binding.applies(place, mode));
        let keys: Vec<Press> = here.flat_map(|binding| binding.keys.clone()).collect();
        for (index, key) in keys.iter().enumerate() {
            assert!(!keys[..index].contains(key), "{} is bound twice in {place:?}, {mode:?}", key.label());
        }
    }
}

#[test]
fn mctops_own_letters_sort() {
    for (letter, column) in [('C', Column::Calls), ('S', Column::Size), ('R', Column::Rate), ('B', Column::Bandwidth)] {
        let expected = Some(Command::SortBy(column));
        assert_eq!(pressed(KeyCode::Char(letter), KeyModifiers::NONE), expected);
        assert_eq!(pressed(KeyCode::Char(letter), KeyModifiers::SHIFT), expected);
    }
    assert_eq!(pressed(KeyCode::Char('T'), KeyModifiers::SHIFT), Some(Command::Reverse));
    assert_eq!(pressed(KeyCode::Char('Q'), KeyModifiers::SHIFT), Some(Command::Quit));
}

#[test]
fn a_key_may_mean_another_thing_in_a_replay() {
    let space = KeyEvent::new(KeyCode::Char(' '), KeyModifiers::NONE);
    assert_eq!(command(&space, Place::Table, Mode::Live), Some(Command::Pause));
    assert_eq!(command(&space, Place::Detail, Mode::Replay), Some(Command::Play(Play::Hold)));
    assert_eq!(pressed(KeyCode::Left, KeyModifiers::NONE), None);
}

#[test]
fn modifiers_matter() {
    assert_eq!(pressed(KeyCode::Char('c'), KeyModifiers::CONTROL), Some(Command::Quit));
    assert_eq!(pressed(KeyCode::Char('c'), KeyModifiers::NONE), Some(Command::Copy));
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
