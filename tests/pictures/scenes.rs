//! The scenes of the pictures: position in the capture, size of the screen, and keys pressed.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use mctop::internal::{
    Frame, HeadlessTable, IntervalIndex, KeyDetailStatus, Palette, Playback, Replay, Settings, Theme, TuiOptions,
    UNICODE,
};
use mctop::{Limits, Origin, Reader};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// A picture.
pub struct Scene {
    /// Name of its file.
    pub name: &'static str,
    /// The text alternative.
    pub title: &'static str,
    /// Columns and rows of the screen.
    pub size: (u16, u16),
    /// Keys pressed, `\n` for Enter.
    pub keys: &'static str,
}

/// All pictures.
pub const SCENES: &[Scene] = &[
    Scene {
        name: "table",
        title: "The live table: one key is called far more often than all others, and has become more by a factor",
        size: (110, 24),
        keys: "H",
    },
    Scene {
        name: "groups",
        title: "Grouped by template: the keys of a family are one row",
        size: (110, 24),
        keys: "Ha",
    },
    Scene {
        name: "hints",
        title: "Hints below the table say what to look at, each with its evidence",
        size: (110, 24),
        keys: "",
    },
    Scene {
        name: "detail",
        title: "The details of a key: figures, and charts of calls, bytes and hit ratio",
        size: (110, 30),
        keys: "g\n",
    },
    Scene { name: "help", title: "The help: every key and what it does", size: (110, 44), keys: "?" },
];

/// The position in the capture, in seconds: 15 s after the start of the sale.
const MOMENT: Duration = Duration::from_secs(75);

/// The frame of a scene of a capture, which the picture calls `name`.
pub fn frame(scene: &Scene, capture: &Path, name: &str) -> Buffer {
    let index = IntervalIndex::read(capture).unwrap();
    let length = index.length();
    let mut replay = Replay::new(|| Reader::open(capture), index, Limits::default()).unwrap();
    let mut snapshot = replay.seek(MOMENT).unwrap();
    snapshot.origin = Origin::Recorded { file: name.to_owned() };
    let options = TuiOptions::new(Settings::default(), Theme { glyphs: UNICODE, palette: Palette::Dark });
    let mut table = HeadlessTable::new(options, scene.size);
    let playback = Some(Playback { position: replay.position(), length, speed: 1.0, paused: false });
    table.show(Frame { snapshot: Arc::new(snapshot), key_detail: KeyDetailStatus::Waiting, playback });
    while table.run_job().is_some() {}
    for key in scene.keys.chars() {
        let code = if key == '\n' { KeyCode::Enter } else { KeyCode::Char(key) };
        table.press(KeyEvent::new(code, KeyModifiers::NONE));
        while table.run_job().is_some() {}
    }
    // The result of the last command disappears after a moment.
    table.press(KeyEvent::new(KeyCode::Char('l'), KeyModifiers::CONTROL));
    let (width, height) = scene.size;
    let mut buffer = Buffer::empty(Rect { width, height, ..Rect::default() });
    table.draw(&mut buffer);
    buffer
}
