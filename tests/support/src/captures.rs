//! Capture files made by hand: the format is a contract, so the tests do not use the program's own writer.

use std::io::Write;

use serde_json::{Value, json};
use tempfile::NamedTempFile;

/// The first line, for one server.
pub fn header() -> Value {
    json!({
        "type": "header", "schema": "mctop.capture/1", "mctop": "0.1.0", "host": "web-1", "kernel": "6.1.0",
        "started_at": "2026-01-02T03:04:05Z",
        "targets": [{
            "pid": 42, "binary": "/usr/bin/memcached", "version": "1.6.18", "build_id": null,
            "listen": ["127.0.0.1:11211"], "probes": [], "notes": [],
        }],
    })
}

/// An interval of one second with these entries; its totals are their sums.
pub fn interval(second: u64, keys: &[Value]) -> Value {
    let sum = |field: &str| keys.iter().filter_map(|key| key[field].as_u64()).sum::<u64>();
    let fields = ["hits", "misses", "sets", "deletes", "other", "bytes_out", "bytes_in"];
    let total: serde_json::Map<String, Value> =
        fields.iter().map(|field| ((*field).to_owned(), json!(sum(field)))).collect();
    json!({ "type": "interval", "start_s": second, "end_s": second + 1, "total": total, "loss": {}, "keys": keys })
}

/// The last line after these intervals.
pub fn footer(intervals: &[Value]) -> Value {
    let mut total = serde_json::Map::new();
    for (field, count) in intervals.iter().flat_map(|interval| interval["total"].as_object().unwrap()) {
        let sum = total.get(field).and_then(Value::as_u64).unwrap_or(0) + count.as_u64().unwrap();
        total.insert(field.clone(), json!(sum));
    }
    json!({ "type": "footer", "intervals": intervals.len(), "interrupted": false, "total": total, "loss": {} })
}

/// The lines of a file.
pub fn lines(lines: &[Value]) -> Vec<u8> {
    lines.iter().flat_map(|line| format!("{line}\n").into_bytes()).collect()
}

/// A whole capture of these intervals.
pub fn capture(intervals: &[Value]) -> Vec<u8> {
    let mut all = vec![header()];
    all.extend_from_slice(intervals);
    all.push(footer(intervals));
    lines(&all)
}

/// A file with a whole capture of these intervals.
pub fn capture_file(intervals: &[Value]) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(&capture(intervals)).unwrap();
    file
}
