//! `mctop report --format markdown|html`: the note on an incident.

use mctop_test_support::captures::{capture, interval};
use mctop_test_support::program::{FLASH_SALE, HOT_KEY, file, mctop, output, text};
use serde_json::json;

#[test]
fn a_note_names_the_hot_key_in_its_first_facts() {
    let note = output(&mut mctop(&["report", FLASH_SALE, "--format", "markdown", "-g", "auto"]));
    let short: Vec<&str> = note.lines().skip_while(|line| *line != "### Summary").skip(2).take(5).collect();
    assert!(short.iter().all(|line| line.starts_with("- ")), "{note}");
    assert!(short[1].starts_with(&format!("- `{HOT_KEY}` had the most calls: ")), "{note}");
    assert!(short[3].contains("13,961 B"), "{note}");
    for part in
        ["- Watched: ", "- From: ", "- To: ", "- Length: ", "ost: ", "### Keys by calls", "### Groups", "### Over time"]
    {
        assert!(note.contains(part), "{part} is not in: {note}");
    }
}

#[test]
fn a_page_is_self_contained_and_escapes_keys() {
    let evil = "</td><script>alert(1)</script>`|\u{1b}[2J";
    let intervals: Vec<_> = (0..3).map(|second| interval(second, &[json!({"key": evil, "hits": 9})])).collect();
    let (_directory, path) = file("evil", &capture(&intervals));
    let page = output(&mut mctop(&["report", text(&path), "--format", "html"]));
    assert!(page.starts_with("<!DOCTYPE html>") && page.ends_with("</html>\n"), "{page}");
    for part in ["<script", "http:", "https:", "src=", "url(", "\u{1b}"] {
        assert!(!page.contains(part), "{part} is in: {page}");
    }
    assert!(page.contains("&lt;script&gt;") && page.contains("<svg") && page.contains("prefers-color-scheme"));
    let note = output(&mut mctop(&["report", text(&path), "--format", "markdown"]));
    assert!(note.contains("| ``</td><script>alert(1)</script>`\\|\\x1b[2J`` | 27 |"), "{note}");
}

#[test]
fn csv_and_ndjson_are_as_in_dump() {
    let csv = output(&mut mctop(&["report", FLASH_SALE, "--format", "csv"]));
    assert!(csv.lines().nth(2).unwrap().contains(HOT_KEY), "{csv}");
    let lines = output(&mut mctop(&["report", FLASH_SALE, "--format", "ndjson", "-n", "1"]));
    assert_eq!(lines.lines().count(), 2);
}
