//! A huge value that is read less than once an interval is ranked first, and stays there, with rates over the window.

use mctop_test_support::captures::{capture_file, interval};
use mctop_test_support::terminal::Terminal;
use serde_json::{Value, json};
use tempfile::NamedTempFile;

/// A minute in which a value of 3 MB is read every four seconds, starting with the first, among keys that are called all the time.
fn rare() -> NamedTempFile {
    let each = |second: u64| {
        let mut keys = vec![
            json!({"key": "config:all", "hits": 4_000, "bytes_out": 400_000, "size": 100}),
            json!({"key": "session:1", "hits": 1_000, "bytes_out": 300_000, "size": 300}),
        ];
        if second.is_multiple_of(4) {
            keys.push(json!({"key": "menu:json", "hits": 1, "bytes_out": 3_145_728, "size": 3_145_728}));
        }
        interval(second, &keys)
    };
    let intervals: Vec<Value> = (0..60).map(each).collect();
    capture_file(&intervals)
}

/// Paused after the first interval, sorted by bandwidth.
fn replay(file: &NamedTempFile, more: &[&str]) -> Terminal {
    let path = file.path().to_str().unwrap();
    let mut terminal = Terminal::run(&[&["replay", path, "--no-hints", "--sort", "bandwidth"], more].concat());
    terminal.wait_for("config:all");
    terminal.press(" 0");
    terminal.wait_for("PAUSED");
    terminal.wait_for(" 0:01/1:00 ");
    terminal
}

fn first(terminal: &Terminal) -> String {
    terminal.rows().first().cloned().unwrap_or_default()
}

/// Steps by one interval, to the end of this second.
fn step(terminal: &mut Terminal, second: u64) {
    terminal.press(".");
    // Narrow terminals leave out the length.
    let printed = [format!(" 0:{second:02}/1:00 "), format!(" 0:{second:02} ×1 ")];
    terminal.wait(&printed[0], |terminal| printed.iter().any(|printed| terminal.text().contains(printed)));
}

#[test]
fn w_ranks_a_rare_huge_value_first() {
    let file = rare();
    let mut terminal = replay(&file, &[]);
    terminal.wait("the first interval, in which it is read", |terminal| first(terminal).starts_with("menu:json "));
    step(&mut terminal, 2);
    terminal.wait("it has sunk", |terminal| first(terminal).starts_with("config:all "));
    assert!(terminal.headers().contains(" 1.0 s "), "{}", terminal.text());
    assert!(terminal.text().contains("\nlast 1.0 s: 5,000 calls/s "), "{}", terminal.text());
    terminal.press("W");
    terminal.wait("it is first", |terminal| {
        first(terminal).starts_with("menu:json ") && first(terminal).contains(" 1.6 MB")
    });
    terminal.wait_for("rates are over the last minute; W switches to the last interval");
    for second in 3..=13 {
        step(&mut terminal, second);
        let printed = format!(" {second}.0 s ");
        terminal.wait("the window of the header", |terminal| terminal.headers().contains(&printed));
        assert!(first(&terminal).starts_with("menu:json "), "{}", terminal.text());
    }
    step(&mut terminal, 14);
    terminal.press("W");
    terminal.wait("it has sunk again", |terminal| {
        first(terminal).starts_with("config:all ") && terminal.headers().contains(" 1.0 s ")
    });
    terminal.quit();
}

#[test]
fn rates_over_the_window_can_be_set_on_the_command_line_and_are_labelled_on_the_smallest_screen() {
    let file = rare();
    let mut terminal = replay(&file, &["--rates", "window"]);
    terminal.resize(6, 40);
    for second in 2..=5 {
        step(&mut terminal, second);
        let printed = format!("last {second}.0 s");
        terminal.wait("the span above the row", |terminal| {
            terminal.headers().contains(&printed) && terminal.text().contains(&format!("{printed}: "))
        });
        assert!(first(&terminal).starts_with("menu:json "), "{}", terminal.text());
    }
    terminal.quit();
}
