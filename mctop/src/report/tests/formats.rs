//! NDJSON, CSV and Markdown have every key and figure of JSON, and no key breaks them.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::ValueEnum as _;
use comrak::nodes::NodeValue;
use comrak::{Arena, Options, parse_document};
use proptest::prelude::*;
use serde_json::Value;

use super::{by, text};
use crate::model::column::{COLUMNS, Column};
use crate::model::cost::Cost;
use crate::model::counts::Counts;
use crate::model::group::Grouping;
use crate::model::ranking::View;
use crate::model::sample;
use crate::model::snapshot::{Row, Snapshot, Ttl};
use crate::report::Format;
use crate::text::fit::shown_key;
use crate::text::glyphs::UNICODE;

/// Keys that have a meaning in text formats, in the order of their rank.
fn meaningful_keys() -> Snapshot {
    let keys: Vec<&[u8]> = vec![
        b"=HYPERLINK(\"http://evil\",\"x\")",
        b"+1+1",
        b"-2+3",
        b"@SUM(A1:A9)",
        b"\t=1+1",
        b"\r=1+1",
        b"a,b;c\td\"e\"",
        b"x;=1+1",
        b"a|b",
        b"a\\|b",
        b"`code` and ``more``",
        b"`",
        b" ` ",
        b" spaces ",
        b"  ",
        b"line\nbreak\r\n| new | row |",
        b"<script>alert(1)</script>&amp;",
        b"**bold** [link](http://evil) ![image](x) ~~gone~~ http://evil",
        b"00123",
        b"1e5",
        b"\xff\xfe|`",
        "\u{202e}drawkcab|".as_bytes(),
        b"'",
        b"\"",
    ];
    let number = keys.len() as u64;
    sample::of(keys.into_iter().zip(0..).map(|(key, n)| sample::read(key, number - n, 512, Ttl::Seconds(60))).collect())
}

fn with_hostile_names(mut snapshot: Snapshot) -> Snapshot {
    snapshot.host = "=1+1|`</code>```\u{1b}[2J\n# host".into();
    snapshot.notes = vec!["```\n# a note | `x` <b>".into()];
    snapshot
}

#[test]
fn ndjson_of_a_flash_sale() {
    let view = View { limit: Some(2), ..by(Column::Calls) };
    insta::assert_snapshot!(text(Format::Ndjson, &sample::with_loss(sample::flash_sale()), &view, None));
}

#[test]
fn csv_of_a_flash_sale() {
    let view = View { limit: Some(6), ..by(Column::Calls) };
    insta::assert_snapshot!(text(Format::Csv, &sample::with_loss(sample::flash_sale()), &view, None));
}

#[test]
fn markdown_of_a_flash_sale() {
    let view = View { limit: Some(6), ..by(Column::Calls) };
    insta::assert_snapshot!(text(Format::Markdown, &sample::with_loss(sample::flash_sale()), &view, None));
}

/// The JSON document can be assembled from the lines.
#[test]
fn ndjson_has_what_json_has() {
    for snapshot in [sample::with_loss(sample::flash_sale()), sample::hostile(), meaningful_keys()] {
        let view = by(Column::Bandwidth);
        let document: Value = serde_json::from_str(&text(Format::Json, &snapshot, &view, None)).unwrap();
        let written = text(Format::Ndjson, &snapshot, &view, None);
        assert!(written.chars().all(|c| c == '\n' || !c.is_control()));
        let mut lines = written.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let mut assembled = lines.next().unwrap();
        assembled.as_object_mut().unwrap().remove("type");
        assembled["schema"] = document["schema"].clone();
        let keys = lines.map(|mut line| {
            assert_eq!(line["host"], document["host"]);
            assert_eq!(line["started_at"], document["started_at"]);
            assert_eq!(line["pid"], 4_242);
            for member in ["type", "host", "started_at", "pid"] {
                line.as_object_mut().unwrap().remove(member);
            }
            line
        });
        assembled["keys"] = keys.collect();
        assert_eq!(assembled, document);
    }
}

fn csv_rows(snapshot: &Snapshot, view: &View) -> Vec<std::collections::HashMap<String, String>> {
    let written = text(Format::Csv, snapshot, view, None);
    csv::Reader::from_reader(written.as_bytes()).deserialize().map(Result::unwrap).collect()
}

#[test]
fn csv_has_what_json_has() {
    for snapshot in [sample::with_loss(sample::flash_sale()), sample::hostile(), meaningful_keys()] {
        let view = by(Column::Calls);
        let document: Value = serde_json::from_str(&text(Format::Json, &snapshot, &view, None)).unwrap();
        let rows = csv_rows(&snapshot, &view);
        let agrees = |row: &std::collections::HashMap<String, String>, value: &Value| {
            for (name, cell) in row {
                match value.get(name) {
                    Some(Value::Number(number)) => {
                        assert_eq!(cell.parse::<f64>().unwrap(), number.as_f64().unwrap(), "{name}");
                    }
                    Some(Value::Null) => assert_eq!(cell, "", "{name}"),
                    _ => {}
                }
            }
        };
        agrees(&rows[0], &document["totals"]);
        agrees(&rows[0], &document["loss"]);
        assert_eq!((&*rows[0]["record"], &*rows[0]["key"]), ("total", ""));
        assert!(rows[0]["about"].contains("50.0 s") && rows[0]["about"].to_lowercase().contains("lost: "));
        let keys = document["keys"].as_array().unwrap();
        assert_eq!(rows.len(), keys.len() + 1);
        for ((row, key), original) in rows[1..].iter().zip(keys).zip(&snapshot.rows) {
            agrees(row, key);
            assert_eq!((&*row["record"], &*row["host"], &*row["duration_s"]), ("key", "cache-7", "50.0"));
            if snapshot.rows.len() < 30 {
                let bytes = match &*row["key_b64"] {
                    "" => row["key"].clone().into_bytes(),
                    encoded => STANDARD.decode(encoded).unwrap(),
                };
                assert_eq!(bytes, original.key.bytes());
            }
        }
    }
}

#[test]
fn csv_of_groups_has_what_json_has() {
    let mut rows = vec![sample::read("=evil:1", 5, 10, Ttl::Never), sample::read("=evil:2", 4, 30, Ttl::Seconds(9))];
    rows.push(sample::read("alone", 3, 7, Ttl::Seconds(60)));
    rows.push(Row { total: Counts { misses: 2, ..Counts::default() }, ..sample::row("nothing:seen") });
    let snapshot = sample::of(rows);
    let view = View { grouping: Some(Grouping::auto()), ..by(Column::Calls) };
    let document: Value = serde_json::from_str(&text(Format::Json, &snapshot, &view, None)).unwrap();
    let rows = csv_rows(&snapshot, &view);
    assert_eq!((&*rows[0]["record"], &*rows[0]["keys"], &*rows[0]["size_min"]), ("total", "4", ""));
    let records: Vec<&str> = rows[1..].iter().map(|row| &*row["record"]).collect();
    assert_eq!(records, ["group", "key", "key"]);
    assert_eq!(rows[1]["key"], "'=evil:*");
    for (row, key) in rows[1..].iter().zip(document["keys"].as_array().unwrap()) {
        for name in ["keys", "size_min", "size_max", "ttl_min", "ttl_max", "size", "ttl", "calls"] {
            assert_eq!(row[name], if key[name].is_null() { String::new() } else { key[name].to_string() }, "{name}");
        }
    }
    assert!(!csv_rows(&snapshot, &by(Column::Calls))[0].contains_key("keys"));
}

/// Spreadsheets recognize formulas by the first character of a cell.
#[test]
fn no_cell_of_csv_is_a_formula() {
    let written = text(Format::Csv, &with_hostile_names(meaningful_keys()), &by(Column::Calls), None);
    assert!(!written.contains(['\t', '\r', '\u{1b}']));
    for record in csv::ReaderBuilder::new().has_headers(false).from_reader(written.as_bytes()).records() {
        for cell in record.unwrap().iter().filter(|cell| cell.parse::<f64>().is_err()) {
            assert!(!cell.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']), "{cell}");
        }
    }
    // Every text is quoted, because some programs split unquoted text.
    let hostile = written.lines().find(|line| line.contains("x;=1+1")).unwrap();
    assert!(hostile.contains(",\"x;=1+1\","), "{hostile}");
}

/// The cells of the only table, as GitHub's parser sees them; for code spans, the code.
fn markdown_cells(written: &str) -> Vec<Vec<String>> {
    let mut options = Options::default();
    options.extension.table = true;
    options.extension.strikethrough = true;
    options.extension.autolink = true;
    let arena = Arena::new();
    let root = parse_document(&arena, written, &options);
    let blocks: Vec<_> = root.children().collect();
    assert!(matches!(blocks[0].data.borrow().value, NodeValue::CodeBlock(_)), "{written}");
    let table = blocks[1];
    assert!(matches!(table.data.borrow().value, NodeValue::Table(_)), "{written}");
    assert!(blocks.len() <= 3, "{} blocks in {written}", blocks.len());
    let text = |node: &comrak::Node<'_>| match &node.data.borrow().value {
        NodeValue::Code(code) => code.literal.clone(),
        NodeValue::Text(text) => text.to_string(),
        other => panic!("{other:?} in {written}"),
    };
    let cell = |cell: comrak::Node<'_>| cell.children().map(|node| text(&node)).collect::<String>();
    table.children().map(|row| row.children().map(cell).collect()).collect()
}

#[test]
fn no_key_is_markup_in_markdown() {
    for snapshot in [meaningful_keys(), with_hostile_names(meaningful_keys()), sample::hostile(), sample::flash_sale()]
    {
        let rows = markdown_cells(&text(Format::Markdown, &snapshot, &by(Column::Calls), None));
        let headers: Vec<&str> =
            COLUMNS.iter().map(|column| column.header).filter(|header| !["PID", "KEYS"].contains(header)).collect();
        assert_eq!(rows[0], headers);
        assert_eq!(rows.len(), 1 + snapshot.rows.len());
        for row in &rows[1..] {
            assert_eq!(row.len(), headers.len(), "{row:?}");
        }
        if snapshot.rows.len() < 30 {
            for (row, original) in rows[1..].iter().zip(&snapshot.rows) {
                assert_eq!(row[0], shown_key(&original.key, &UNICODE));
            }
        }
    }
}

#[test]
fn every_format_has_no_keys_one_key_or_many() {
    for number in [0, 1, 10_000] {
        let snapshot = sample::many(number);
        let of = |format| text(format, &snapshot, &by(Column::Calls), None);
        let keys = usize::try_from(number).unwrap();
        let document: Value = serde_json::from_str(&of(Format::Json)).unwrap();
        assert_eq!(document["keys"].as_array().unwrap().len(), keys);
        assert_eq!(of(Format::Ndjson).lines().count(), 1 + keys);
        assert_eq!(of(Format::Csv).lines().count(), 2 + keys);
        for format in [Format::Table, Format::Markdown] {
            let written = of(format);
            assert_eq!(written.contains("No operations were seen"), number == 0);
            assert_eq!(written.lines().filter(|line| line.contains("key:0")).count(), keys);
            assert!(written.contains("cache-7") && written.contains("50.0 s") && written.contains("lost: nothing"));
        }
    }
}

#[test]
fn every_format_has_what_is_in_no_row_and_the_cost_of_the_probes() {
    let mut snapshot = sample::with_loss(sample::flash_sale());
    let others = Counts { hits: 777, bytes_out: 7_770, ..Counts::default() };
    snapshot.total += &others;
    snapshot.others = others;
    snapshot.cost_total = Some(Cost { hits: 10, probes: Duration::from_micros(7), servers: Duration::from_micros(70) });
    for format in Format::value_variants() {
        let written = text(*format, &snapshot, &by(Column::Calls), None);
        let parts = match format {
            Format::Json | Format::Ndjson => ["\"untracked_calls\"", "\"others\"", "\"share_of_server_cpu\""],
            Format::Table | Format::Csv | Format::Markdown => [
                "100,000 calls",
                "777 calls (<0.1%) and 7.8 kB (<0.1%) of keys that were not recorded",
                "probes took 10.0%",
            ],
        };
        for part in parts {
            assert!(written.contains(part), "{part} is not in {format:?}: {written}");
        }
    }
}

proptest! {
    #[test]
    fn any_key_is_one_cell_of_markdown(key in "[`|\\\\ a<*_\\n&~\\[\\]]{1,12}") {
        let snapshot = sample::of(vec![sample::read(&key, 1, 1, Ttl::Never)]);
        let rows = markdown_cells(&text(Format::Markdown, &snapshot, &View::default(), None));
        prop_assert_eq!(rows.len(), 2);
        prop_assert_eq!(&rows[1][0], &shown_key(&snapshot.rows[0].key, &UNICODE));
    }
}
