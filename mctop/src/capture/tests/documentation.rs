//! The page on the format documents every field, and its example is a valid capture.

use std::time::Duration;

use mctop_test_support::schema::Judge;
use serde_json::{Value, json};

use super::{header, read};
use crate::capture::writer::{Writer, WriterSettings};
use crate::model::capture_meta::{CaptureMeta, CaptureOptions, EndedBy, Ending, HostClock, TriggerInfo};
use crate::model::cost::Cost;
use crate::model::counts::Counts;
use crate::model::interval::{Change, Interval, Others};
use crate::model::outcomes::Outcomes;
use crate::model::sample;

const PAGE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/capture-format.md"));

#[test]
fn the_example_is_a_capture() {
    let (_, rest) = PAGE.split_once("<!-- example -->\n```json\n").unwrap();
    let (example, _) = rest.split_once("```").unwrap();
    let (intervals, end) = read(example.as_bytes());
    assert_eq!(end, Ok(Ending::Finished));
    let judge = Judge::of("capture-1");
    example.lines().for_each(|line| judge.accept(&serde_json::from_str(line).unwrap()));
    assert_eq!(intervals[0].records.iter().map(|record| record.counts.calls()).sum::<u64>(), 109);
    assert_eq!((intervals[0].interval.others.keys, intervals[0].interval.total.calls()), (1, 114));
    assert_eq!(intervals[0].interval.cost.and_then(|cost| cost.per_hit()), Some(720.0));
}

#[test]
fn every_field_is_documented() {
    let meta = CaptureMeta {
        object: Some("x86_64".into()),
        options: Some(CaptureOptions {
            before: Some(1),
            detail: Some("full".into()),
            budget_percent: Some(5.0),
            ..CaptureOptions::default()
        }),
        clock: Some(HostClock::default()),
        part: Some(1),
        fired: Some(TriggerInfo::default()),
    };
    let settings = WriterSettings { meta, ..WriterSettings::default() };
    let header = crate::model::header::Header { redaction: Some("keys".into()), ..header() };
    let mut writer = Writer::new(Vec::new(), &header, &settings).unwrap();
    let counts = Counts { hits: 1, ..Counts::default() };
    let others = Others { keys: 1, counts };
    let changes = vec![
        Change::Exited { target: 0, at: Duration::ZERO },
        Change::Attached { target: 0, at: Duration::ZERO, info: sample::target(7, 11_211) },
        Change::Refused { reason: "Why.".into() },
        Change::Reprobed { target: 0, info: sample::target(7, 11_211) },
        Change::Budget { note: "Why.".into() },
    ];
    let cost = Some(Cost::default());
    let outcomes = Outcomes { not_stored: 1, exists: 2, evicted: 3 };
    let interval =
        Interval { total: counts, others, changes, cost, outcomes, extrapolated: true, ..Interval::default() };
    writer.write_interval(&interval.with(Vec::new())).unwrap();
    let file = writer.finish(EndedBy::Duration).unwrap();
    let judge = Judge::of("capture-1");
    for line in file.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        judge.accept(&serde_json::from_slice(line).unwrap());
        let Value::Object(line) = serde_json::from_slice(line).unwrap() else { panic!("not an object") };
        let nested = ["options", "clock", "fired", "loss", "cost", "outcomes"]
            .iter()
            .filter_map(|name| line.get(*name)?.as_object());
        for name in line.keys().chain(nested.flat_map(|nested| nested.keys())) {
            assert!(PAGE.contains(&format!("`{name}`")), "{name} is not documented");
        }
    }
}

#[test]
fn the_schema_refuses_invalid_lines() {
    let judge = Judge::of("capture-1");
    let (_, rest) = PAGE.split_once("<!-- example -->\n```json\n").unwrap();
    let lines: Vec<Value> = rest.lines().take(3).map(|line| serde_json::from_str(line).unwrap()).collect();
    for (line, pointer, wrong) in [
        (0, "/schema", json!("mctop.capture/2")),
        (0, "/type", json!("head")),
        (0, "/targets", json!({})),
        (1, "/start_s", json!(-1)),
        (1, "/keys/0/ttl", json!(-2)),
        (1, "/keys/0", json!({"hits": 1})),
        (1, "/keys/0", json!({"key": "a", "key_b64": "YQ=="})),
        (1, "/cost/probes_ns", json!("1 ms")),
        (1, "/others/keys", Value::Null),
        (2, "/interrupted", json!(1)),
        (2, "/total", json!([])),
    ] {
        let mut damaged = lines[line].clone();
        *damaged.pointer_mut(pointer).unwrap() = wrong;
        assert!(judge.refuses(&damaged), "{pointer} of line {line}");
    }
}
