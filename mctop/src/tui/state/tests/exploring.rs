//! Filters, details, groups, the menu and the mouse; copying and writing.

use super::*;
use crate::model::key::Key;

#[test]
fn a_filter_applies_as_it_is_typed() {
    let mut state = state(sample::flash_sale());
    press(&mut state, TuiCommand::Filter);
    type_text(&mut state, "blob");
    assert_eq!((state.list.len(), first(&state).as_str()), (60, "blob:Feature:000"));
    type_text(&mut state, " or");
    assert!(state.prompt.as_ref().unwrap().error.as_ref().unwrap().contains("at character 8: expected a pattern"));
    assert_eq!(state.list.len(), 60, "the last valid filter stays");
    type_text(&mut state, "\n");
    assert!(state.prompt.is_some(), "an invalid filter cannot be accepted");
    type_text(&mut state, " menu\n");
    assert!(state.prompt.is_none());
    assert_eq!((state.list.len(), first(&state).as_str()), (61, "blob:Feature:000"));
    press(&mut state, TuiCommand::Filter);
    assert_eq!(state.prompt.as_ref().unwrap().input.value(), "blob or menu");
    type_text(&mut state, "\x1b");
    assert_eq!((state.prompt.is_none(), state.list.len()), (true, 65));
}

#[test]
fn a_filter_is_inverted_and_cleared_after_the_selection() {
    let mut state = state(sample::flash_sale());
    press(&mut state, TuiCommand::Invert);
    assert!(state.note.as_ref().unwrap().contains("no filter to invert"));
    press(&mut state, TuiCommand::Filter);
    type_text(&mut state, "blob or menu\n");
    press(&mut state, TuiCommand::Invert);
    assert_eq!((state.view.filter.as_ref().unwrap().source(), state.list.len()), ("!(blob or menu)", 4));
    press(&mut state, TuiCommand::Invert);
    assert_eq!((state.view.filter.as_ref().unwrap().source(), state.list.len()), ("blob or menu", 61));
    go(&mut state, Motion::Down);
    press(&mut state, TuiCommand::Back);
    assert!(state.list.cursor.is_none() && state.view.filter.is_some());
    press(&mut state, TuiCommand::Back);
    assert_eq!((state.view.filter.is_none(), state.list.len()), (true, 65));
}

#[test]
fn the_selection_moves_while_a_filter_is_typed() {
    let mut state = state(sample::flash_sale());
    press(&mut state, TuiCommand::Filter);
    type_text(&mut state, "blob");
    update(&mut state, Action::Typed(KeyEvent::new(KeyCode::Down, KeyModifiers::NONE)));
    update(&mut state, Action::Typed(KeyEvent::new(KeyCode::Down, KeyModifiers::NONE)));
    assert_eq!(selected(&state), "blob:Feature:001");
}

#[test]
fn details_stay_on_the_selected_key() {
    let mut state = state(sample::flash_sale());
    press(&mut state, TuiCommand::Open);
    let key = |state: &State| state.selected_row().map(|row| row.key.escaped());
    let hot = Some("podYYYrails:NN::feature_rollout:percentages".to_owned());
    assert_eq!((state.key_context(), key(&state)), (KeyContext::Detail, hot.clone()));
    press(&mut state, TuiCommand::Move(Motion::Down));
    assert_eq!(key(&state).as_deref(), Some("product:1"));
    press(&mut state, TuiCommand::Move(Motion::Up));
    state.view.filter = Some(Filter::parse("blob").unwrap());
    show(&mut state, sample::flash_sale());
    assert_eq!(key(&state), hot, "the filter does not matter");
    show(&mut state, sample::many(3));
    assert_eq!((state.key_context(), key(&state)), (KeyContext::Detail, None), "no other key is shown instead");
    press(&mut state, TuiCommand::Back);
    assert_eq!(state.key_context(), KeyContext::Table);
}

#[test]
fn the_menu_sorts() {
    let mut state = state(sample::flash_sale());
    press(&mut state, TuiCommand::SortMenu);
    assert_eq!(state.key_context(), KeyContext::Menu);
    go(&mut state, Motion::Last);
    press(&mut state, TuiCommand::Open);
    assert_eq!((state.view.sort, state.key_context()), (Column::ShareBytes, KeyContext::Table));
    press(&mut state, TuiCommand::SortMenu);
    go(&mut state, Motion::First);
    press(&mut state, TuiCommand::Back);
    assert_eq!((state.view.sort, state.key_context()), (Column::ShareBytes, KeyContext::Table));
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
    assert_eq!(selected(&state), "key:000003", "the footer is not a row");
}

#[test]
fn a_click_in_the_menu_chooses() {
    let mut state = state(sample::many(100));
    let click = MouseEventKind::Down(MouseButton::Left);
    press(&mut state, TuiCommand::SortMenu);
    mouse(&mut state, click, 10, 3);
    assert_eq!((state.key_context(), state.view.sort), (KeyContext::Menu, Column::Rate), "the title is not an entry");
    mouse(&mut state, click, 10, 5);
    assert_eq!((state.key_context(), state.view.sort), (KeyContext::Table, Column::Calls));
    update(&mut state, Action::Resize(Size { width: 80, height: 9 }));
    press(&mut state, TuiCommand::SortMenu);
    go(&mut state, Motion::Last);
    mouse(&mut state, click, 10, 6);
    assert_eq!(
        (state.key_context(), state.view.sort),
        (KeyContext::Table, Column::Bandwidth),
        "the second to last entry shown"
    );
    press(&mut state, TuiCommand::SortMenu);
    mouse(&mut state, click, 10, 8);
    assert_eq!(
        (state.key_context(), state.view.sort),
        (KeyContext::Menu, Column::Bandwidth),
        "the footer is not an entry"
    );
}

#[test]
fn copied_keys_are_escaped() {
    let mut state = state(sample::hostile());
    assert_eq!(press(&mut state, TuiCommand::Copy).copy, None);
    go(&mut state, Motion::First);
    let effects = press(&mut state, TuiCommand::Copy);
    assert_eq!(effects.copy.as_deref(), Some("\\x1b[2J\\x1b[31mred\\x07"));
    assert!(state.note.as_ref().unwrap().contains("(escaped)"));
    go(&mut state, Motion::Last);
    assert_eq!(press(&mut state, TuiCommand::Copy).copy.as_deref(), Some("plain"));
    go(&mut state, Motion::Up);
    assert_eq!(press(&mut state, TuiCommand::Copy).copy.as_deref(), Some("back\\slash"));
}

#[test]
fn the_shown_view_is_written() {
    let mut state = state(sample::many(3));
    press(&mut state, TuiCommand::Pause);
    show(&mut state, sample::flash_sale());
    let export = press(&mut state, TuiCommand::Write).write.unwrap();
    assert_eq!((export.snapshot.rows.len(), export.view.sort), (3, Column::Rate));
}

#[test]
fn the_source_resets_the_totals() {
    let mut state = state(sample::many(3));
    assert_eq!(press(&mut state, TuiCommand::Reset).requests, [Request::Reset]);
    assert!(state.reset);
}

#[test]
fn a_family_comes_to_the_top_opens_and_closes() {
    let mut state = state(sample::flash_sale());
    press(&mut state, TuiCommand::SortBy(Column::Misses));
    press(&mut state, TuiCommand::SortBy(Column::Rate));
    press(&mut state, TuiCommand::Group);
    let families: Vec<String> = state.list.visible().map(|(_, row)| row.key.escaped()).collect();
    let place = families.iter().position(|key| key == "blob:Feature:*").unwrap();
    (0..=place).for_each(|_| go(&mut state, Motion::Down));
    press(&mut state, TuiCommand::Open);
    assert_eq!((state.list.len(), first(&state).as_str()), (60, "blob:Feature:000"));
    press(&mut state, TuiCommand::Filter);
    type_text(&mut state, "05\n");
    assert_eq!(state.list.len(), 11);
    press(&mut state, TuiCommand::Back);
    assert_eq!(state.list.len(), 60);
    press(&mut state, TuiCommand::Back);
    assert_eq!((selected(&state).as_str(), state.list.len()), ("blob:Feature:*", families.len()));
    for grouping in [":1", ":2", ":3"] {
        press(&mut state, TuiCommand::Group);
        assert_eq!(state.view.grouping.as_ref().unwrap().source(), grouping);
    }
    press(&mut state, TuiCommand::Group);
    assert_eq!((state.view.grouping.is_none(), state.list.len()), (true, 65));
}

#[test]
fn a_grouping_is_typed() {
    let mut state = state(sample::flash_sale());
    press(&mut state, TuiCommand::AskForGrouping);
    type_text(&mut state, "/^(blob");
    assert!(state.prompt.as_ref().unwrap().error.is_some());
    type_text(&mut state, ")/\n");
    assert_eq!((state.prompt.is_none(), state.list.len()), (true, 6));
    press(&mut state, TuiCommand::Back);
    assert_eq!((state.view.grouping.is_none(), state.list.len()), (true, 65));
}

#[test]
fn hints_take_space_from_the_table_and_can_be_hidden() {
    let mut state = state(sample::incident());
    let page = state.page();
    press(&mut state, TuiCommand::Hints);
    let hints = state.hint_lines().to_vec();
    assert!(hints.iter().any(|hint| hint.starts_with("never hits · product:1")), "{hints:?}");
    assert_eq!(state.page(), page - hints.len().min(3));
    press(&mut state, TuiCommand::Open);
    assert!(state.hint_lines().is_empty(), "details replace the hints");
    press(&mut state, TuiCommand::Back);
    press(&mut state, TuiCommand::Hints);
    assert_eq!((state.hint_lines().len(), state.page()), (0, page));
}

/// The key that the source is asked to watch, if the effects contain such a request.
fn watched(effects: &Effects) -> Option<Option<String>> {
    effects.requests.iter().find_map(|control| match control {
        Request::WatchKey(id) => Some(id.as_ref().map(|(key, _)| key.escaped())),
        _ => None,
    })
}

#[test]
fn the_source_watches_the_key_whose_details_are_open() {
    let mut state = state(sample::flash_sale());
    assert_eq!(watched(&press(&mut state, TuiCommand::Move(Motion::Down))), None);
    let hot = "podYYYrails:NN::feature_rollout:percentages".to_owned();
    assert_eq!(watched(&press(&mut state, TuiCommand::Open)), Some(Some(hot)));
    assert_eq!(watched(&press(&mut state, TuiCommand::Pause)), None);
    let next = press(&mut state, TuiCommand::Move(Motion::Down));
    assert_eq!(watched(&next), Some(Some("product:1".to_owned())));
    let seen = KeyDetailStatus::Failed((Key::new(b"product:1"), 0), "no".to_owned());
    let frame = Frame { key_detail: seen, ..Arc::new(sample::flash_sale()).into() };
    assert_eq!(watched(&update(&mut state, Action::Update(Update::Frame(frame)))), None, "it is already watched");
    assert!(matches!(state.key_detail, KeyDetailStatus::Failed(..)));
    assert_eq!(watched(&press(&mut state, TuiCommand::Back)), Some(None));
    assert!(matches!(state.key_detail, KeyDetailStatus::Waiting), "measurements of another key are dropped");
}

#[test]
fn groups_are_not_watched_but_a_key_that_is_gone_is() {
    let mut state = state(sample::flash_sale());
    press(&mut state, TuiCommand::Group);
    let groups: Vec<bool> = state.list.visible().map(|(_, row)| row.keys > 1).collect();
    let group = groups.iter().position(|group| *group).unwrap();
    let key = groups.iter().position(|group| !group).unwrap();
    (0..=key).for_each(|_| go(&mut state, Motion::Down));
    assert!(watched(&press(&mut state, TuiCommand::Open)).unwrap().is_some());
    state.list.select(group);
    assert_eq!(watched(&press(&mut state, TuiCommand::Redraw)), Some(None));
    state.list.select(key);
    assert!(watched(&press(&mut state, TuiCommand::Redraw)).unwrap().is_some());
    let gone = update(&mut state, Action::Update(Update::Frame(Arc::new(sample::many(3)).into())));
    assert_eq!((watched(&gone), state.selected_row()), (None, None));
}
