//! `--strict`: what was lost is an exit code of its own, after everything is printed.

use serde_json::{Value, json};

use crate::captures::{capture, interval};
use crate::program::{FLASH_SALE, file, mctop, output, text};

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

/// Standard output, and the paragraph of the failure.
fn failed(path: &str) -> (String, String) {
    let output = mctop(&["report", path, "--strict"]).assert().code(5).get_output().clone();
    let said = String::from_utf8(output.stderr).unwrap();
    (String::from_utf8(output.stdout).unwrap(), said.lines().last().unwrap().to_owned())
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
fn a_capture_without_its_end_is_not_whole() {
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
