use mctop_test_support::schema::Judge;
use serde_json::Value;

use super::*;
use crate::model::diff::{DiffView, diff};
use crate::model::key::Key;
use crate::model::sample;
use crate::model::snapshot::{Origin, Row, Ttl};
use crate::report::document::DocumentFormat;
use crate::text::glyphs::UNICODE;

fn sides() -> (Snapshot, Snapshot) {
    let mut before = sample::flash_sale();
    before.origin = Origin::Recorded { file: "before.ndjson".into() };
    let mut rows: Vec<Row> =
        before.rows.iter().skip(1).filter(|row| row.key.escaped() != "menu:json").cloned().collect();
    rows.insert(0, sample::read("podYYYrails:NN::feature_rollout:percentages", 130, 13_961, Ttl::Seconds(30)));
    rows.push(sample::read("evil|`key`<b>", 500, 10, Ttl::Never));
    rows[1].size = Some(4_096);
    let mut after = sample::of(rows);
    after.origin = Origin::Recorded { file: "after.ndjson".into() };
    after.duration /= 2;
    for row in &mut after.rows {
        row.total.hits /= 2;
        row.total.bytes_out /= 2;
    }
    after.total.hits /= 2;
    after.total.bytes_out /= 2;
    (before, after)
}

fn with<T>(limit: usize, then: impl Fn(Compared<'_>) -> T) -> T {
    let (before, after) = sides();
    let diff = diff(&before, &after, &DiffView { limit: Some(limit), ..DiffView::default() }, Key::clone);
    then(Compared { before: &before, after: &after, diff: &diff, noun: "key" })
}

#[test]
fn text() {
    insta::assert_snapshot!(with(8, |compared| document(compared, &UNICODE).render(DocumentFormat::Text)));
}

#[test]
fn keys_are_code_in_markdown() {
    let text = with(8, |compared| document(compared, &UNICODE).render(DocumentFormat::Markdown));
    assert!(text.starts_with("## mctop diff: `before.ndjson` → `after.ndjson`\n\nAll: calls fell from "), "{text}");
    assert!(
        text.contains(
            "\n| ``evil\\|`key`<b>`` | 0 | 500 | from 0 | 0 B | 5.0 kB | from 0 | – | 100.0% | – | 10 B | new |\n"
        ),
        "{text}"
    );
}

#[test]
fn json_document() {
    let out = with(1, |compared| {
        let mut out = Vec::new();
        json::write(compared, &mut out).unwrap();
        out
    });
    let value: Value = serde_json::from_slice(&out).unwrap();
    Judge::of("diff-1").accept(&value);
    insta::assert_snapshot!(serde_json::to_string_pretty(&value).unwrap());
}

/// Every presence, every null and every optional member.
#[test]
fn documents_are_valid_and_invalid_ones_are_refused() {
    let judge = Judge::of("diff-1");
    let (mut before, after) = sides();
    before.loss.untracked_calls = 1;
    before.rows[0].key = Key::new(b"\xff\xfe");
    let mut redacted = after.clone();
    redacted.redaction = Some("Every key is replaced.".into());
    let mut seen = std::collections::BTreeSet::new();
    let nothing = sample::of(Vec::new());
    for (before, after) in
        [(&before, &after), (&after, &before), (&nothing, &after), (&after, &nothing), (&before, &redacted)]
    {
        let diff = diff(before, after, &DiffView::default(), Key::clone);
        let mut out = Vec::new();
        json::write(Compared { before, after, diff: &diff, noun: "key" }, &mut out).unwrap();
        let document: Value = serde_json::from_slice(&out).unwrap();
        judge.accept(&document);
        let keys = document["keys"].as_array().unwrap();
        seen.extend(keys.iter().map(|key| key["presence"].as_str().unwrap().to_owned()));
        for (pointer, wrong) in
            [("/keys/0/presence", "maybe".into()), ("/change/chance", "no".into()), ("/after/totals", Value::Null)]
        {
            let mut damaged = document.clone();
            *damaged.pointer_mut(pointer).unwrap() = wrong;
            assert!(judge.refuses(&damaged), "{pointer}");
        }
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), ["both", "gone", "new", "unseen_after", "unseen_before"]);
}

#[test]
fn factors() {
    for (before, after, text) in [
        (0.0, 0.0, "="),
        (100.0, 100.01, "="),
        (100.0, 112.3, "+12.3%"),
        (100.0, 60.0, "-40.0%"),
        (100.0, 200.0, "×2.0"),
        (100.0, 0.5, "1/200"),
        (0.0, 1.0, "from 0"),
        (1.0, 0.0, "to 0"),
    ] {
        assert_eq!(factor(before, after).text(&UNICODE), text, "{before} {after}");
    }
}
