//! Time in a replay: it advances, pauses, goes back, and its position is shown.

use mctop_test_support::captures::{capture_file, interval};
use mctop_test_support::terminal::Terminal;
use serde_json::{Value, json};
use tempfile::NamedTempFile;

/// Seconds of the capture: so many that no test reaches its end by waiting.
const LENGTH: u64 = 300;

/// A capture in which a key is called once in the first second, twice in the second, and so on, so that its calls show the position
/// of the replay. A second key appears after a minute.
fn counting() -> NamedTempFile {
    let each = |second: u64| {
        let mut keys: Vec<Value> = vec![json!({"key": "counter", "hits": second + 1})];
        if second >= 60 {
            keys.push(json!({"key": "late", "hits": 1}));
        }
        interval(second, &keys)
    };
    let intervals: Vec<Value> = (0..LENGTH).map(each).collect();
    capture_file(&intervals)
}

fn replay(file: &NamedTempFile) -> Terminal {
    let terminal = Terminal::run(&["replay", file.path().to_str().unwrap(), "--no-hints", "--columns", "rate,calls"]);
    terminal.wait_for("counter");
    terminal
}

/// Whether the header and the figures are those at the end of a second.
fn is_at(terminal: &Terminal, second: u64) -> bool {
    let position = format!(" {}:{:02}/5:00 ", second / 60, second % 60);
    let row = terminal.rows().into_iter().find(|row| row.starts_with("counter")).unwrap_or_default();
    let figures: Vec<String> = row.split_whitespace().rev().take(2).map(|figure| figure.replace(',', "")).collect();
    let rate = if second < 100 { format!("{second}.0") } else { second.to_string() };
    terminal.text().contains(&position) && figures == [(second * (second + 1) / 2).to_string(), rate]
}

fn wait_until_at(terminal: &Terminal, second: u64) {
    terminal.wait(&format!("second {second}"), |terminal| is_at(terminal, second));
}

#[test]
fn a_replay_pauses_steps_and_seeks() {
    let file = counting();
    let mut terminal = replay(&file);
    terminal.press(" 0");
    terminal.wait_for("PAUSED");
    wait_until_at(&terminal, 1);
    for (key, second) in [
        ("\x1b[C", 11),
        ("\x1b[C", 21),
        ("\x1b[D", 11),
        (".", 12),
        (".", 13),
        (",", 12),
        ("]", 72),
        ("]]", 192),
        ("[", 132),
        ("$", 300),
        ("\x1b[D", 290),
        ("0", 1),
        (",", 1),
        ("[", 1),
        ("]\x1b[C", 71),
    ] {
        terminal.press(key);
        if second == 1 {
            // The next step shows whether it went below the first interval.
            terminal.press("\x1b[C");
            wait_until_at(&terminal, 11);
            terminal.press("0");
        }
        wait_until_at(&terminal, second);
        assert_eq!(terminal.text().contains("ENDED"), second == 300, "{}", terminal.text());
        assert_eq!(terminal.rows().iter().any(|row| row.starts_with("late")), second > 60, "{}", terminal.text());
        assert!(terminal.text().contains("PAUSED"));
    }
    terminal.press("$");
    terminal.wait_for("End of the capture.");
    terminal.quit();
}

#[test]
fn a_replay_advances_by_itself_at_the_chosen_speed() {
    let file = counting();
    let mut terminal = replay(&file);
    terminal.wait("time to pass", |terminal| !terminal.text().contains(" 0:01/5:00 ×1 "));
    terminal.press("++++");
    terminal.wait_for("×20");
    terminal.wait("a minute", |terminal| terminal.rows().iter().any(|row| row.starts_with("late")));
    terminal.press("+++");
    terminal.wait_for("×60");
    terminal.wait_for("ENDED");
    wait_until_at(&terminal, LENGTH);
    terminal.press("-------- 0");
    terminal.wait_for("×0.25");
    terminal.wait_for("PAUSED");
    wait_until_at(&terminal, 1);
    assert!(!terminal.text().contains("ENDED"));
    terminal.press(" ");
    terminal.wait("no pause", |terminal| !terminal.text().contains("PAUSED"));
    terminal.quit();
}

#[test]
fn the_keys_of_a_replay_are_in_its_help() {
    let file = counting();
    let mut terminal = replay(&file);
    terminal.resize(60, 100);
    terminal.press("?");
    terminal.wait_for("in a replay: back 10 s");
    let text = terminal.text();
    assert!(text.contains("in a replay: pause or resume") && !text.contains("shorter intervals"), "{text}");
    terminal.quit();
}

#[test]
fn damage_ends_the_replay_and_the_user_can_go_back() {
    let file = counting();
    let text = std::fs::read_to_string(file.path()).unwrap();
    let mut lines: Vec<&str> = text.lines().collect();
    lines[31] = r#"{"type":"interval","start_s":30,"end_s":31,"total":{},"keys":7}"#;
    std::fs::write(file.path(), lines.join("\n")).unwrap();
    let mut terminal = replay(&file);
    terminal.press("$");
    terminal.wait_for("line 32 of");
    terminal.wait("the last good picture", |terminal| terminal.text().contains(" 0:30/"));
    terminal.press("\x1b[D");
    terminal.wait("ten seconds before", |terminal| {
        terminal.text().contains(" 0:20/") && !terminal.text().contains("ENDED")
    });
    terminal.quit();
}
