//! The summary of an incident.

use super::Incident;
use crate::model::column::Column;
use crate::model::probe_point::ProbeKind;
use crate::model::ranking::View;
use crate::model::snapshot::{Row, Ttl, per_second, share};
use crate::report::document::Words;
use crate::text::fit::shown_key;
use crate::text::{format, range, summary};

/// At most five facts: all traffic, the key with the most calls and its share, when it became hot, its item, and the key with the
/// most bytes.
pub(super) fn facts(incident: &Incident<'_>) -> Vec<Words> {
    let Incident { snapshot, glyphs, .. } = *incident;
    let mut facts = vec![Words::own(all(incident))];
    let first = |sort| View { sort, limit: Some(1), ..View::default() }.rows(snapshot).into_iter().next();
    let Some(top) = first(Column::Calls) else { return facts };
    facts.push(Words::quoted(shown_key(&top.key, glyphs)).then(format!(
        " had the most calls: {} ({} calls/s), and {} of the bytes.",
        format::percent(share(top.total.calls(), snapshot.total.calls())),
        format::rate(per_second(top.total.calls(), snapshot.duration), None),
        format::percent(share(top.total.bytes(), snapshot.total.bytes())),
    )));
    facts.extend(since(incident, top));
    facts.push(items(incident, top));
    if let Some(heavy) = first(Column::Bytes).filter(|heavy| heavy.total.bytes() > 0) {
        let words = if heavy.key == top.key && heavy.target == top.target {
            Words::own("It also had the most bytes: ")
        } else {
            Words::quoted(shown_key(&heavy.key, glyphs)).then(" had the most bytes: ")
        };
        facts.push(words.then(format!(
            "{} ({}/s){}.",
            format::percent(share(heavy.total.bytes(), snapshot.total.bytes())),
            format::bytes(per_second(heavy.total.bytes(), snapshot.duration)),
            heavy.sizes().map(|sizes| format!("; value {}", range::sizes(sizes, None, glyphs))).unwrap_or_default(),
        )));
    }
    facts
}

fn all(incident: &Incident<'_>) -> String {
    let (snapshot, timeline) = (incident.snapshot, incident.timeline);
    let sum = summary::plural(snapshot.total.calls(), "call");
    let length = format::duration(snapshot.duration);
    let rate = format::rate(per_second(snapshot.total.calls(), snapshot.duration), None);
    let hits = summary::hits(&snapshot.total);
    let bandwidth = format::bytes(per_second(snapshot.total.bytes(), snapshot.duration));
    if !has_peaks(incident) {
        return format!("{sum} in {length}: {rate} calls/s on average; {hits}; {bandwidth}/s on average.");
    }
    let (calls, bytes) = (timeline.calls_peak(), timeline.bytes_peak());
    format!(
        "{sum} in {length}: {rate} calls/s on average, peak {} calls/s at {}; {hits}; {bandwidth}/s on average, peak {}/s.",
        format::rate(calls.per_second, None),
        incident.clock(calls.at),
        format::bytes(bytes.per_second),
    )
}

/// Whether there are several intervals: a single one, such as a snapshot, has no peak.
fn has_peaks(incident: &Incident<'_>) -> bool {
    incident.intervals > 1
}

/// When a key became hot; none if its rates are unknown.
fn since(incident: &Incident<'_>, row: &Row) -> Option<Words> {
    let track = incident.timeline.track(&row.key).filter(|_| has_peaks(incident))?;
    let since = incident.timeline.since(&row.key)?;
    let peak = track.calls_peak();
    let reached = if since.is_zero() {
        "It was at half its peak rate or more from the start".to_owned()
    } else {
        let after = format::duration(since);
        format!("It first reached half its peak rate at {}, {after} after the start", incident.clock(since))
    };
    Some(Words::own(format!(
        "{reached}; peak {} calls/s at {}.",
        format::rate(peak.per_second, None),
        incident.clock(peak.at),
    )))
}

fn items(incident: &Incident<'_>, row: &Row) -> Words {
    let total = &row.total;
    let value = row.sizes().map_or_else(
        || "No item seen".to_owned(),
        |sizes| format!("Value {}", range::sizes(sizes, None, incident.glyphs)),
    );
    let ttl = match row.ttl {
        Ttl::Unknown => String::new(),
        Ttl::Never => ", never expires".to_owned(),
        Ttl::Seconds(_) => format!(", TTL {} when last seen", format::ttl(row.ttl, "", "")),
    };
    let mut parts = vec![match total.hit_ratio() {
        Some(ratio) => format!("{} of {} hit", format::percent(ratio), summary::plural(total.gets(), "read")),
        None => "never read".to_owned(),
    }];
    if total.sets > 0 {
        parts.push(format!("stored {}", times(total.sets)));
    }
    if total.deletes > 0 {
        parts.push(format!("deleted {}", times(total.deletes)));
    }
    if incident.snapshot.watches(ProbeKind::Eviction, Some(row.target)) {
        parts.push(format!("evicted {}", times(row.outcomes.evicted)));
    }
    Words::own(format!("{value}{ttl}; {}.", parts.join(", ")))
}

fn times(count: u64) -> String {
    summary::plural(count, "time")
}
