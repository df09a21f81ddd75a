//! No control sequence in a key or elsewhere in a capture reaches the terminal.

use mctop_test_support::captures::{capture, interval};
use mctop_test_support::terminal::{Terminal, count};
use serde_json::json;
use tempfile::TempDir;

/// Sequences that mctop itself never sends.
const SEQUENCES: [&str; 7] =
    ["\x1b]0;owned\x07", "\x1b[6n", "\x1b[999;999H", "\x1bP+q544e\x1b\\", "\u{9b}31m", "\u{202e}", "\u{200b}"];

#[test]
fn no_sequence_reaches_the_terminal() {
    let mut keys: Vec<_> = SEQUENCES.iter().map(|sequence| json!({"key": format!("k{sequence}"), "hits": 2})).collect();
    keys.push(json!({"key_b64": "a/8bWzZu", "hits": 1}));
    keys.push(json!({"key": "plain", "hits": 1}));
    let evil = SEQUENCES.concat();
    let mut text = String::from_utf8(capture(&[interval(0, &keys)])).unwrap();
    for honest in ["web-1", "6.1.0", "1.6.18", "127.0.0.1:11211", "/usr/bin/memcached"] {
        text = text.replace(&format!("\"{honest}\""), &json!(evil).to_string());
    }
    text = text.replace("\"notes\":[]", &format!("\"notes\":[{}]", json!(evil)));
    let directory = TempDir::new().unwrap();
    let path = directory.path().join(format!("capture{}", SEQUENCES[0]));
    std::fs::write(&path, &text).unwrap();

    let mut terminal = Terminal::run(&["replay", path.to_str().unwrap()]);
    terminal.wait_for("plain");
    for shown in ["k\\x1b]0;owned\\x07", "k\\x1b[6n", "k\\u{9b}31m", "k\\u{202e}", "k\\u{200b}", "k\\xff\\x1b[6n"] {
        assert!(terminal.rows().iter().any(|row| row.starts_with(shown)), "{shown} is not in\n{}", terminal.text());
    }
    assert_eq!(terminal.rows().len(), keys.len());
    // The help shows texts of the server, too.
    let has_line = |terminal: &Terminal, start: &str| terminal.text().lines().any(|line| line.starts_with(start));
    terminal.press("?G");
    terminal.wait("the end of the help", |terminal| has_line(terminal, "note: ") && !has_line(terminal, "q Q ^c"));
    terminal.resize(90, 200);
    terminal.wait("all of the help", |terminal| has_line(terminal, "note: ") && has_line(terminal, "q Q ^c"));
    terminal.press("?");
    terminal.wait_for("plain");
    terminal.quit();
    let raw = terminal.raw();
    for sequence in SEQUENCES {
        assert_eq!(count(&raw, sequence.as_bytes()), 0, "{sequence:?} was sent");
    }
    assert_eq!(count(&raw, b"\x07"), 0, "the bell");
}
