//! The output for people and for programs.

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
fn a_table_in_full_has_every_column_and_no_wrapped_line() {
    let view = View { limit: Some(6), ..by(Column::Calls) };
    let text = table(&sample::flash_sale(), &view, None);
    let lines: Vec<&str> = text.lines().collect();
    let header = "# KEY CALLS CALLS/S CALLS% GETS HITS MISSES HIT% SETS DELETES OTHER SIZE TTL BYTES BYTES/S BYTES%";
    assert_eq!(lines[5].split_whitespace().collect::<Vec<_>>().join(" "), header);
    let first = "1 podYYYrails:NN::feature_rollout:percentages 6,579,950 131,599 97.2% 6,579,950 6,579,950 0 100.0% 0 0 0 13,961 B \
                 30s 91.9 GB 1.8 GB 93.6%";
    assert_eq!(lines[6].split_whitespace().collect::<Vec<_>>().join(" "), first);
    assert_eq!((lines[12], lines[14]), ("… and 59 more keys", "Hints"));
    assert!(lines[15].ends_with("(93.6% of all bytes) over 50.0 s") && lines.len() == 18, "{text}");
}

#[test]
fn table_for_a_terminal() {
    let view = View { limit: Some(6), ..by(Column::Bandwidth) };
    insta::assert_snapshot!(table(&sample::flash_sale(), &view, Some(80)));
}

#[test]
fn a_long_key_leaves_room_for_the_essential_columns() {
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
        let expected = "not shown for lack of width: CALLS%, GETS, HITS, MISSES, SETS, DELETES, OTHER, BYTES, BYTES%; \
                        pipe into cat or use --format csv to see all";
        let below: Vec<&str> = text.lines().skip_while(|line| !line.starts_with("not shown")).take(2).collect();
        assert_eq!(below.join(" "), expected, "{text}");
    }
    let full = table(&snapshot, &by(Column::Calls), None);
    assert!(full.contains("BYTES%") && full.contains(&"k".repeat(250)) && !full.contains("not shown"), "{full}");
}

#[test]
fn a_table_shows_everything_unusual() {
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
    assert!(window.contains("rates per key over the last 50.0 s"), "{window}");
}

#[test]
fn groups_are_rows_of_a_table() {
    let view = View { grouping: Some(Grouping::auto()), ..by(Column::Calls) };
    let full = table(&sample::flash_sale(), &view, None);
    assert!(full.contains("\n65 keys in 6 rows, grouped by auto, by calls · lost: nothing\n"), "{full}");
    assert!(full.contains("\n2  blob:Feature:*                                 60     91,500 "), "{full}");
    let cut = table(&sample::flash_sale(), &View { limit: Some(2), ..view.clone() }, None);
    assert!(cut.contains("\n… and 4 more rows\n"), "{cut}");
    let filter = Some(Filter::parse("keys>1").unwrap());
    let view = View { filter, hints: Vec::new(), ..view };
    insta::assert_snapshot!("grouped_for_a_terminal", table(&sample::flash_sale(), &view, Some(80)));
    let opened = Some(GroupId { name: Key::new(b"blob:Feature:*"), target: 0 });
    let view = View { opened, filter: None, limit: Some(2), ..view };
    let text = table(&sample::flash_sale(), &view, Some(80));
    assert!(text.contains("\n60 keys of blob:Feature:*, grouped by auto, by calls · lost: nothing\n"), "{text}");
    assert!(
        text.contains("\n2  blob:Feature:001  2,950     59.0   <0.1%  100.0% ") && text.contains("… and 58 more keys"),
        "{text}"
    );
}

#[test]
fn groups_are_rows_of_json() {
    let grouping = Some(Grouping::auto());
    let view = View { grouping, hints: Vec::new(), limit: Some(2), ..by(Column::Keys) };
    let document: Value = serde_json::from_str(&json(&sample::flash_sale(), &view)).unwrap();
    assert_eq!(document["grouping"], json!({"by": "auto", "rows": 6, "rows_matching": 6, "rows_shown": 2}));
    assert_eq!((&document["keys_tracked"], &document["keys_shown"]), (&65.into(), &61.into()));
    let group = &document["keys"][0];
    assert_eq!((&group["key"], &group["group"], &group["keys"]), (&json!("blob:Feature:*"), &json!(true), &json!(60)));
    let ranges = ["size", "size_min", "size_max", "ttl", "ttl_min", "ttl_max"];
    assert_eq!(ranges.map(|name| group[name].as_u64()), [None, Some(100), Some(159), None, Some(0), Some(5_723)]);
    let single = &document["keys"][1];
    assert_eq!((&single["key"], &single["group"], &single["keys"]), (&json!("menu:json"), &json!(false), &json!(1)));
    assert_eq!(ranges[..3].iter().map(|name| single[*name].as_u64()).collect::<Vec<_>>(), [Some(3_145_728); 3]);
    let opened = Some(GroupId { name: Key::new(b"blob:Feature:*"), target: 0 });
    let document: Value = serde_json::from_str(&json(&sample::flash_sale(), &View { opened, ..view })).unwrap();
    assert_eq!(document["grouping"]["opened"], json!({"key": "blob:Feature:*"}));
    assert_eq!((&document["keys_tracked"], &document["keys_shown"]), (&60.into(), &2.into()));
    assert_eq!(document["keys"][0].get("group"), None);
}

#[test]
fn names_of_groups_are_escaped() {
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
    let text = table(&sample::of(Vec::new()), &View::default(), Some(80));
    let below = "\n0 keys, by calls · lost: nothing\n\nNo operations were seen. Check that clients use this server (its pid and\n";
    assert!(text.contains(below) && text.lines().all(|line| width(line) <= 80), "{text}");
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
}

#[test]
fn json_document() {
    let view = View { limit: Some(2), ..by(Column::Calls) };
    insta::assert_snapshot!(json(&sample::with_loss(sample::flash_sale()), &view));
}

/// The member names that scripts rely on.
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
fn totals_of_a_forgotten_key_are_marked_as_lower_bounds() {
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
fn json_sizes_and_ttls_may_be_unknown() {
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
fn json_keeps_every_byte_of_a_key() {
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
fn write_errors_are_returned() {
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
