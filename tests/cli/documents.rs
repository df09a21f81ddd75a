//! Snapshots of `mctop dump` and of the live table's `w` as input of commands that read captures.

use std::path::Path;

use mctop_test_support::captures::{capture, header, interval};
use mctop_test_support::program::{FLASH_SALE, HOT_KEY, file, mctop, output, refusal, report, run, text};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A file with the output of a command.
fn kept(directory: &TempDir, name: &str, arguments: &[&str]) -> String {
    let path = directory.path().join(name);
    std::fs::write(&path, output(&mut mctop(arguments))).unwrap();
    text(&path).to_owned()
}

/// A capture with restarts, losses, keys of any bytes, and costs.
fn eventful() -> Vec<u8> {
    let server = |pid: u32| {
        let mut server = header()["targets"][0].clone();
        server["pid"] = json!(pid);
        server
    };
    let keys = [
        json!({"key": "plain", "hits": 9, "misses": 1, "expired": 1, "bytes_out": 900, "size": 100, "ttl": 30}),
        json!({"key_b64": "//4=", "sets": 2, "bytes_in": 20, "size": 10, "ttl": -1}),
        json!({"key": "k".repeat(250), "deletes": 2, "delete_hits": 1, "not_stored": 1}),
        json!({"key_b64": "/w==", "other": 2, "other_hits": 1}),
    ];
    let mut intervals: Vec<Value> = (0..4).map(|second| interval(second, &keys)).collect();
    intervals[1]["changes"] = json!([
        {"change": "exited", "target": 0, "at_s": 1.1},
        {"change": "attached", "target": 0, "at_s": 1.2, "info": server(43)},
        {"change": "attached", "target": 1, "at_s": 1.5, "info": server(50)},
    ]);
    intervals[2]["changes"] = json!([
        {"change": "exited", "target": 0, "at_s": 2.1},
        {"change": "attached", "target": 0, "at_s": 2.2, "info": server(44)},
        {"change": "refused", "reason": "Process 7 is not watched."},
        {"change": "exited", "target": 1, "at_s": 2.5},
    ]);
    capture(&intervals)
}

#[test]
fn a_snapshot_is_read_as_a_capture_of_one_interval() {
    let directory = tempfile::tempdir().unwrap();
    let (_eventful, eventful) = file("eventful", &eventful());
    for original in [FLASH_SALE, text(&eventful)] {
        let document = kept(&directory, "mctop.json", &["report", original, "--format", "json"]);
        let lines = kept(&directory, "lines.ndjson", &["report", original, "--format", "ndjson"]);
        let printed = report(original, &[]);
        let compact = directory.path().join("compact.json");
        std::fs::write(&compact, format!("{printed}\n")).unwrap();
        let compressed = directory.path().join("mctop.json.zst");
        std::fs::write(&compressed, zstd::encode_all(&*std::fs::read(&document).unwrap(), 3).unwrap()).unwrap();
        for path in [&*document, &lines, text(&compact), text(&compressed)] {
            let read = report(path, &[]);
            for member in
                ["host", "kernel", "started_at", "duration_s", "interrupted", "totals", "loss", "keys_tracked"]
            {
                assert_eq!(read[member], printed[member], "{member} of {path}");
            }
            assert_eq!((&read["origin"], &read["file"]), (&json!("recorded"), &json!(path)));
            assert_eq!(read["keys"], printed["keys"], "{path}");
            assert_eq!((read.get("others"), printed.get("others")), (None, None));
            let exited = |document: &Value| -> Vec<Value> {
                let gaps = document["gaps"].as_array().unwrap();
                gaps.iter().filter(|gap| !gap["exited_pid"].is_null()).cloned().collect()
            };
            assert_eq!(exited(&read), exited(&printed));
            assert_eq!(read["targets"].as_array().unwrap().len(), printed["targets"].as_array().unwrap().len());
            let notes = read["notes"].to_string();
            assert!(notes.contains("Read from a snapshot, which has only sums over its whole time"), "{notes}");
            for note in printed["notes"].as_array().unwrap() {
                assert!(notes.contains(note.as_str().unwrap()), "{notes}");
            }
        }
        let rows = |path: &str| -> Vec<String> {
            let table = output(&mut mctop(&["report", path, "-n", "5", "--no-hints"]));
            table.lines().skip_while(|line| !line.starts_with("#  KEY")).map(str::to_owned).collect()
        };
        assert_eq!(rows(&document), rows(original));
        let note = output(&mut mctop(&["report", &document, "--format", "markdown"]));
        assert!(note.contains("in 1 interval; complete") && note.contains("Read from a snapshot"), "{note}");
        // It does not contain when rates were highest.
        assert!(!note.contains("at most") && !note.contains("highest rate"), "{note}");
        assert!(output(&mut mctop(&["report", &lines, "--format", "html"])).contains("<svg"));
        let diff = output(&mut mctop(&["diff", original, &document]));
        assert!(diff.contains("All: calls stayed at "), "{diff}");
        let diff = json_of_diff(&document, &lines);
        assert_eq!((&diff["keys_new"], &diff["keys_gone"]), (&json!(0), &json!(0)));
    }
    let appeared = report(text(&eventful), &[]);
    let document = kept(&directory, "appeared", &["report", text(&eventful), "--format", "json"]);
    assert_eq!(appeared["gaps"].as_array().unwrap().len(), 4);
    assert!(report(&document, &[])["notes"].to_string().contains("pid 50 appeared and is watched from 1.5 s."));
}

fn json_of_diff(before: &str, after: &str) -> Value {
    serde_json::from_str(&output(&mut mctop(&["diff", before, after, "--format", "json"]))).unwrap()
}

#[test]
fn keys_that_a_snapshot_omits_count_as_others() {
    let directory = tempfile::tempdir().unwrap();
    let document = kept(&directory, "two", &["report", FLASH_SALE, "--format", "json", "-n", "2"]);
    let (all, two) = (report(FLASH_SALE, &[]), report(&document, &[]));
    assert_eq!(two["totals"], all["totals"]);
    let calls = |keys: &Value| keys.as_array().unwrap().iter().map(|key| key["calls"].as_u64().unwrap()).sum::<u64>();
    let left_out = all["totals"]["calls"].as_u64().unwrap() - calls(&two["keys"]);
    assert_eq!((calls(&all["keys"]), &two["others"]["calls"]), (calls(&all["keys"]), &json!(left_out)));
    let filtered = kept(&directory, "filtered", &["report", FLASH_SALE, "--format", "ndjson", "-f", "jobs"]);
    let notes = report(&filtered, &[])["notes"].to_string();
    assert!(notes.contains("It has only the keys that match jobs."), "{notes}");
    let table = output(&mut mctop(&["report", &filtered]));
    assert!(table.contains("of keys that were not recorded") && !table.contains(HOT_KEY), "{table}");
    // Only calls and bytes are known of untracked keys.
    let mut lossy: Value = serde_json::from_str(&std::fs::read_to_string(&document).unwrap()).unwrap();
    lossy["loss"]["untracked_calls"] = json!(7);
    lossy["loss"]["untracked_bytes"] = json!(100);
    lossy["estimate"] = json!({"watched_s": 2.0, "extrapolated_s": 3.0, "calls_uncertainty": 9});
    // Each group with one key only is that key.
    lossy["grouping"] =
        json!({"by": "auto", "opened": {"key": "pod*"}, "rows": 2, "rows_matching": 2, "rows_shown": 2});
    let (_directory, path) = file("lossy", lossy.to_string().as_bytes());
    let read = report(text(&path), &[]);
    assert_eq!((&read["loss"], &read["others"]["calls"]), (&lossy["loss"], &json!(left_out - 7)));
    let notes = read["notes"].to_string();
    assert!(notes.contains("Its counts are ESTIMATED: 2.0 s were watched, and 3.0 s extrapolated."), "{notes}");
    assert_eq!(mctop(&["report", text(&path), "--strict"]).output().unwrap().status.code(), Some(5));
}

#[test]
fn a_document_without_new_pids_takes_them_from_the_next_exit() {
    let (_eventful, eventful) = file("eventful", &eventful());
    let mut document = report(text(&eventful), &[]);
    for gap in document["gaps"].as_array_mut().unwrap() {
        gap.as_object_mut().unwrap().remove("new_pid");
    }
    let (_directory, path) = file("before", document.to_string().as_bytes());
    let table = output(&mut mctop(&["report", text(&path)]));
    for gap in ["pid 42 had exited by 1.1 s; pid 43 is watched", "pid 43 had exited by 2.1 s; pid 44 is watched"] {
        assert!(table.contains(gap), "{gap} is not in: {table}");
    }
}

#[test]
fn other_documents_and_damaged_snapshots_are_refused_with_the_reason() {
    let directory = tempfile::tempdir().unwrap();
    let document = kept(&directory, "document", &["report", FLASH_SALE, "--format", "json"]);
    let lines = kept(&directory, "lines", &["report", FLASH_SALE, "--format", "ndjson"]);
    let groups = kept(&directory, "groups", &["report", FLASH_SALE, "--format", "json", "-g", "auto"]);
    let group_lines = kept(&directory, "group-lines", &["report", FLASH_SALE, "--format", "ndjson", "-g", ":2"]);
    let diff = kept(&directory, "diff", &["diff", FLASH_SALE, FLASH_SALE, "--format", "json"]);
    let doctor = directory.path().join("doctor");
    std::fs::write(&doctor, mctop(&["doctor", "--json"]).output().unwrap().stdout).unwrap();
    let csv = kept(&directory, "csv", &["report", FLASH_SALE, "--format", "csv"]);
    let other = directory.path().join("other");
    std::fs::write(&other, "{\n  \"name\": \"package\"\n}\n").unwrap();
    let later = directory.path().join("later");
    let newer = std::fs::read_to_string(&document).unwrap().replace("mctop.snapshot/1", "mctop.snapshot/2");
    std::fs::write(&later, newer).unwrap();
    let twice = directory.path().join("twice");
    std::fs::write(&twice, std::fs::read_to_string(&lines).unwrap().repeat(2)).unwrap();
    for (path, why) in [
        (&*groups, "grouped by \"auto\""),
        (&group_lines, "grouped by \":2\""),
        (&diff, "it is what `mctop diff --format json` prints"),
        (text(&doctor), "it is what `mctop doctor --json` prints"),
        (&csv, "its first line"),
        (text(&other), "it is a JSON document, but not one of mctop's"),
        (text(&later), "its schema is \"mctop.snapshot/2\", which this mctop does not know"),
        (text(&twice), "another snapshot starts in line"),
    ] {
        for command in [&["report", path][..], &["replay", path], &["diff", FLASH_SALE, path]] {
            let paragraph = refusal(&mut mctop(command), 2);
            for part in [path, why, "mctop capture", "mctop dump"] {
                assert!(paragraph.contains(part), "{part} is not in: {paragraph}");
            }
        }
    }
    let damaged = |name: &str, change: &dyn Fn(&mut Value)| {
        let mut value: Value = serde_json::from_str(&std::fs::read_to_string(&document).unwrap()).unwrap();
        change(&mut value);
        let path = directory.path().join(name);
        std::fs::write(&path, value.to_string()).unwrap();
        text(&path).to_owned()
    };
    let half = directory.path().join("half");
    let whole = std::fs::read(&document).unwrap();
    std::fs::write(&half, &whole[..whole.len() / 2]).unwrap();
    for (path, why) in [
        (text(&half), "EOF"),
        (&*damaged("more", &|value| value["keys"][0]["hits"] = json!(u64::MAX / 2)), "add up to more than any server"),
        (
            &damaged("sum", &|value| value["loss"]["untracked_calls"] = json!(1)),
            "the difference is -1 calls and 0 bytes",
        ),
        (&damaged("one", &|value| value["keys"][0]["hits"] = json!(1_u64 << 40)), "calls and 0 bytes"),
        (&damaged("target", &|value| value["keys"][0]["target"] = json!(9)), "target 9, but only 1 are defined"),
        (&damaged("long", &|value| value["keys"][0]["key"] = json!("k".repeat(251))), "251 bytes long"),
        (
            &damaged("time", &|value| value["duration_s"] = json!(-1.0)),
            "the time -1.0 s is not between 0 and ten years",
        ),
        (
            &damaged("gaps", &|value| {
                let gap = json!({"target": 0, "exited_pid": 1, "from_s": 0.5, "to_s": 0.6, "new_pid": 2});
                value["gaps"] = json!(vec![gap; 70_000]);
            }),
            "it has more keys or server changes than any capture",
        ),
        (
            &damaged("server", &|value| value["targets"][0]["binary"] = json!("x".repeat(70_000))),
            "bytes about one server",
        ),
        (&damaged("host", &|value| value["host"] = json!(7)), "invalid type"),
    ] {
        let paragraph = refusal(&mut mctop(&["report", path]), 1);
        assert!(paragraph.contains(path) && paragraph.contains(why), "{why} is not in: {paragraph}");
    }
    // Missing lines at the end are reported, and the rest is read.
    let text_of_lines = std::fs::read_to_string(&lines).unwrap();
    let cut = directory.path().join("cut");
    std::fs::write(&cut, &text_of_lines[..text_of_lines.len() - 700]).unwrap();
    let said = run(&["report", text(&cut), "-n", "1"]);
    assert!(said.code == 0 && said.err.contains("has fewer keys than its first line says"), "{said:?}");
    assert!(said.out.contains("of keys that were not recorded"), "{said:?}");
}

#[test]
fn a_missing_file_is_reported_before_a_missing_terminal() {
    for path in ["/nonexistent/sale.ndjson", text(Path::new("/"))] {
        for command in [&["replay", path][..], &["report", path], &["diff", path, FLASH_SALE]] {
            let paragraph = refusal(&mut mctop(command), 1);
            assert!(paragraph.contains(path) && !paragraph.contains("terminal"), "{paragraph}");
        }
    }
    for command in [&["replay", FLASH_SALE][..], &[]] {
        let arguments = [command, &["--redact", "--redact-key", "/nonexistent/key"]].concat();
        assert!(refusal(&mut mctop(&arguments), 1).contains("/nonexistent/key"));
    }
}
