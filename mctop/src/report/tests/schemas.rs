//! Everything written in machine formats is valid according to the published schemas.

use std::sync::Arc;
use std::time::Duration;

use mctop_test_support::schema::{self, Judge};
use serde_json::{Value, json};

use super::{by, text};
use crate::model::column::Column;
use crate::model::cost::Cost;
use crate::model::filter::Filter;
use crate::model::ranking::View;
use crate::model::sample;
use crate::model::snapshot::{Gap, Origin, Snapshot};
use crate::model::span::Span;
use crate::report::Format;

/// Snapshots that have every optional member and every null between them.
fn snapshots() -> Vec<Snapshot> {
    let mut eventful = sample::with_loss(sample::hostile());
    eventful.interrupted = true;
    eventful.origin = Origin::Recorded { file: "sale\u{1b}.ndjson".into() };
    eventful.redaction = Some("Every key is replaced.".into());
    eventful.notes = vec!["Process 7 has started and is not watched.".into()];
    let mut contained = sample::target(4_300, 11_212);
    (contained.version, contained.build_id) = (None, None);
    contained.container = Some("docker 0123".into());
    contained.unit = Some("memcached.service".into());
    contained.notes = vec!["a note".into()];
    contained.probes[0].site = None;
    eventful.targets = Arc::new([sample::target(4_242, 11_211), contained]);
    eventful.target_totals.push(Default::default());
    let gap = |exited_pid, to| Gap { target: 1, exited_pid, from: Duration::from_secs(3), to, new_pid: to.map(|_| 10) };
    eventful.gaps = vec![gap(Some(9), None), gap(None, Some(Duration::from_secs(4)))];
    eventful.cost_total = Some(Cost { hits: 3, probes: Duration::from_micros(2), servers: Duration::from_micros(9) });
    let mut nothing = sample::of(Vec::new());
    nothing.duration = Duration::ZERO;
    nothing.cost_total = Some(Cost::default());
    vec![sample::flash_sale(), sample::hostile(), sample::many(1), eventful, nothing]
}

fn views() -> Vec<View> {
    let filter = Some(Filter::parse("rps>100 or /k/").unwrap());
    let window = View { span: Span::Window, ..by(Column::Rate) };
    vec![
        by(Column::Calls),
        View { span: Span::Last, ..window.clone() },
        window,
        View { limit: Some(2), ascending: true, filter, ..by(Column::HitRatio) },
    ]
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn documents_are_valid() {
    let judge = Judge::of("snapshot-1");
    for (snapshot, view) in
        snapshots().iter().flat_map(|snapshot| views().into_iter().map(move |view| (snapshot, view)))
    {
        judge.accept(&serde_json::from_str(&text(Format::Json, snapshot, &view, None)).unwrap());
    }
}

#[test]
fn lines_are_valid() {
    let judge = Judge::of("snapshot-lines-1");
    for (snapshot, view) in
        snapshots().iter().flat_map(|snapshot| views().into_iter().map(move |view| (snapshot, view)))
    {
        let lines = lines(&text(Format::Ndjson, snapshot, &view, None));
        lines.iter().for_each(|line| judge.accept(line));
        assert_eq!(lines[0]["type"], "snapshot");
        assert!(lines[1..].iter().all(|line| line["type"] == "key"));
    }
}

/// Missing members and wrong types or values are refused.
#[test]
fn invalid_documents_are_refused() {
    let document: Value =
        serde_json::from_str(&text(Format::Json, &sample::flash_sale(), &View::default(), None)).unwrap();
    let judge = Judge::of("snapshot-1");
    for (pointer, wrong) in [
        ("/schema", json!("mctop.snapshot/2")),
        ("/started_at", json!("yesterday")),
        ("/duration_s", json!("5 s")),
        ("/totals/calls", json!(-1)),
        ("/loss", json!({})),
        ("/targets/0/probes/0/found_by", json!("guessing")),
        ("/keys/0/key", json!("")),
        ("/keys/0/ttl", json!(-2)),
        ("/keys/0/size", json!(1.5)),
        ("/keys/0/share_calls", json!(100)),
        ("/keys/0", json!({"key": "a"})),
    ] {
        let mut damaged = document.clone();
        *damaged.pointer_mut(pointer).unwrap() = wrong;
        assert!(judge.refuses(&damaged), "{pointer}");
    }
    let line = lines(&text(Format::Ndjson, &sample::flash_sale(), &View::default(), None)).remove(1);
    let judge = Judge::of("snapshot-lines-1");
    for (member, wrong) in [("type", json!("row")), ("host", json!(null)), ("pid", json!("1"))] {
        let mut damaged = line.clone();
        damaged[member] = wrong;
        assert!(judge.refuses(&damaged), "{member}");
    }
}

#[test]
fn both_schemas_share_their_definitions() {
    let (document, lines) = (schema::read("snapshot-1"), schema::read("snapshot-lines-1"));
    for (name, definition) in document["$defs"].as_object().unwrap() {
        assert_eq!(&lines["$defs"][name], definition, "{name}");
    }
    let first = lines["$defs"]["snapshot_line"]["properties"].as_object().unwrap();
    for (name, property) in document["properties"].as_object().unwrap() {
        match &**name {
            "schema" => {}
            "keys" => assert!(first.get(name).is_none()),
            _ => assert_eq!(&first[name], property, "{name}"),
        }
    }
}
