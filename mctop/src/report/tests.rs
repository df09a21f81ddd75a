//! What people and programs get to read.

use std::sync::Arc;
use std::time::Duration;

use clap::ValueEnum;
use serde_json::{Value, json};

use super::{Format, Look, write};
use crate::model::column::Column;
use crate::model::cost::Cost;
use crate::model::counts::Counts;
use crate::model::filter::Filter;
use crate::model::group::Grouping;
use crate::model::key::Key;
use crate::model::ranking::View;
use crate::model::sample;
use crate::model::snapshot::{GroupId, Origin, Snapshot, Ttl};
use crate::model::span::Span;
use crate::text::cell::Cells;
use crate::text::fit::width;
use crate::text::glyphs::UNICODE;

mod formats;
pub(crate) mod schemas;

fn by(sort: Column) -> View {
    View { sort, ..View::default() }
}

fn text(format: Format, snapshot: &Snapshot, view: &View, width: Option<usize>) -> String {
    let mut out = Vec::new();
    write(format, snapshot, view, Look { width, glyphs: UNICODE }, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn table(snapshot: &Snapshot, view: &View, width: Option<usize>) -> String {
    text(Format::Table, snapshot, view, width)
}

fn json(snapshot: &Snapshot, view: &View) -> String {
    text(Format::Json, snapshot, view, None)
}

#[test]
fn table_in_full() {
    let view = View { limit: Some(6), ..by(Column::Calls) };
    insta::assert_snapshot!(table(&sample::flash_sale(), &view, None));
}

#[test]
fn table_for_a_terminal() {
    let view = View { limit: Some(6), ..by(Column::Bandwidth) };
    insta::assert_snapshot!(table(&sample::flash_sale(), &view, Some(80)));
}

#[test]
fn a_long_key_leaves_room_for_what_on_call_needs() {
    let mut snapshot = sample::hostile();
    for (limit, times) in [(7, 1), (13, 9_000)] {
        for row in &mut snapshot.rows {
            for counts in [&mut row.total, &mut row.last, &mut row.recent] {
                (counts.hits, counts.bytes_out) = (counts.hits * times, counts.bytes_out * times);
            }
        }
        let text = table(&snapshot, &View { limit: Some(limit), ..by(Column::Calls) }, Some(80));
        let header: Vec<&str> = text.lines().find(|line| line.contains("KEY")).unwrap().split_whitespace().collect();
        assert_eq!(header, ["KEY", "CALLS", "CALLS/S", "HIT%", "SIZE", "TTL", "BYTES/S"], "{text}");
        assert!(text.lines().skip_while(|line| !line.contains("KEY")).all(|line| width(line) <= 80), "{text}");
        assert!(text.contains("kkk…kkk"), "{text}");
        let told = "not shown for want of width: CALLS%, GETS, HITS, MISSES, SETS, DELETES, OTHER, BYTES, BYTES%; \
                    pipe into cat or use --format csv for all";
        let below: Vec<&str> = text.lines().skip_while(|line| !line.starts_with("not shown")).take(2).collect();
        assert_eq!(below.join(" "), told, "{text}");
    }
    let full = table(&snapshot, &by(Column::Calls), None);
    assert!(full.contains("BYTES%") && full.contains(&"k".repeat(250)) && !full.contains("not shown"), "{full}");
}

#[test]
fn table_tells_everything_that_is_not_as_usual() {
    let mut snapshot = sample::with_loss(sample::many(2));
    snapshot.interrupted = true;
    snapshot.redaction = Some("Every key is replaced by its hash.".to_owned());
    snapshot.origin = Origin::Recorded { file: "sale.ndjson".to_owned() };
    let mut second = sample::target(4_300, 11_212);
    (second.version, second.probes) = (None, Vec::new());
    second.notes = vec!["its store function was not found: sizes of stored values are not counted".to_owned()];
    snapshot.targets = Arc::new([sample::target(4_242, 11_211), second]);
    snapshot.target_totals.push(Counts::default());
    snapshot.rows[1].target = 1;
    snapshot.others = Counts { hits: 900, bytes_out: 4_500, ..Counts::default() };
    snapshot.cost_total =
        Some(Cost { hits: 9_000_000, probes: Duration::from_secs(6), servers: Duration::from_secs(40) });
    let view = View { span: Span::Last, ascending: true, ..by(Column::Sets) };
    insta::assert_snapshot!(table(&snapshot, &view, None));
    let window = table(&snapshot, &View { span: Span::Window, ..view }, None);
    assert!(window.contains("rates of the rows over the last 50.0 s"), "{window}");
}

#[test]
fn families_are_rows_of_a_table() {
    let view = View { grouping: Some(Grouping::auto()), ..by(Column::Calls) };
    insta::assert_snapshot!("grouped_in_full", table(&sample::flash_sale(), &view, None));
    let filter = Some(Filter::parse("keys>1").unwrap());
    let view = View { filter, hints: Vec::new(), ..view };
    insta::assert_snapshot!("grouped_for_a_terminal", table(&sample::flash_sale(), &view, Some(80)));
    let opened = Some(GroupId { name: Key::new(b"blob:Feature:*"), target: 0 });
    let view = View { opened, filter: None, limit: Some(2), ..view };
    insta::assert_snapshot!("opened_for_a_terminal", table(&sample::flash_sale(), &view, Some(80)));
}

#[test]
fn families_are_rows_of_json() {
    let grouping = Some(Grouping::auto());
    let view = View { grouping, hints: Vec::new(), limit: Some(2), ..by(Column::Keys) };
    let document: Value = serde_json::from_str(&json(&sample::flash_sale(), &view)).unwrap();
    assert_eq!(document["grouping"], json!({"by": "auto", "rows": 6, "rows_matching": 6, "rows_shown": 2}));
    assert_eq!((&document["keys_tracked"], &document["keys_shown"]), (&65.into(), &61.into()));
    insta::assert_snapshot!("grouped_rows", format!("{:#}", document["keys"]));
    let opened = Some(GroupId { name: Key::new(b"blob:Feature:*"), target: 0 });
    let document: Value = serde_json::from_str(&json(&sample::flash_sale(), &View { opened, ..view })).unwrap();
    assert_eq!(document["grouping"]["opened"], json!({"key": "blob:Feature:*"}));
    assert_eq!((&document["keys_tracked"], &document["keys_shown"]), (&60.into(), &2.into()));
    assert_eq!(document["keys"][0].get("group"), None);
}

#[test]
fn names_of_groups_are_hostile_too() {
    let keys = ["\u{1b}[2J:1", "\u{1b}[2J:2"].map(|key| sample::read(key, 100, 0, Ttl::Never));
    let more = [b"\xff\xfe:1", b"\xff\xfe:2"].map(|key| sample::read(key, 100, 0, Ttl::Never));
    let snapshot = sample::of(keys.into_iter().chain(more).collect());
    let view = View { grouping: Some(Grouping::parse("/(.*):/").unwrap()), ..by(Column::Calls) };
    let text = table(&snapshot, &view, None);
    assert!(text.contains("\\x1b[2J*") && text.contains("\\xff\\xfe*"), "{text}");
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
    let document: Value = serde_json::from_str(&json(&snapshot, &view)).unwrap();
    let bytes = |row: &Value| (row["key"].clone(), row["key_b64"].clone());
    let rows: Vec<_> = document["keys"].as_array().unwrap().iter().map(bytes).collect();
    assert!(rows.contains(&("\u{1b}[2J*".into(), Value::Null)), "{rows:?}");
    assert!(rows.contains(&("\\xff\\xfe*".into(), "//4q".into())), "{rows:?}");
}

#[test]
fn empty_table_says_what_to_check() {
    insta::assert_snapshot!(table(&sample::of(Vec::new()), &View::default(), Some(80)));
}

#[test]
fn hostile_keys_stay_in_their_column() {
    for available in [None, Some(80), Some(60)] {
        let text = table(&sample::hostile(), &by(Column::Calls), available);
        assert!(text.chars().all(|c| c == '\n' || !c.is_control()));
        let below = |line: &&str| line.starts_with("not shown");
        let rows: Vec<&str> =
            text.lines().skip_while(|line| !line.contains("KEY")).take_while(|line| !below(line)).collect();
        assert_eq!((rows.len(), text.lines().any(|line| below(&line))), (14, available.is_some()), "{text}");
        assert!(rows.iter().all(|row| width(row) == width(rows[0])), "{text}");
        assert!(available.is_none_or(|available| rows.iter().all(|row| width(row) <= available)), "{text}");
    }
    insta::assert_snapshot!(table(&sample::hostile(), &by(Column::Calls), Some(90)));
}

#[test]
fn json_document() {
    let view = View { limit: Some(2), ..by(Column::Calls) };
    insta::assert_snapshot!(json(&sample::with_loss(sample::flash_sale()), &view));
}

/// The names that scripts rely on.
#[test]
fn json_keeps_its_contract() {
    let document: Value = serde_json::from_str(&json(&sample::flash_sale(), &View::default())).unwrap();
    let has = |value: &Value, names: &str| {
        for name in names.split_whitespace() {
            assert!(value.get(name).is_some(), "no {name} in {value:#}");
        }
    };
    assert_eq!(document["schema"], "mctop.snapshot/1");
    has(&document, "schema mctop host kernel started_at duration_s interrupted targets totals loss keys");
    has(&document["targets"][0], "pid binary version build_id listen probes");
    has(&document["targets"][0]["probes"][0], "name function offset found_by");
    has(&document["totals"], "calls gets hits misses sets deletes other bytes calls_per_s bytes_per_s");
    has(&document["loss"], "untracked_calls untracked_bytes read_faults truncated_keys");
    has(
        &document["keys"][0],
        "key calls gets hits misses sets deletes other size ttl bytes calls_per_s bytes_per_s share_calls share_bytes",
    );
    assert_eq!(document["started_at"], "2026-11-21T21:57:01Z");
    assert_eq!(document["targets"][0]["probes"][0]["found_by"], "recovered");
    let calls: u64 = document["keys"].as_array().unwrap().iter().map(|key| key["calls"].as_u64().unwrap()).sum();
    assert_eq!(document["totals"]["calls"], calls);
}

#[test]
fn what_may_be_missing_of_a_key_is_told() {
    let mut snapshot = sample::flash_sale();
    snapshot.rows[0].calls_error = 17;
    snapshot.rows[0].bytes_error = 170;
    let document: Value = serde_json::from_str(&json(&snapshot, &by(Column::Calls))).unwrap();
    assert_eq!((&document["keys"][0]["calls_error"], &document["keys"][0]["bytes_error"]), (&17.into(), &170.into()));
    assert_eq!(document["keys"][1].get("calls_error"), None);
    let cells = Cells { snapshot: &snapshot, span: Span::Total, glyphs: &UNICODE };
    let text = |row: usize, column, room| cells.text(&snapshot.rows[row], column, room);
    assert_eq!(text(0, Column::Calls, None), "6,579,950+");
    assert_eq!(text(0, Column::Calls, Some(9)), "6.6M+");
    assert_eq!(text(0, Column::Bytes, None), "91.9 GB+");
    assert_eq!(text(1, Column::Calls, None), "5,600");
}

#[test]
fn json_sizes_and_lifetimes_may_be_unknown() {
    let document: Value = serde_json::from_str(&json(&sample::flash_sale(), &by(Column::Key))).unwrap();
    let of = |name: &str| {
        let keys = document["keys"].as_array().unwrap();
        let key = keys.iter().find(|key| key["key"] == name).unwrap();
        (key["size"].as_u64(), key["ttl"].as_i64())
    };
    assert_eq!(of("podYYYrails:NN::feature_rollout:percentages"), (Some(13_961), Some(30)));
    assert_eq!(of("podYYY:rails:NN::shop-KEY"), (Some(2_048), Some(-1)));
    assert_eq!(of("podYYY:rails:NN::jobs-KEY"), (None, None));
}

#[test]
fn json_loses_no_byte_of_a_key() {
    let snapshot = sample::hostile();
    let text = json(&snapshot, &by(Column::Calls));
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()));
    let document: Value = serde_json::from_str(&text).unwrap();
    for (key, row) in document["keys"].as_array().unwrap().iter().zip(&snapshot.rows) {
        match row.key.as_str() {
            Some(text) => {
                assert_eq!(key["key"], text);
                assert!(key.get("key_b64").is_none());
            }
            None => {
                assert_eq!((&key["key"], &key["key_b64"]), (&"\\xff\\xfe\\x00\\x80".into(), &"//4AgA==".into()));
            }
        }
    }
}

#[test]
fn writers_that_fail_are_heard() {
    struct Full;
    impl std::io::Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    for format in Format::value_variants() {
        let format = *format;
        let error =
            write(format, &sample::flash_sale(), &View::default(), Look { width: None, glyphs: UNICODE }, &mut Full)
                .unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe);
    }
}
