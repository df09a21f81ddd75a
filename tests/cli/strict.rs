//! `--strict`: losses have their own exit code, after everything is printed.

use mctop_test_support::captures::{capture, interval};
use mctop_test_support::program::{FLASH_SALE, file, mctop, output, run, text};
use serde_json::{Value, json};

fn with_loss(loss: Value) -> Vec<u8> {
    let mut lossy = interval(0, &[json!({"key": "a", "hits": 3})]);
    lossy["total"]["hits"] = json!(3 + loss["untracked_calls"].as_u64().unwrap_or(0));
    lossy["loss"] = loss.clone();
    let whole = String::from_utf8(capture(&[lossy])).unwrap();
    let (lines, footer) = whole.trim_end().rsplit_once('\n').unwrap();
    let mut footer: Value = serde_json::from_str(footer).unwrap();
    footer["loss"] = loss;
    format!("{lines}\n{footer}\n").into_bytes()
}

/// Standard output and the error message.
fn failed(path: &str) -> (String, String) {
    let said = run(&["report", path, "--strict"]);
    assert_eq!(said.code, 5, "{said:?}");
    let paragraph = said.err.lines().last().unwrap().to_owned();
    (said.out, paragraph)
}

#[test]
fn loss_is_named_after_everything_is_printed() {
    for (loss, named) in [
        (json!({"untracked_calls": 2}), "2 calls and 0 B untracked"),
        (json!({"read_faults": 1}), "1 read fault"),
        (json!({"truncated_keys": 7, "full_intervals": 1}), "7 truncated keys, 1 full interval"),
    ] {
        let (_directory, path) = file("lossy", &with_loss(loss));
        let (table, said) = failed(text(&path));
        assert_eq!(table, output(&mut mctop(&["report", text(&path)])));
        assert!(table.contains("LOST: "), "{table}");
        assert!(said.starts_with("mctop: Something was lost") && said.contains(named), "{said}");
    }
}

#[test]
fn a_truncated_capture_is_a_loss() {
    let whole = capture(&[interval(0, &[json!({"key": "a", "hits": 1})])]);
    let end = whole.iter().rposition(|byte| *byte == b'{').unwrap();
    let cut = whole[..end].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    let (_directory, path) = file("cut", &whole[..cut]);
    let (table, said) = failed(text(&path));
    assert!(table.contains("1 call"), "{table}");
    assert!(said.contains("the end of the capture"), "{said}");
}

#[test]
fn nothing_lost_is_a_success() {
    assert_eq!(output(&mut mctop(&["report", FLASH_SALE, "--strict"])), output(&mut mctop(&["report", FLASH_SALE])));
}
