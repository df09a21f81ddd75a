use super::*;
use crate::model::capture_meta::CaptureOptions;
use crate::model::cost::Cost;
use crate::model::counts::Counts;
use crate::model::fold::{Limits, Model};
use crate::model::group::Grouping;
use crate::model::header::Header;
use crate::model::interval::{Interval, Others, Record, RecordedInterval};
use crate::model::key::Key;
use crate::model::outcomes::Outcomes;
use crate::model::sample;
use crate::model::snapshot::{Loss, Origin, Ttl};
use crate::report::document::DocumentFormat;
use crate::text::glyphs::UNICODE;

const HOT: &str = "podYYY:rails:NN::feature_rollout:percentages";

fn record(key: &str, hits: u64, misses: u64, size: u32) -> Record {
    let counts = Counts { hits, misses, bytes_out: hits * u64::from(size), ..Counts::default() };
    Record {
        key: Key::new(key.as_bytes()),
        target: 0,
        counts,
        size: Some(size),
        ttl: Ttl::Seconds(30),
        outcomes: Outcomes::default(),
    }
}

/// A minute in which a key becomes hot after 20 s, and a value of 3 MB is read every 5 s.
fn intervals() -> Vec<RecordedInterval> {
    let time = Duration::from_secs;
    let interval = |second: u64| {
        let mut records: Vec<Record> = (0..9).map(|n| record(&format!("shop:{n}"), 20 - n, 1, 600)).collect();
        records.push(record(HOT, if second < 20 { 10 } else { 10_000 + 10 * second }, 0, 13_961));
        if second.is_multiple_of(5) {
            records.push(record("menu|`json`", 10, 0, 3_000_000));
        }
        let mut total = Counts { hits: 5, bytes_out: 50, misses: 2, ..Counts::default() };
        records.iter().for_each(|record| total += &record.counts);
        Interval {
            start: time(second),
            end: time(second + 1),
            total,
            loss: Loss { untracked_calls: 2, ..Loss::default() },
            others: Others { keys: 5, counts: Counts { hits: 5, bytes_out: 50, ..Counts::default() } },
            cost: Some(Cost {
                hits: total.calls(),
                probes: Duration::from_nanos(720 * total.calls()),
                servers: Duration::from_millis(250),
            }),
            ..Interval::default()
        }
        .with(records)
    };
    (0..60).map(interval).collect()
}

fn report(intervals: &[RecordedInterval], ending: Ending, meta: &CaptureMeta, view: &View) -> Document {
    let header = Header {
        origin: Origin::Recorded { file: "sale.ndjson".into() },
        host: "cache-7".into(),
        kernel: "6.1.0-13-amd64".into(),
        started_at: "2026-11-21T21:57:01Z".parse().unwrap(),
        targets: vec![sample::target(4_242, 11_211)],
        redaction: None,
    };
    let mut model = Model::new(&header, Limits::default());
    let mut timeline = Timeline::default();
    for interval in intervals {
        model.fold(interval);
        timeline.fold(interval);
    }
    let snapshot = model.snapshot(ending != Ending::Finished);
    let incident = Incident {
        snapshot: &snapshot,
        timeline: &timeline,
        ending,
        ended_by: None,
        intervals: intervals.len() as u64,
        written_by: "0.1.0",
        meta,
        glyphs: &UNICODE,
    };
    document(&incident, view)
}

fn meta_of_berlin() -> CaptureMeta {
    CaptureMeta {
        clock: Some(HostClock { utc_offset_s: 3_600, timezone: Some("Europe/Berlin".into()) }),
        options: Some(CaptureOptions { trigger: Some("rps>5k".into()), before: Some(20), ..CaptureOptions::default() }),
        ..CaptureMeta::default()
    }
}

#[test]
fn an_incident_report_in_markdown() {
    let view = View { grouping: Some(Grouping::auto()), limit: Some(5), ..View::default() };
    let report = report(&intervals(), Ending::Interrupted, &meta_of_berlin(), &view);
    insta::assert_snapshot!(report.render(DocumentFormat::Markdown));
}

#[test]
fn an_incident_report_in_html_has_charts() {
    let report = report(&intervals(), Ending::Finished, &meta_of_berlin(), &View::default());
    let html = report.render(DocumentFormat::Html);
    let options = roxmltree::ParsingOptions { allow_dtd: true, ..Default::default() };
    let page = roxmltree::Document::parse_with_options(&html, options).unwrap();
    let figures: Vec<_> = page.descendants().filter(|node| node.has_tag_name("figure")).collect();
    let titles: Vec<&str> = figures.iter().filter_map(|figure| figure.first_element_child()?.text()).collect();
    let keys = ["Calls per second, keys with the most calls", "Value bytes per second, keys with the most bytes"];
    assert_eq!(titles[..3], ["Calls per second", "Value bytes per second", "Hit ratio"]);
    assert_eq!(titles[3..], keys);
    for figure in &figures {
        for text in figure.descendants().filter(|node| node.has_tag_name("path")).filter_map(|path| path.attribute("d"))
        {
            let numbers = text.split(['M', 'L', ' ']).filter(|part| !part.is_empty());
            for number in numbers.map(|number| number.parse::<f64>().unwrap()) {
                assert!((0.0..=960.0).contains(&number), "{number} is outside of the chart");
            }
        }
    }
    // Five keys have a line, also the one that became hot later.
    let hot = figures[3].descendants().filter(|node| node.has_tag_name("path")).count();
    assert_eq!(hot, 5);
}

#[test]
fn how_the_capture_ended_is_shown() {
    let text =
        |ending| report(&intervals(), ending, &CaptureMeta::default(), &View::default()).render(DocumentFormat::Text);
    assert!(text(Ending::CutOff).contains("has no footer, so its end is lost"));
    assert!(text(Ending::Interrupted).contains("ended by a signal"));
    let complete = text(Ending::Finished);
    assert!(complete.contains("60 intervals; complete") && !complete.contains("Berlin"), "{complete}");
}

#[test]
fn how_much_was_kept_from_before_the_trigger_is_shown() {
    let text = |fired| {
        let meta = CaptureMeta { fired, ..meta_of_berlin() };
        report(&intervals(), Ending::Finished, &meta, &View::default()).render(DocumentFormat::Text)
    };
    let fired = TriggerInfo { before_ms: 12_000, intervals: 12, crowded_out: 0 };
    assert!(text(None).contains("Trigger: rps>5k, up to 20 intervals before it\n"), "{}", text(None));
    assert!(text(Some(fired)).contains("Trigger: rps>5k, 12 intervals (12.0 s) before it\n"));
    let crowded = text(Some(TriggerInfo { crowded_out: 8, ..fired }));
    assert!(crowded.contains(" before it; 8 more intervals did not fit into memory\n"), "{crowded}");
}

#[test]
fn a_quiet_capture_says_what_to_check() {
    let quiet = Interval { end: Duration::from_secs(1), ..Interval::default() };
    let report = report(&[quiet.with(Vec::new())], Ending::Finished, &CaptureMeta::default(), &View::default());
    for format in [DocumentFormat::Text, DocumentFormat::Markdown, DocumentFormat::Html] {
        assert!(report.render(format).contains("No operations were seen"));
    }
}
