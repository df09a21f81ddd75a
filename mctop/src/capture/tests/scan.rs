//! The fast parser gives the same results as serde on mctop's own lines, and leaves all others to serde.

use proptest::prelude::*;
use proptest::sample::Index;

use super::{intervals, small, written};
use crate::capture::format::IntervalFields;
use crate::capture::scan;
use crate::model::cost::Cost;
use crate::model::interval::{Change, Others, RecordedInterval};
use crate::model::key::Key;
use crate::model::outcomes::Outcomes;
use crate::model::snapshot::Ttl;

fn serde_parse(line: &[u8]) -> Option<IntervalFields> {
    serde_json::from_slice(line).ok()
}

/// The interval lines of a capture.
fn lines(intervals: &[RecordedInterval]) -> Vec<Vec<u8>> {
    let file = written(intervals, false);
    let lines = file.split_inclusive(|byte| *byte == b'\n');
    lines.skip(1).take(intervals.len()).map(<[u8]>::to_vec).collect()
}

/// An interval with every field.
fn interval_with_all_fields() -> RecordedInterval {
    let RecordedInterval { mut interval, mut records } = small().remove(0);
    let counts = records[0].counts;
    interval.others = Others { keys: 2, counts };
    interval.total += &counts;
    interval.cost = Some(Cost::default());
    interval.changes = vec![Change::Refused { reason: "Why.".into() }];
    interval.outcomes = Outcomes { not_stored: 1, exists: 2, evicted: 3 };
    interval.extrapolated = true;
    records[0].outcomes = interval.outcomes;
    let mut plain = records[0].clone();
    plain.key = Key::new("ключ 1".as_bytes());
    plain.ttl = Ttl::Seconds(0);
    interval.total += &plain.counts;
    records.push(plain);
    interval.with(records)
}

#[test]
fn lines_written_by_mctop_take_the_fast_path() {
    for line in lines(&[interval_with_all_fields()])
        .into_iter()
        .chain(lines(&small()))
        .chain(lines(&[RecordedInterval::default()]))
    {
        let read = scan::parse_interval(&line);
        assert!(read.is_some() && read == serde_parse(&line), "{}", String::from_utf8_lossy(&line));
    }
}

/// Each of these lines is invalid, or means something else than it seems to.
#[test]
fn lines_in_any_other_form_are_left_to_serde() {
    let head = r#"{"type":"interval","start_s":0,"end_s":1,"total":{},"loss":{}"#;
    let good = r#"{"key":"a","hits":1}"#;
    assert!(scan::parse_interval(format!("{head},\"keys\":[{good}]}}\n").as_bytes()).is_some());
    for line in [
        format!("{head},\"keys\":[{good}]}}"),
        format!("{head},\"keys\":[{good}]}} \n"),
        format!("{head},\"keys\":[{good}],}}\n"),
        format!("{head},\"keys\":[{good},]}}\n"),
        format!("{head},\"keys\":[,{good}]}}\n"),
        format!("{head},\"keys\":[{good}{good}]}}\n"),
        format!("{head},\"keys\":[{good} ]}}\n"),
        format!("{head},\"keys\":[{good}],\"keys\":[]}}\n"),
        format!("{head},\"keys\":[{good}],\"total\":{{}}}}\n"),
        format!("{head},\"keys\":[{good}],\"new\":1}}\n"),
        format!("{head},\"keys\":[{good}],\"cost\":1}}\n"),
        format!("{head},\"keys\":[{good}]}}{{}}\n"),
        format!("{head},\"loss\":{{}},\"keys\":[{good}]}}\n"),
        format!("{head},\"new\":{{\"a\":1,\"keys\":[{good}]}},\"keys\":[]}}\n"),
        format!("{head},\"new\":{{\"a\":1,\"keys\":[{good}]}}}}\n"),
        format!("{head},\"new\":[1,\"keys\",\"keys\"],\"keys\":[{good}]}}\n"),
        r#"{"type":"interval","start_s":0,"end_s":1,"total":{},"keys":[]}"#.to_owned() + "\n",
        r#"{"type":"interval",,"keys":[]}"#.to_owned() + "\n",
    ] {
        assert_eq!(scan::parse_interval(line.as_bytes()), None, "{line}");
    }
    for entry in [
        r#"{}"#,
        r#"{"hits":1}"#,
        r#"{"key":""}"#,
        r#"{"key":null}"#,
        r#"{"key":"a\n"}"#,
        r#"{"key":"a","key":"a"}"#,
        r#"{"key":"a","key_b64":"YQ=="}"#,
        r#"{"key_b64":"YQ"}"#,
        r#"{"key_b64":"*"}"#,
        r#"{"key":"a","hits":1,"hits":1}"#,
        r#"{"key":"a","size":null}"#,
        r#"{"key":"a","size":4294967296}"#,
        r#"{"key":"a","target":-1}"#,
        r#"{"key":"a","ttl":-2}"#,
        r#"{"key":"a","ttl":-10}"#,
        r#"{"key":"a","ttl":1.0}"#,
        r#"{"key":"a","hits":01}"#,
        r#"{"key":"a","hits":}"#,
        r#"{"key":"a","hits":1e1}"#,
        r#"{"key":"a","hits":"1"}"#,
        r#"{"key":"a","hits":18446744073709551616}"#,
        r#"{"key":"a","calls":1}"#,
        r#"{"key":"a",}"#,
        r#"{"key":"a"]"#,
        r#"["key":"a"}"#,
        r#"{"key";"a"}"#,
        r#"{"key":"a""hits":1}"#,
        r#"{"key":"a"#,
    ] {
        let line = format!("{head},\"keys\":[{entry}]}}\n");
        assert_eq!(scan::parse_interval(line.as_bytes()), None, "{line}");
    }
    let long = format!("{head},\"keys\":[{{\"key\":\"{}\"}}]}}\n", "k".repeat(251));
    assert_eq!(scan::parse_interval(long.as_bytes()), None);
    let not_text = [format!("{head},\"keys\":[{{\"key\":\"").as_bytes(), b"\xff\"}]}\n"].concat();
    assert_eq!(scan::parse_interval(&not_text), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn both_parsers_agree(intervals in intervals()) {
        for line in lines(&intervals) {
            let read = scan::parse_interval(&line);
            prop_assert!(read.is_none() || read == serde_parse(&line));
            // Only keys with characters that JSON escapes are left to serde.
            prop_assert!(read.is_some() || line.contains(&b'\\'));
        }
    }

    #[test]
    fn damaged_lines_are_not_misread(
        places in prop::collection::vec((any::<Index>(), prop::sample::select(&b"\"\\{}[]:,.-+ \n019eklt\xff\0"[..])), 1..4),
        insert: bool,
    ) {
        let mut line = lines(&[interval_with_all_fields()]).remove(0);
        for (place, byte) in places {
            let place = place.index(line.len());
            if insert { line.insert(place, byte) } else { line[place] = byte }
        }
        let read = scan::parse_interval(&line);
        prop_assert!(read.is_none() || read == serde_parse(&line), "{}", String::from_utf8_lossy(&line));
    }
}
