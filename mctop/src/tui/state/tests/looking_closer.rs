//! Filters, details, groups, the menu and the mouse; what is copied and written.

use super::*;
use crate::model::key::Key;

#[test]
fn a_filter_applies_as_it_is_typed() {
    let mut state = state(sample::flash_sale());
    press(&mut state, Command::Filter);
    type_text(&mut state, "blob");
    assert_eq!((state.list.len(), first(&state).as_str()), (60, "blob:Feature:000"));
    type_text(&mut state, " or");
    assert!(state.prompt.as_ref().unwrap().error.as_ref().unwrap().contains("at character 8: expected a pattern"));
    assert_eq!(state.list.len(), 60, "the last filter that is one stays");
    type_text(&mut state, "\n");
    assert!(state.prompt.is_some(), "what is no filter cannot be accepted");
    type_text(&mut state, " menu\n");
    assert!(state.prompt.is_none());
    assert_eq!((state.list.len(), first(&state).as_str()), (61, "blob:Feature:000"));
    press(&mut state, Command::Filter);
    assert_eq!(state.prompt.as_ref().unwrap().input.value(), "blob or menu");
    type_text(&mut state, "\x1b");
    assert_eq!((state.prompt.is_none(), state.list.len()), (true, 65));
}

#[test]
fn a_filter_is_inverted_and_back_cleared_last() {
    let mut state = state(sample::flash_sale());
    press(&mut state, Command::Invert);
    assert!(state.note.as_ref().unwrap().contains("no filter to invert"));
    press(&mut state, Command::Filter);
    type_text(&mut state, "blob or menu\n");
    press(&mut state, Command::Invert);
    assert_eq!((state.view.filter.as_ref().unwrap().source(), state.list.len()), ("!(blob or menu)", 4));
    press(&mut state, Command::Invert);
    assert_eq!((state.view.filter.as_ref().unwrap().source(), state.list.len()), ("blob or menu", 61));
    go(&mut state, Motion::Down);
    press(&mut state, Command::Back);
    assert!(state.list.cursor.is_none() && state.view.filter.is_some());
    press(&mut state, Command::Back);
    assert_eq!((state.view.filter.is_none(), state.list.len()), (true, 65));
}

#[test]
fn the_selection_moves_while_a_filter_is_typed() {
    let mut state = state(sample::flash_sale());
    press(&mut state, Command::Filter);
    type_text(&mut state, "blob");
    update(&mut state, Action::Typed(KeyEvent::new(KeyCode::Down, KeyModifiers::NONE)));
    update(&mut state, Action::Typed(KeyEvent::new(KeyCode::Down, KeyModifiers::NONE)));
    assert_eq!(selected(&state), "blob:Feature:001");
}

#[test]
fn details_are_those_of_the_selected_key_whatever_becomes_of_it() {
    let mut state = state(sample::flash_sale());
    press(&mut state, Command::Open);
    let key = |state: &State| state.selected_row().map(|row| row.key.escaped());
    let hot = Some("podYYYrails:NN::feature_rollout:percentages".to_owned());
    assert_eq!((state.place(), key(&state)), (Place::Detail, hot.clone()));
    press(&mut state, Command::Move(Motion::Down));
    assert_eq!(key(&state).as_deref(), Some("product:1"));
    press(&mut state, Command::Move(Motion::Up));
    state.view.filter = Some(Filter::parse("blob").unwrap());
    show(&mut state, sample::flash_sale());
    assert_eq!(key(&state), hot, "the filter does not matter");
    show(&mut state, sample::many(3));
    assert_eq!((state.place(), key(&state)), (Place::Detail, None), "another key is not shown in its place");
    press(&mut state, Command::Back);
    assert_eq!(state.place(), Place::Table);
}

#[test]
fn the_menu_sorts() {
    let mut state = state(sample::flash_sale());
    press(&mut state, Command::SortMenu);
    assert_eq!(state.place(), Place::Menu);
    go(&mut state, Motion::Last);
    press(&mut state, Command::Open);
    assert_eq!((state.view.sort, state.place()), (Column::ShareBytes, Place::Table));
    press(&mut state, Command::SortMenu);
    go(&mut state, Motion::First);
    press(&mut state, Command::Back);
    assert_eq!((state.view.sort, state.place()), (Column::ShareBytes, Place::Table));
}

fn mouse(state: &mut State, kind: MouseEventKind, column: u16, row: u16) {
    update(state, Action::Mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE }));
}

#[test]
fn the_mouse_sorts_selects_and_scrolls() {
    let mut state = state(sample::many(100));
    let click = MouseEventKind::Down(MouseButton::Left);
    mouse(&mut state, click, 79, 3);
    assert_eq!((state.view.sort, state.view.ascending), (Column::Bandwidth, false));
    mouse(&mut state, click, 79, 3);
    assert!(state.view.ascending);
    mouse(&mut state, click, 79, 3);
    mouse(&mut state, click, 10, 6);
    assert_eq!(selected(&state), "key:000002");
    mouse(&mut state, MouseEventKind::ScrollDown, 10, 6);
    assert_eq!((state.list.top, selected(&state).as_str()), (3, "key:000003"));
    mouse(&mut state, MouseEventKind::ScrollUp, 10, 6);
    assert_eq!((state.list.top, selected(&state).as_str()), (0, "key:000003"));
    mouse(&mut state, click, 10, 24);
    assert_eq!(selected(&state), "key:000003", "the footer is no row");
}

#[test]
fn a_click_in_the_menu_chooses() {
    let mut state = state(sample::many(100));
    let click = MouseEventKind::Down(MouseButton::Left);
    press(&mut state, Command::SortMenu);
    mouse(&mut state, click, 10, 3);
    assert_eq!((state.place(), state.view.sort), (Place::Menu, Column::Rate), "its title is no entry");
    mouse(&mut state, click, 10, 5);
    assert_eq!((state.place(), state.view.sort), (Place::Table, Column::Calls));
    update(&mut state, Action::Resize(Size { width: 80, height: 9 }));
    press(&mut state, Command::SortMenu);
    go(&mut state, Motion::Last);
    mouse(&mut state, click, 10, 6);
    assert_eq!((state.place(), state.view.sort), (Place::Table, Column::Bandwidth), "the last but one of those shown");
    press(&mut state, Command::SortMenu);
    mouse(&mut state, click, 10, 8);
    assert_eq!((state.place(), state.view.sort), (Place::Menu, Column::Bandwidth), "the footer is no entry");
}

#[test]
fn what_is_copied_is_harmless() {
    let mut state = state(sample::hostile());
    assert_eq!(press(&mut state, Command::Copy).copy, None);
    go(&mut state, Motion::First);
    let effects = press(&mut state, Command::Copy);
    assert_eq!(effects.copy.as_deref(), Some("\\x1b[2J\\x1b[31mred\\x07"));
    assert!(state.note.as_ref().unwrap().ends_with(", escaped"));
    go(&mut state, Motion::Last);
    assert_eq!(press(&mut state, Command::Copy).copy.as_deref(), Some("plain"));
    go(&mut state, Motion::Up);
    assert_eq!(press(&mut state, Command::Copy).copy.as_deref(), Some("back\\slash"));
}

#[test]
fn what_is_written_is_what_is_shown() {
    let mut state = state(sample::many(3));
    press(&mut state, Command::Pause);
    show(&mut state, sample::flash_sale());
    let picture = press(&mut state, Command::Write).write.unwrap();
    assert_eq!((picture.snapshot.rows.len(), picture.view.sort), (3, Column::Rate));
}

#[test]
fn totals_begin_anew_at_the_source() {
    let mut state = state(sample::many(3));
    assert_eq!(press(&mut state, Command::Reset).controls, [Control::Reset]);
    assert!(state.reset);
}

#[test]
fn a_family_comes_to_the_top_opens_and_closes() {
    let mut state = state(sample::flash_sale());
    press(&mut state, Command::SortBy(Column::Misses));
    press(&mut state, Command::SortBy(Column::Rate));
    press(&mut state, Command::Group);
    let families: Vec<String> = state.list.visible().map(|(_, row)| row.key.escaped()).collect();
    let place = families.iter().position(|key| key == "blob:Feature:*").unwrap();
    (0..=place).for_each(|_| go(&mut state, Motion::Down));
    press(&mut state, Command::Open);
    assert_eq!((state.list.len(), first(&state).as_str()), (60, "blob:Feature:000"));
    press(&mut state, Command::Filter);
    type_text(&mut state, "05\n");
    assert_eq!(state.list.len(), 11);
    press(&mut state, Command::Back);
    assert_eq!(state.list.len(), 60);
    press(&mut state, Command::Back);
    assert_eq!((selected(&state).as_str(), state.list.len()), ("blob:Feature:*", families.len()));
    for grouping in [":1", ":2", ":3"] {
        press(&mut state, Command::Group);
        assert_eq!(state.view.grouping.as_ref().unwrap().source(), grouping);
    }
    press(&mut state, Command::Group);
    assert_eq!((state.view.grouping.is_none(), state.list.len()), (true, 65));
}

#[test]
fn a_grouping_is_typed() {
    let mut state = state(sample::flash_sale());
    press(&mut state, Command::AskForGrouping);
    type_text(&mut state, "/^(blob");
    assert!(state.prompt.as_ref().unwrap().error.is_some());
    type_text(&mut state, ")/\n");
    assert_eq!((state.prompt.is_none(), state.list.len()), (true, 6));
    press(&mut state, Command::Back);
    assert_eq!((state.view.grouping.is_none(), state.list.len()), (true, 65));
}

#[test]
fn hints_take_their_place_and_can_be_hidden() {
    let mut state = state(sample::incident());
    let page = state.page();
    press(&mut state, Command::Hints);
    let hints = state.hint_lines().to_vec();
    assert!(hints.iter().any(|hint| hint.starts_with("never hits · product:1")), "{hints:?}");
    assert_eq!(state.page(), page - hints.len().min(3));
    press(&mut state, Command::Open);
    assert!(state.hint_lines().is_empty(), "the details have the screen");
    press(&mut state, Command::Back);
    press(&mut state, Command::Hints);
    assert_eq!((state.hint_lines().len(), state.page()), (0, page));
}

/// What the source is told to look at.
fn looked_at(effects: &Effects) -> Option<Option<String>> {
    effects.controls.iter().find_map(|control| match control {
        Control::LookAt(id) => Some(id.as_ref().map(|(key, _)| key.escaped())),
        _ => None,
    })
}

#[test]
fn the_source_looks_at_the_key_whose_details_are_open() {
    let mut state = state(sample::flash_sale());
    assert_eq!(looked_at(&press(&mut state, Command::Move(Motion::Down))), None);
    let hot = "podYYYrails:NN::feature_rollout:percentages".to_owned();
    assert_eq!(looked_at(&press(&mut state, Command::Open)), Some(Some(hot)));
    assert_eq!(looked_at(&press(&mut state, Command::Pause)), None);
    let next = press(&mut state, Command::Move(Motion::Down));
    assert_eq!(looked_at(&next), Some(Some("product:1".to_owned())));
    let seen = Closeup::Failed((Key::new(b"product:1"), 0), "no".to_owned());
    let moment = Moment { closeup: seen, ..Arc::new(sample::flash_sale()).into() };
    assert_eq!(looked_at(&update(&mut state, Action::Update(Update::Moment(moment)))), None, "it is being looked at");
    assert!(matches!(state.closeup, Closeup::Failed(..)));
    assert_eq!(looked_at(&press(&mut state, Command::Back)), Some(None));
    assert!(matches!(state.closeup, Closeup::Nothing), "what was seen is of another key");
}

#[test]
fn no_group_is_looked_at_and_a_key_that_has_gone_still_is() {
    let mut state = state(sample::flash_sale());
    press(&mut state, Command::Group);
    let groups: Vec<bool> = state.list.visible().map(|(_, row)| row.keys > 1).collect();
    let group = groups.iter().position(|group| *group).unwrap();
    let key = groups.iter().position(|group| !group).unwrap();
    (0..=key).for_each(|_| go(&mut state, Motion::Down));
    assert!(looked_at(&press(&mut state, Command::Open)).unwrap().is_some());
    state.list.select(group);
    assert_eq!(looked_at(&press(&mut state, Command::Redraw)), Some(None));
    state.list.select(key);
    assert!(looked_at(&press(&mut state, Command::Redraw)).unwrap().is_some());
    let gone = update(&mut state, Action::Update(Update::Moment(Arc::new(sample::many(3)).into())));
    assert_eq!((looked_at(&gone), state.selected_row()), (None, None));
}
