//! Hints in words: whom they are about, and the figures that they rest on.

use super::fit::shown_key;
use super::format;
use super::glyphs::Glyphs;
use super::summary::plural;
use crate::model::hints::{Finding, Hint, HintKind, Hints};
use crate::model::snapshot::{Snapshot, per_second, share};

/// Every hint in a line, `never hits · product:* (1,200 keys) · …`, and how many more there would be.
#[must_use]
pub fn lines(snapshot: &Snapshot, hints: &Hints, glyphs: &Glyphs) -> Vec<String> {
    let line = |hint: &Hint| {
        let parts = [Some(title(hint.kind()).to_owned()), subject(snapshot, hint, glyphs), Some(evidence(hint))];
        parts.into_iter().flatten().collect::<Vec<_>>().join(glyphs.separator)
    };
    let mut lines: Vec<String> = hints.hints.iter().map(line).collect();
    if hints.left_out > 0 {
        lines.push(format!("{} and {}", glyphs.ellipsis, plural(hints.left_out as u64, "more hint")));
    }
    lines
}

/// What a hint says, in a few words.
#[must_use]
pub const fn title(kind: HintKind) -> &'static str {
    match kind {
        HintKind::NeverHits => "never hits",
        HintKind::EmptyValues => "empty values",
        HintKind::Stampede => "stampede",
        HintKind::BigValue => "big value",
        HintKind::ExpireTogether => "expire together",
        HintKind::HotKey => "hot key",
        HintKind::SetStorm => "set storm",
    }
}

/// The key or family, as the terminal may show it, with its server where there are several.
#[must_use]
pub fn subject(snapshot: &Snapshot, hint: &Hint, glyphs: &Glyphs) -> Option<String> {
    let subject = hint.subject.as_ref()?;
    let mut text = shown_key(&subject.key, glyphs);
    if subject.keys > 1 {
        text = format!("{text} ({})", plural(subject.keys, "key"));
    }
    let server = snapshot.targets.get(subject.target as usize).filter(|_| snapshot.targets.len() > 1);
    Some(server.map_or_else(|| text.clone(), |server| format!("{text} of pid {}", server.pid)))
}

/// The facts: how much, of how much, over which time.
#[must_use]
pub fn evidence(hint: &Hint) -> String {
    let Hint { counts, whole, .. } = hint;
    let over = format::duration(hint.over);
    let (reads, misses, sets) = (plural(counts.gets(), "read"), counts.misses, plural(counts.sets, "set"));
    let rate = |count| format::rate(per_second(count, hint.over), None);
    let bandwidth = format!("{}/s", format::bytes(per_second(counts.bytes(), hint.over)));
    let of_bytes = format!("{} of all bytes", format::percent(share(counts.bytes(), whole.bytes())));
    let of_calls = format!("{} of all calls", format::percent(share(counts.calls(), whole.calls())));
    match hint.finding {
        Finding::NeverHits { largest } => {
            let hits = if counts.hits == 0 { "none".to_owned() } else { format::count(counts.hits) };
            let stored = match (counts.sets, largest) {
                (0, _) => "never stored".to_owned(),
                (_, None) => sets,
                (_, Some(size)) => format!("{sets}, the largest value last seen has {}", format::size(size)),
            };
            format!("{hits} of {reads} in {over} hit; {stored}")
        }
        Finding::EmptyValues => format!("all of {sets} in {over} have 0 B; {reads}"),
        Finding::StampedeAtLoss { losses } => format!(
            "lost {} in {over} by expiry, flush or delete, and then {} and {sets}: {:.0} and {:.0} each time",
            plural(losses, "time"),
            misses_text(misses),
            misses as f64 / losses as f64,
            counts.sets as f64 / losses as f64,
        ),
        Finding::StampedeNow { reads, hits } => format!(
            "{} and {sets} in the last {over}; {} of {} before hit",
            misses_text(misses),
            format::percent(share(hits, reads)),
            plural(reads, "read"),
        ),
        Finding::BigValue { size } => format!(
            "{} each, {} calls/s make {bandwidth} ({of_bytes}) over {over}",
            format::size(size),
            rate(counts.calls())
        ),
        Finding::ExpireTogether { keys, after } => format!(
            "{} expire in the same second, in {after} s; {} reads/s ({} of all reads) over {over}",
            plural(keys, "key"),
            rate(counts.gets()),
            format::percent(share(counts.gets(), whole.gets())),
        ),
        Finding::HotKey => {
            format!("{} calls/s ({of_calls}) and {bandwidth} ({of_bytes}) over {over}", rate(counts.calls()))
        }
        Finding::SetStorm => format!("{} sets/s ({of_calls}) over {over}; {reads}", rate(counts.sets)),
    }
}

fn misses_text(misses: u64) -> String {
    format!("{} miss{}", format::count(misses), if misses == 1 { "" } else { "es" })
}
