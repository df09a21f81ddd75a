//! `mctop report` on captures that are truncated, damaged or malicious.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use mctop_test_support::captures::{capture, footer, header, interval, lines};
use mctop_test_support::program::{Copy, FLASH_SALE, file, mctop, output, refusal, run, text};
use serde_json::{Value, json};

/// The paragraph with which a capture is refused.
fn refused(content: &[u8], code: i32) -> String {
    let (_directory, path) = file("capture", content);
    let table = refusal(&mut mctop(&["report", text(&path)]), code);
    assert_eq!(refusal(&mut mctop(&["report", text(&path), "--format", "json"]), code), table);
    assert!(table.contains(text(&path)), "the file is not named: {table}");
    table
}

fn one_key(key: Value) -> Vec<u8> {
    capture(&[interval(0, &[json!({"key": "good", "hits": 1})]), interval(1, &[key])])
}

/// A whole capture with one member of a line replaced; line 0 is the header.
fn with(line: usize, member: &str, value: Value) -> Vec<u8> {
    let intervals = [0, 1].map(|second| interval(second, &[json!({"key": "k", "hits": 1, "bytes_out": 10})]));
    let mut all = vec![header()];
    all.extend_from_slice(&intervals);
    all.push(footer(&intervals));
    *all[line].pointer_mut(member).unwrap() = value;
    lines(&all)
}

#[test]
fn files_that_are_no_captures_are_refused() {
    let garbage: Vec<u8> = (0..4_096_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    for (content, why) in [
        (&b""[..], "it is empty"),
        (b"\n", "its first line"),
        (b"# hot keys\n", "its first line"),
        (b"[1, 2, 3]\n", "its first line"),
        (b"{}\n", "its first line"),
        (b"{\"type\":\"header\"}\n", "schema"),
        (&garbage, "its first line"),
        (&[0; 100_000], "its first line"),
        (&b"[".repeat(100_000), "its first line"),
        (&lines(&[interval(0, &[])]), "not a header"),
        (&with(0, "/schema", json!("mctop.capture/2")), "\"mctop.capture/2\""),
        (&with(0, "/schema", json!("\u{1b}[2J")), "\\u{1b}[2J"),
        (&with(0, "/started_at", json!("yesterday\u{1b}[2J")), "its first line"),
        (&with(0, "/type", json!("\u{1b}]0;owned\u{7}")), "owned"),
    ] {
        let paragraph = refused(content, 2);
        assert!(paragraph.contains(why), "{why} is not in: {paragraph}");
        assert!(paragraph.contains("mctop capture") && paragraph.contains("mctop.capture/1"), "{paragraph}");
    }
}

#[test]
fn the_number_of_a_damaged_line_is_named() {
    let whole = String::from_utf8(with(1, "/type", json!("interval"))).unwrap();
    let good: Vec<&str> = whole.lines().collect();
    let insert = |at: usize, line: &str| {
        let mut lines = good.clone();
        lines.insert(at, line);
        lines.join("\n") + "\n"
    };
    for (content, line, why) in [
        (insert(2, good[0]).into_bytes(), 3, "second header"),
        (insert(2, "").into_bytes(), 3, "EOF"),
        (insert(2, "{\"type\":\"interval\"}").into_bytes(), 3, "missing field"),
        (insert(2, "{\"type\":\"\\u001b]0;owned\\u0007\"}").into_bytes(), 3, "\\u{1b}]0;owned\\u{7}"),
        (insert(4, good[1]).into_bytes(), 5, "footer"),
        (insert(2, good[3]).into_bytes(), 3, "footer"),
        (with(2, "/total/hits", json!(2)), 3, "1 calls and 0 bytes"),
        (with(2, "/total/bytes_out", json!(9)), 3, "0 calls and -1 bytes"),
        (with(2, "/keys/0/hits", json!(2)), 3, "-1 calls"),
        (with(2, "/keys/0/hits", json!(-1)), 3, "invalid value"),
        (with(2, "/keys/0/hits", json!("many\u{1b}[2J")), 3, "invalid type"),
        (with(2, "/keys", json!({})), 3, "invalid type"),
        (with(2, "/start_s", json!(-1)), 3, "-1.0 s"),
        (with(2, "/end_s", json!(1e300)), 3, "s is not between"),
        (with(2, "/end_s", json!(1e18)), 3, "s is not between"),
        (with(2, "/end_s", json!(0.5)), 3, "before its start"),
        (with(2, "/start_s", json!(0.5)), 3, "before the previous"),
        (with(3, "/intervals", json!(3)), 4, "footer"),
        (with(3, "/total/hits", json!(3)), 4, "footer"),
        (one_key(json!({"key": ""})), 3, "0 bytes long"),
        (one_key(json!({"key": "k".repeat(251)})), 3, "251 bytes long"),
        (one_key(json!({"key": "é".repeat(126)})), 3, "252 bytes long"),
        (one_key(json!({"key_b64": "QUJD".repeat(100_000)})), 3, "300000 bytes long"),
        (one_key(json!({"key_b64": "\u{1b}[2J*"})), 3, "base64"),
        (one_key(json!({"key_b64": "A"})), 3, "base64"),
        (one_key(json!({"hits": 1})), 3, "either key or key_b64"),
        (one_key(json!({"key": "a", "key_b64": "YQ=="})), 3, "either key or key_b64"),
        (one_key(json!({"key": "a", "target": 1})), 3, "target 1, but only 1 are"),
        (one_key(json!({"key": "a", "target": 4_294_967_296_u64})), 3, "invalid value"),
        (one_key(json!({"key": "a", "ttl": -2})), 3, "a ttl is -2"),
        (one_key(json!({"key": "a", "ttl": 4_294_967_296_u64})), 3, "a ttl is 4294967296"),
        (one_key(json!({"key": "a", "size": -1})), 3, "invalid value"),
    ] {
        let paragraph = refused(&content, 1);
        assert!(paragraph.contains(&format!("line {line} of ")), "line {line} is not in: {paragraph}");
        assert!(paragraph.contains(why), "{why} is not in: {paragraph}");
        assert!(paragraph.contains("to keep only those") && paragraph.len() < 1_000, "{paragraph}");
    }
}

/// Counts whose sums overflow 64 bits, in one line and over several.
#[test]
fn counts_that_overflow_are_refused() {
    let big = u64::MAX;
    let over = |keys: Value, total: Value, loss: Value| json!({"type": "interval", "start_s": 0, "end_s": 1, "total": total, "loss": loss, "keys": keys});
    let with_cost = |cost: Value| {
        let mut line = over(json!([]), json!({}), json!({}));
        line["cost"] = cost;
        line
    };
    for line in [
        over(json!([]), json!({"hits": big, "misses": 1}), json!({})),
        over(json!([]), json!({"hits": big}), json!({"untracked_calls": big})),
        over(json!([{"key": "a", "hits": big}]), json!({"hits": big}), json!({})),
        over(json!([{"key": "a", "expired": big}]), json!({"expired": big}), json!({})),
        over(json!([]), json!({}), json!({"read_faults": big})),
        over(json!([]), json!({"bytes_in": big, "bytes_out": big}), json!({"untracked_bytes": big})),
        with_cost(json!({"hits": big, "probes_ns": 0, "servers_ns": 0})),
        with_cost(json!({"hits": 0, "probes_ns": 0, "servers_ns": 1_u64 << 61})),
    ] {
        let paragraph = refused(&lines(&[header(), line.clone(), line]), 1);
        assert!(paragraph.contains("line 2 of ") && paragraph.contains("counts are too large"), "{paragraph}");
    }
    let half = u64::MAX / 20;
    let line = over(json!([{"key": "a", "hits": half}]), json!({"hits": half}), json!({}));
    let mut all = vec![header()];
    all.extend((0..20).map(|_| line.clone()));
    for (second, line) in all.iter_mut().skip(1).enumerate() {
        line["start_s"] = json!(second);
        line["end_s"] = json!(second + 1);
    }
    assert!(refused(&lines(&all), 1).contains("counts are too large"));
}

/// All whole intervals are reported, and that the capture is truncated.
#[test]
fn truncated_captures_are_read_up_to_the_cut() {
    let whole = std::fs::read(FLASH_SALE).unwrap();
    let ends: Vec<usize> = (0..whole.len()).filter(|position| whole[*position] == b'\n').collect();
    let lines: Vec<Value> =
        whole.split_inclusive(|byte| *byte == b'\n').map(|line| serde_json::from_slice(line).unwrap()).collect();
    let (_directory, path) = file("cut", b"");
    let truncate = |length: usize| std::fs::write(&path, &whole[..length]).unwrap();
    truncate(ends[0] - 1);
    assert!(refusal(&mut mctop(&["report", text(&path)]), 2).contains("its first line"));
    // In every line behind the header, and between lines.
    for line in 1..ends.len() {
        for length in [ends[line - 1], ends[line - 1] + 1, (ends[line - 1] + ends[line]) / 2] {
            truncate(length);
            let said = run(&["report", text(&path), "--format", "json"]);
            let paragraph = said.paragraph();
            assert_eq!(said.code, 0, "{length}: {paragraph}");
            assert!(paragraph.contains(text(&path)) && paragraph.contains("without a footer"), "{length}: {paragraph}");
            let (document, intervals) = (said.json(), &lines[1..line]);
            let counted: u64 = intervals.iter().flat_map(|line| line["keys"].as_array().unwrap()).map(calls).sum();
            assert_eq!(document["totals"]["calls"], counted, "{length}");
            assert_eq!(document["duration_s"], intervals.last().map_or(json!(0.0), |line| line["end_s"].clone()));
            assert_eq!(document["interrupted"], true);
        }
    }
    // The last newline may be missing.
    truncate(whole.len() - 1);
    assert!(output(&mut mctop(&["report", text(&path)])).contains("calls"));
}

fn calls(key: &Value) -> u64 {
    ["hits", "misses", "sets", "deletes", "other"].iter().filter_map(|field| key[field].as_u64()).sum()
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("missing");
    for (path, why) in [(directory.path(), "directory"), (&missing, "No such file"), (Path::new("/proc/self/mem"), "")]
    {
        let paragraph = refusal(&mut mctop(&["report", text(path)]), 1);
        assert!(paragraph.contains(text(path)) && paragraph.contains(why), "{paragraph}");
    }
    let paragraph = refusal(&mut mctop(&["report", "\u{1b}[2J\n"]), 1);
    assert!(paragraph.contains("[2J"), "{paragraph}");
}

#[test]
fn a_file_without_read_permission_is_named() {
    let (directory, path) = file("secret", &capture(&[]));
    std::fs::set_permissions(directory.path(), PermissionsExt::from_mode(0o755)).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o000)).unwrap();
    let paragraph = refusal(&mut Copy::default().unprivileged(&["report", text(&path)]), 1);
    assert!(paragraph.contains(text(&path)) && paragraph.contains("Permission denied"), "{paragraph}");
}
