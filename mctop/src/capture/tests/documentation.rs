//! The page on the format says what the writer writes, and its example is a capture.

use serde_json::Value;

use super::{header, read};
use crate::capture::format::{Circumstances, Clock, EndedBy, Options};
use crate::capture::reader::Ending;
use crate::capture::writer::{Settings, Writer};
use crate::model::counts::Counts;
use crate::model::interval::{Change, Interval, Others};

const PAGE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/capture-format.md"));

#[test]
fn the_example_is_a_capture() {
    let (_, rest) = PAGE.split_once("<!-- example -->\n```json\n").unwrap();
    let (example, _) = rest.split_once("```").unwrap();
    let (intervals, end) = read(example.as_bytes());
    assert_eq!(end, Ok(Ending::Finished));
    assert_eq!(intervals[0].records.iter().map(|record| record.counts.calls()).sum::<u64>(), 109);
    assert_eq!((intervals[0].others.keys, intervals[0].total.calls()), (1, 114));
}

#[test]
fn every_member_is_explained() {
    let circumstances = Circumstances {
        object: Some("x86_64".into()),
        options: Some(Options { before: Some(1), ..Options::default() }),
        clock: Some(Clock::default()),
        part: Some(1),
    };
    let settings = Settings { circumstances, ..Settings::default() };
    let header = crate::source::Header { redaction: Some("keys".into()), ..header() };
    let mut writer = Writer::new(Vec::new(), &header, &settings).unwrap();
    let counts = Counts { hits: 1, ..Counts::default() };
    let others = Others { keys: 1, counts };
    let changes = vec![Change::Refused { reason: "Why.".into() }];
    writer.interval(&Interval { total: counts, others, changes, ..Interval::default() }).unwrap();
    let file = writer.finish(EndedBy::Duration).unwrap();
    for line in file.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let Value::Object(line) = serde_json::from_slice(line).unwrap() else { panic!("not an object") };
        let nested = ["options", "clock", "loss"].iter().filter_map(|name| line.get(*name)?.as_object());
        for name in line.keys().chain(nested.flat_map(|nested| nested.keys())) {
            assert!(PAGE.contains(&format!("`{name}`")), "{name} is not explained");
        }
    }
}
