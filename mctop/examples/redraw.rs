//! From a key press to what the terminal is sent, with as many keys as a busy server has:
//! `cargo run --release -p mctop --example redraw [KEYS]`.
//!
//! Two times are told: to the first frame, which the loop draws at once, and to the frame in the new order, whose ranking the
//! live table makes beside its loop.

#![allow(clippy::unwrap_used, reason = "an example that cannot go on has failed")]

use std::cell::Cell;
use std::io::{self, Write};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use mctop::internal::{
    ConfigSettings as Settings, Frame, HeadlessTable, JobKind, Outcomes, Palette, Theme, TuiOptions, UNICODE,
};
use mctop::{Counts, Header, Interval, Key, Limits, Model, Record, Snapshot, Ttl};
use ratatui::backend::CrosstermBackend;
use ratatui::layout::Rect;
use ratatui::{Terminal, TerminalOptions, Viewport};

/// Seconds observed: a whole sliding window, so that every course is full.
const SECONDS: u64 = 60;
/// Times that each key is pressed.
const TIMES: usize = 30;

fn main() {
    let keys = std::env::args().nth(1).map_or(100_000, |keys| keys.parse().unwrap());
    let snapshot = Arc::new(observed(keys));
    println!("{} keys; median and maximum of {TIMES} key presses, ms", snapshot.rows.len());
    for size in [(80, 24), (300, 100)] {
        for (name, before, pressed) in [
            ("sort", "", "SBLCR"),
            ("rates", "B", "W"),
            ("filter", "/", "shop-1"),
            ("move", "", "jjjjGkkkkg"),
            ("group", "", "a"),
            ("sort groups", "a", "SBLCR"),
        ] {
            measure(name, size, &snapshot, before, pressed);
        }
    }
}

fn measure(name: &str, size: (u16, u16), snapshot: &Arc<Snapshot>, before: &str, pressed: &str) {
    let (mut first, mut ordered, mut courses) = (Vec::new(), Vec::new(), Vec::new());
    let sent = Rc::new(Cell::new(0));
    let mut most = 0;
    let (width, height) = size;
    let viewport = Viewport::Fixed(Rect { width, height, ..Rect::default() });
    let mut terminal =
        Terminal::with_options(CrosstermBackend::new(Counter(Rc::clone(&sent))), TerminalOptions { viewport }).unwrap();
    let mut table = shown(size, snapshot, before);
    let mut pressed_keys = pressed.chars().cycle();
    for number in 0..TIMES {
        if number % pressed.len() == 0 {
            table = shown(size, snapshot, before);
        }
        terminal.draw(|frame| table.draw(frame.buffer_mut())).unwrap();
        sent.set(0);
        let key = KeyEvent::new(KeyCode::Char(pressed_keys.next().unwrap()), KeyModifiers::NONE);
        let begin = Instant::now();
        table.press(key);
        terminal.draw(|frame| table.draw(frame.buffer_mut())).unwrap();
        first.push(begin.elapsed());
        while let Some(step) = table.run_job() {
            terminal.draw(|frame| table.draw(frame.buffer_mut())).unwrap();
            match step {
                JobKind::Prepare => {}
                JobKind::Rank => ordered.push(begin.elapsed()),
                JobKind::GroupHistories => courses.push(begin.elapsed()),
            }
        }
        most = most.max(sent.get());
    }
    println!(
        "{width}x{height} {name:<12} first frame {}  in order {}  courses of groups {}  at most {most} bytes sent",
        told(first),
        told(ordered),
        told(courses)
    );
}

/// Counts what a terminal would be sent.
struct Counter(Rc<Cell<usize>>);

impl Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.set(self.0.get() + bytes.len());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The table with a snapshot on it, after these keys.
fn shown(size: (u16, u16), snapshot: &Arc<Snapshot>, keys: &str) -> HeadlessTable {
    let options = TuiOptions::new(Settings::default(), Theme { glyphs: UNICODE, palette: Palette::Dark });
    let mut table = HeadlessTable::new(options, size);
    table.show(Frame::from(Arc::clone(snapshot)));
    while table.run_job().is_some() {}
    for key in keys.chars() {
        table.press(KeyEvent::new(KeyCode::Char(key), KeyModifiers::NONE));
        while table.run_job().is_some() {}
    }
    table
}

fn told(mut times: Vec<Duration>) -> String {
    times.sort();
    let of = |time: Option<&Duration>| {
        time.map_or_else(|| "-".to_owned(), |time| format!("{:.2}", time.as_secs_f64() * 1e3))
    };
    format!("{:>6} {:>6}", of(times.get(times.len() / 2)), of(times.last()))
}

/// What a model makes of a minute in which each key is called every second, by Zipf's law.
fn observed(keys: u64) -> Snapshot {
    let mut model = Model::new(&Header::default(), Limits::for_memory(1 << 30));
    for second in 0..SECONDS {
        let mut total = Counts::default();
        let records = (0..keys)
            .map(|rank| {
                let size = 200 + (rank * 7_919 % 1_800) as u32;
                let hits = 1 + 100_000 / (rank + 1) + (rank + second) % 7;
                let counts = Counts { hits, bytes_out: hits * u64::from(size), ..Counts::default() };
                total += &counts;
                let key = format!("pod{:03}:rails:{}::shop-{rank}", rank % 40, rank % 7);
                let ttl = Ttl::Seconds(60 + (rank % 3_600) as u32);
                Record {
                    key: Key::new(key.as_bytes()),
                    target: 0,
                    counts,
                    size: Some(size),
                    ttl,
                    outcomes: Outcomes::default(),
                }
            })
            .collect();
        let (start, end) = (Duration::from_secs(second), Duration::from_secs(second + 1));
        model.fold(&Interval { start, end, total, ..Interval::default() }.with(records));
    }
    model.snapshot(false)
}
