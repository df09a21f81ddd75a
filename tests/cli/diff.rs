//! `mctop diff` of captures made by hand.

use mctop_test_support::captures::{capture, interval};
use mctop_test_support::program::{FLASH_SALE, HOT_KEY, file, mctop, output, refusal, text};
use serde_json::{Value, json};

/// Seconds in each of which the hot key and another are read as often as given.
fn sale(name: &str, seconds: u64, hot: u64) -> (tempfile::TempDir, std::path::PathBuf) {
    let each = |second| {
        interval(
            second,
            &[
                json!({"key": HOT_KEY, "size": 13_961, "hits": hot, "bytes_out": hot * 13_961}),
                json!({"key": "shop:1", "size": 600, "hits": 50, "bytes_out": 30_000}),
            ],
        )
    };
    file(name, &capture(&(0..seconds).map(each).collect::<Vec<_>>()))
}

#[test]
fn the_first_lines_give_the_factors_of_the_hot_key() {
    let (_before, before) = sale("before.ndjson", 4, 10_000);
    let (_after, after) = sale("after.ndjson", 10, 100);
    let printed = output(&mut mctop(&["diff", text(&before), text(&after)]));
    let lines: Vec<&str> = printed.lines().collect();
    assert!(lines[1].starts_with("All: calls fell from 10,050/s to 150/s (1/67.0), bytes fell"), "{printed}");
    assert!(lines[2].starts_with(&format!("{HOT_KEY}: calls fell from 10,000/s to 100/s (1/100), bytes")), "{printed}");
    assert!(lines[2].contains("(1/100), hits 100.0% → 100.0%"), "{printed}");
    assert!(printed.contains("observations differ in length (4.0 s and 10.0 s)"), "{printed}");
    let document: Value =
        serde_json::from_str(&output(&mut mctop(&["diff", text(&before), text(&after), "--format", "json"]))).unwrap();
    assert_eq!(document["schema"], "mctop.diff/1");
    let hot = &document["keys"][0];
    assert_eq!((&hot["key"], &hot["presence"]), (&json!(HOT_KEY), &json!("both")));
    assert_eq!((&hot["before"]["calls"], &hot["after"]["calls"]), (&json!(40_000), &json!(1_000)));
    assert_eq!((&hot["change"]["calls_factor"], &hot["change"]["bytes_factor"]), (&json!(0.01), &json!(0.01)));
    assert_eq!(hot["change"]["chance"], "unlikely");
    assert_eq!(document["keys"][1]["change"]["calls_per_s"], 0.0);
}

#[test]
fn a_capture_does_not_differ_from_itself() {
    let document: Value =
        serde_json::from_str(&output(&mut mctop(&["diff", FLASH_SALE, FLASH_SALE, "--format", "json"]))).unwrap();
    assert_eq!((&document["keys_new"], &document["keys_gone"]), (&json!(0), &json!(0)));
    for key in document["keys"].as_array().unwrap() {
        assert_eq!((&key["impact"], &key["change"]["bytes_per_s"]), (&json!(0.0), &json!(0.0)));
    }
    let printed = output(&mut mctop(&["diff", FLASH_SALE, FLASH_SALE, "-n", "3"]));
    assert!(printed.lines().nth(1).unwrap().starts_with("All: calls stayed at "), "{printed}");
    assert!(printed.lines().last().unwrap().contains("more key"), "{printed}");
}

#[test]
fn an_empty_capture_cannot_be_compared() {
    let (_before, before) = sale("before.ndjson", 4, 10_000);
    let (_empty, empty) = sale("empty.ndjson", 0, 0);
    for captures in [[&before, &empty], [&empty, &before]] {
        let paragraph = refusal(&mut mctop(&["diff", text(captures[0]), text(captures[1])]), 1);
        assert!(paragraph.contains("empty.ndjson") && paragraph.contains("holds no interval"), "{paragraph}");
    }
}

#[test]
fn all_formats_and_views_are_printed() {
    for format in ["text", "markdown", "html"] {
        for more in [&[][..], &["-g", "auto"], &["-f", "shop", "-s", "calls", "-n", "2"]] {
            let arguments = [&["diff", FLASH_SALE, FLASH_SALE, "--format", format], more].concat();
            assert!(output(&mut mctop(&arguments)).contains("mctop diff"));
        }
    }
    assert!(refusal(&mut mctop(&["diff", FLASH_SALE, "/nowhere"]), 1).contains("/nowhere"));
    assert!(refusal(&mut mctop(&["diff", FLASH_SALE]), 2).contains("AFTER"));
}
