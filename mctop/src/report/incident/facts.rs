//! The lines that matter: each a fact that the capture holds.

use super::{Incident, clock};
use crate::model::column::Column;
use crate::model::probe_point::ProbeKind;
use crate::model::ranking::{View, order};
use crate::model::snapshot::{Row, Ttl, per_second, share};
use crate::report::document::Words;
use crate::text::fit::shown_key;
use crate::text::format;
use crate::text::glyphs::Glyphs;
use crate::text::summary;

/// Five facts at the most: all traffic, the key with the most calls and its share, since when, its items, and the key with
/// the most bytes.
pub(super) fn facts(incident: &Incident<'_>) -> Vec<Words> {
    let Incident { snapshot, glyphs, .. } = *incident;
    let mut facts = vec![Words::own(all(incident))];
    let first = |sort| {
        let order = order(snapshot, &View { sort, limit: Some(1), ..View::default() });
        order.indices.first().and_then(|index| snapshot.rows.get(*index))
    };
    let Some(top) = first(Column::Calls) else { return facts };
    facts.push(Words::quoted(shown_key(&top.key, glyphs)).then(format!(
        " took most calls: {} of them, {} calls/s, and {} of the bytes.",
        format::percent(share(top.total.calls(), snapshot.total.calls())),
        format::rate(per_second(top.total.calls(), snapshot.duration), None),
        format::percent(share(top.total.bytes(), snapshot.total.bytes())),
    )));
    facts.extend(since(incident, top));
    facts.push(items(incident, top));
    if let Some(heavy) = first(Column::Bytes).filter(|heavy| heavy.total.bytes() > 0) {
        let words = if heavy.key == top.key && heavy.target == top.target {
            Words::own("It also took most bytes: ")
        } else {
            Words::quoted(shown_key(&heavy.key, glyphs)).then(" took most bytes: ")
        };
        facts.push(words.then(format!(
            "{} of them, {}/s{}.",
            format::percent(share(heavy.total.bytes(), snapshot.total.bytes())),
            format::bytes(per_second(heavy.total.bytes(), snapshot.duration)),
            sizes(heavy, glyphs).map(|size| format!(", items of {size}")).unwrap_or_default(),
        )));
    }
    facts
}

fn all(incident: &Incident<'_>) -> String {
    let (snapshot, timeline) = (incident.snapshot, incident.timeline);
    let sum = summary::plural(snapshot.total.calls(), "call");
    let length = format::duration(snapshot.duration);
    let rate = format::rate(per_second(snapshot.total.calls(), snapshot.duration), None);
    let hits = snapshot
        .total
        .hit_ratio()
        .map_or_else(|| "no reads".to_owned(), |ratio| format!("{} hits", format::percent(ratio)));
    let bandwidth = format::bytes(per_second(snapshot.total.bytes(), snapshot.duration));
    if !has_course(incident) {
        return format!("{sum} in {length}: {rate} calls/s on average; {hits}, {bandwidth}/s on average.");
    }
    let (calls, bytes) = (timeline.calls_peak(), timeline.bytes_peak());
    format!(
        "{sum} in {length}: {rate} calls/s on average, at most {} calls/s (at {}); {hits}, {bandwidth}/s on average, at most {}/s.",
        format::rate(calls.per_second, None),
        clock(incident, calls.at),
        format::bytes(bytes.per_second),
    )
}

/// Whether there are intervals to compare: one alone, such as a snapshot, has no highest rate.
fn has_course(incident: &Incident<'_>) -> bool {
    incident.intervals > 1
}

/// Since when a key was called so much, as far as it was followed.
fn since(incident: &Incident<'_>, row: &Row) -> Option<Words> {
    let track = incident.timeline.track(&row.key).filter(|_| has_course(incident))?;
    let since = incident.timeline.since(&row.key)?;
    let peak = track.calls_peak();
    let since = if since.is_zero() {
        "from the start of the capture".to_owned()
    } else {
        format!("since {}, {} after the start", clock(incident, since), format::duration(since))
    };
    Some(Words::own(format!(
        "It was called at half its highest rate or more {since}; at most {} calls/s (at {}).",
        format::rate(peak.per_second, None),
        clock(incident, peak.at),
    )))
}

fn items(incident: &Incident<'_>, row: &Row) -> Words {
    let total = &row.total;
    let mut parts = vec![match sizes(row, incident.glyphs) {
        Some(size) => format!("Its value has {size}"),
        None => "No item of it was seen".to_owned(),
    }];
    match row.ttl {
        Ttl::Unknown => {}
        Ttl::Never => parts.push("it never expires".to_owned()),
        Ttl::Seconds(_) => parts.push(format!("{} to live when last seen", format::ttl(row.ttl, "", ""))),
    }
    parts.push(match total.hit_ratio() {
        Some(ratio) => format!("{} of {} hit", format::percent(ratio), summary::plural(total.gets(), "read")),
        None => "it was not read".to_owned(),
    });
    if total.sets > 0 {
        parts.push(format!("it was stored {}", times(total.sets)));
    }
    if total.deletes > 0 {
        parts.push(format!("deleted {}", times(total.deletes)));
    }
    if incident.snapshot.watches(ProbeKind::Eviction, Some(row.target)) {
        parts.push(format!("evicted {}", times(row.outcomes.evicted)));
    }
    Words::own(parts.join(", ") + ".")
}

fn times(count: u64) -> String {
    summary::plural(count, "time")
}

/// The value size of a key, or the range of a group's.
pub(super) fn sizes(row: &Row, glyphs: &Glyphs) -> Option<String> {
    let (least, most) = row.sizes()?;
    Some(if least == most {
        format::size(least)
    } else {
        format!("{}{}{}", format::size(least), glyphs.range, format::size(most))
    })
}

/// The lifetime of a key's item, or the range of a group's.
pub(super) fn lifetimes(row: &Row, glyphs: &Glyphs) -> Option<String> {
    let (least, most) = row.ttls()?;
    let text = |ttl| format::ttl(ttl, glyphs.never, glyphs.unknown);
    Some(if least == most { text(least) } else { format!("{}{}{}", text(least), glyphs.range, text(most)) })
}
