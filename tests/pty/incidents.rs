//! A capture of an incident shows the cause at a glance, on 80 columns and 24 rows.

use mctop_test_support::captures::{capture_file, interval};
use mctop_test_support::terminal::Terminal;
use serde_json::{Value, json};
use tempfile::NamedTempFile;

const FAMILY: &str = "podXXX::M:blob:Feature:";

/// Ten seconds with a family of sixty keys none of which is the hottest, a cache that never hits, and a rarely read value of 3 MB.
fn incidents() -> NamedTempFile {
    let each = |second: u64| {
        let mut keys: Vec<Value> = (0..60)
            .map(|n| json!({"key": format!("{FAMILY}{n}:SHOP"), "hits": 1_000, "bytes_out": 200_000, "size": 200}))
            .collect();
        keys.push(json!({"key": "config:all", "hits": 4_000, "bytes_out": 400_000, "size": 100}));
        keys.push(json!({"key": "menu:json", "hits": 8, "bytes_out": 25_165_824, "size": 3_145_728}));
        keys.push(json!({"key": "product:41207", "misses": 700, "sets": 700, "size": 0}));
        interval(second, &keys)
    };
    let intervals: Vec<Value> = (0..10).map(each).collect();
    capture_file(&intervals)
}

/// Replays to the end.
fn replay(file: &NamedTempFile) -> Terminal {
    let mut terminal = Terminal::run(&["replay", file.path().to_str().unwrap()]);
    terminal.wait_for("config:all");
    terminal.press("$");
    terminal.wait_for("End of the capture.");
    terminal
}

fn first_is(terminal: &Terminal, key: &str) -> bool {
    terminal.rows().first().is_some_and(|row| row.starts_with(key))
}

#[test]
fn one_keystroke_shows_the_family_on_top() {
    let file = incidents();
    let mut terminal = replay(&file);
    terminal.wait("one key on top", |terminal| first_is(terminal, "config:all"));
    terminal.press("a");
    terminal.wait("the family on top, with its rate", |terminal| {
        first_is(terminal, "podXXX::M:blob:Feature:*:SHOP ") && terminal.rows()[0].contains(" 60,000 ")
    });
    terminal.quit();
}

#[test]
fn a_cache_that_never_hits_is_named() {
    let file = incidents();
    let mut terminal = replay(&file);
    terminal.wait_for("hint: never hits · product:41207 · none of 7,000 reads in 10.0 s hit");
    terminal.quit();
}

#[test]
fn a_large_value_is_the_first_by_bandwidth() {
    let file = incidents();
    let mut terminal = replay(&file);
    terminal.press("B");
    terminal.wait_for_sort("BYTES/S▼");
    terminal.wait("the value on top", |terminal| {
        first_is(terminal, "menu:json")
            && terminal.rows()[0].contains("3.1 MB")
            && terminal.rows()[0].contains("25.2 MB")
    });
    terminal.quit();
}
