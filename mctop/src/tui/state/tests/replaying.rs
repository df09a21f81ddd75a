//! Keys that control a replay.

use super::*;
use crate::model::snapshot::Origin;
use crate::tui::feed::{Playback, PlaybackCommand};
use crate::tui::keymap;

fn frame(second: u64) -> Frame {
    let mut snapshot = sample::many(10 + second);
    snapshot.origin = Origin::Recorded { file: "sale.ndjson".to_owned() };
    let playback =
        Playback { position: Duration::from_secs(second), length: Duration::from_secs(90), speed: 1.0, paused: false };
    Frame { playback: Some(playback), ..Arc::new(snapshot).into() }
}

fn press_key(state: &mut State, code: KeyCode) -> Vec<Request> {
    let command = keymap::command(&KeyEvent::new(code, KeyModifiers::NONE), state.key_context(), state.mode());
    press(state, command.unwrap()).requests
}

#[test]
fn keys_control_the_replay_and_not_the_view() {
    let mut state = state(sample::many(3));
    assert_eq!(state.mode(), Mode::Live);
    update(&mut state, Action::Update(Update::Frame(frame(5))));
    assert_eq!(state.mode(), Mode::Replay);
    for (code, play) in [
        (KeyCode::Char(' '), PlaybackCommand::TogglePause),
        (KeyCode::Left, PlaybackCommand::Jump(-10)),
        (KeyCode::Right, PlaybackCommand::Jump(10)),
        (KeyCode::Char('['), PlaybackCommand::Jump(-60)),
        (KeyCode::Char(']'), PlaybackCommand::Jump(60)),
        (KeyCode::Char('0'), PlaybackCommand::Start),
        (KeyCode::Char('$'), PlaybackCommand::End),
        (KeyCode::Char('.'), PlaybackCommand::StepForward),
        (KeyCode::Char(','), PlaybackCommand::StepBack),
        (KeyCode::Char('+'), PlaybackCommand::Faster),
        (KeyCode::Char('-'), PlaybackCommand::Slower),
    ] {
        assert_eq!(press_key(&mut state, code), [Request::Playback(play)], "{code:?}");
    }
    assert!(state.paused.is_none() && !state.ticks(), "the replay is paused, not the view");
    assert_eq!(state.interval, Duration::from_secs(1));
    let reset = KeyEvent::new(KeyCode::Char('r'), KeyModifiers::CONTROL);
    assert_eq!(
        keymap::command(&reset, state.key_context(), state.mode()),
        None,
        "the totals of a capture cannot be reset"
    );
}

#[test]
fn a_replay_can_go_back_from_the_end() {
    let mut state = state(sample::many(3));
    update(&mut state, Action::Update(Update::EndedWith(frame(90), "End of the capture.".to_owned())));
    assert_eq!((&state.phase, state.list.len()), (&Phase::Ended("End of the capture.".to_owned()), 100));
    update(&mut state, Action::Update(Update::Frame(frame(80))));
    assert_eq!((&state.phase, state.list.len()), (&Phase::Running, 90));
    assert_eq!(state.playback.unwrap().position, Duration::from_secs(80));
}
