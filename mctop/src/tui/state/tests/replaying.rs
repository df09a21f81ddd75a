//! A capture is moved about in.

use super::*;
use crate::model::snapshot::Origin;
use crate::tui::feed::{Play, Playback};
use crate::tui::keymap;

fn moment(second: u64) -> Moment {
    let mut snapshot = sample::many(10 + second);
    snapshot.origin = Origin::Recorded { file: "sale.ndjson".to_owned() };
    let playback =
        Playback { position: Duration::from_secs(second), length: Duration::from_secs(90), speed: 1.0, held: false };
    Moment { playback: Some(playback), ..Arc::new(snapshot).into() }
}

fn press_key(state: &mut State, code: KeyCode) -> Vec<Control> {
    let command = keymap::command(&KeyEvent::new(code, KeyModifiers::NONE), state.place(), state.mode());
    press(state, command.unwrap()).controls
}

#[test]
fn keys_move_the_capture_and_not_the_view() {
    let mut state = state(sample::many(3));
    assert_eq!(state.mode(), Mode::Live);
    update(&mut state, Action::Update(Update::Moment(moment(5))));
    assert_eq!(state.mode(), Mode::Replay);
    for (code, play) in [
        (KeyCode::Char(' '), Play::Hold),
        (KeyCode::Left, Play::Jump(-10)),
        (KeyCode::Right, Play::Jump(10)),
        (KeyCode::Char('['), Play::Jump(-60)),
        (KeyCode::Char(']'), Play::Jump(60)),
        (KeyCode::Char('0'), Play::Begin),
        (KeyCode::Char('$'), Play::End),
        (KeyCode::Char('.'), Play::Next),
        (KeyCode::Char(','), Play::Previous),
        (KeyCode::Char('+'), Play::Faster),
        (KeyCode::Char('-'), Play::Slower),
    ] {
        assert_eq!(press_key(&mut state, code), [Control::Play(play)], "{code:?}");
    }
    assert!(state.paused.is_none() && !state.ticks(), "time stands in the capture, not on the screen");
    assert_eq!(state.interval, Duration::from_secs(1));
    let reset = KeyEvent::new(KeyCode::Char('r'), KeyModifiers::CONTROL);
    assert_eq!(keymap::command(&reset, state.place(), state.mode()), None, "a capture has one begin");
}

#[test]
fn the_end_of_a_capture_is_not_for_ever() {
    let mut state = state(sample::many(3));
    update(&mut state, Action::Update(Update::EndedWith(moment(90), "End of the capture.".to_owned())));
    assert_eq!((&state.phase, state.list.len()), (&Phase::Ended("End of the capture.".to_owned()), 100));
    update(&mut state, Action::Update(Update::Moment(moment(80))));
    assert_eq!((&state.phase, state.list.len()), (&Phase::Running, 90));
    assert_eq!(state.playback.unwrap().position, Duration::from_secs(80));
}
