//! Hints as text: the title, the subject, and the evidence.

use super::fit::shown_key;
use super::format;
use super::glyphs::Glyphs;
use super::summary::{more, plural};
use crate::model::hints::{Finding, Hint, HintKind, Hints};
use crate::model::snapshot::{Snapshot, per_second, share};

/// One line per hint, `never hits · product:* (1,200 keys) · …`, and the number of omitted hints.
pub(crate) fn lines(snapshot: &Snapshot, hints: &Hints, glyphs: &Glyphs) -> Vec<String> {
    let line = |hint: &Hint| {
        let parts = [Some(title(hint.kind()).to_owned()), subject(snapshot, hint, glyphs), Some(evidence(hint))];
        parts.into_iter().flatten().collect::<Vec<_>>().join(glyphs.separator)
    };
    let mut lines: Vec<String> = hints.hints.iter().map(line).collect();
    lines.extend(more(hints.left_out, "hint", glyphs));
    lines
}

/// The title of a kind of hint.
pub(crate) const fn title(kind: HintKind) -> &'static str {
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

/// The key or family, escaped for terminals, and its server if there are several servers.
pub(crate) fn subject(snapshot: &Snapshot, hint: &Hint, glyphs: &Glyphs) -> Option<String> {
    let subject = hint.subject.as_ref()?;
    let mut text = shown_key(&subject.key, glyphs);
    if subject.keys > 1 {
        text = format!("{text} ({})", plural(subject.keys, "key"));
    }
    let server = snapshot.targets.get(subject.target as usize).filter(|_| snapshot.targets.len() > 1);
    Some(server.map_or_else(|| text.clone(), |server| format!("{text} on pid {}", server.pid)))
}

/// The counts that support a hint, and the length of time that they cover.
pub(crate) fn evidence(hint: &Hint) -> String {
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
                (_, Some(size)) => format!("{sets}, largest value last seen {}", format::size(size)),
            };
            format!("{hits} of {reads} in {over} hit; {stored}")
        }
        Finding::EmptyValues => format!("{sets} in {over}, all with 0 B; {reads}"),
        Finding::StampedeAtLoss { losses } => format!(
            "lost {} in {over} by expiry, flush or delete, then {} and {sets}: {:.0} and {:.0} per loss",
            plural(losses, "time"),
            misses_text(misses),
            misses as f64 / losses as f64,
            counts.sets as f64 / losses as f64,
        ),
        Finding::StampedeNow { reads, hits } => format!(
            "{} and {sets} in the last {over}; before that, {} of {} hit",
            misses_text(misses),
            format::percent(share(hits, reads)),
            plural(reads, "read"),
        ),
        Finding::BigValue { size } => {
            let up_to = if hint.subject.as_ref().is_some_and(|subject| subject.keys > 1) { "up to " } else { "" };
            let calls = rate(counts.calls());
            format!("{up_to}{}; {calls} calls/s transfer {bandwidth} ({of_bytes}) over {over}", format::size(size))
        }
        Finding::ExpireTogether { keys, after } => format!(
            "{} expire within the same second, in {after} s; {} reads/s ({} of all reads) over {over}",
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::counts::Counts;
    use crate::model::hints::Subject;
    use crate::model::key::Key;
    use crate::model::sample;
    use crate::text::glyphs::{ASCII, UNICODE};

    fn hint(finding: Finding, counts: Counts) -> Hint {
        let whole = Counts { hits: 10_000, bytes_out: 10_000_000, ..Counts::default() };
        let subject = Some(Subject { key: Key::new(b"a:*\x1b"), target: 0, keys: 1_200 });
        Hint { finding, subject, counts, whole, over: Duration::from_secs(10) }
    }

    #[test]
    fn evidence_has_counts_and_the_time_they_cover() {
        let counts =
            Counts { hits: 900, misses: 100, sets: 40, bytes_out: 2_000_000, bytes_in: 500_000, ..Counts::default() };
        let unread = Counts { misses: 1, ..Counts::default() };
        for (finding, counts, text) in [
            (Finding::NeverHits { largest: None }, unread, "none of 1 read in 10.0 s hit; never stored"),
            (
                Finding::NeverHits { largest: Some(5) },
                counts,
                "900 of 1,000 reads in 10.0 s hit; 40 sets, largest value last seen 5 B",
            ),
            (Finding::EmptyValues, counts, "40 sets in 10.0 s, all with 0 B; 1,000 reads"),
            (
                Finding::StampedeAtLoss { losses: 4 },
                counts,
                "lost 4 times in 10.0 s by expiry, flush or delete, then 100 misses and 40 sets: 25 and 10 per loss",
            ),
            (
                Finding::StampedeNow { reads: 5_000, hits: 4_900 },
                counts,
                "100 misses and 40 sets in the last 10.0 s; before that, 98.0% of 5,000 reads hit",
            ),
            (
                Finding::BigValue { size: 3_145_728 },
                counts,
                "up to 3.1 MB; 104 calls/s transfer 250.0 kB/s (25.0% of all bytes) over 10.0 s",
            ),
            (
                Finding::ExpireTogether { keys: 50, after: 25 },
                counts,
                "50 keys expire within the same second, in 25 s; 100 reads/s (10.0% of all reads) over 10.0 s",
            ),
            (
                Finding::HotKey,
                counts,
                "104 calls/s (10.4% of all calls) and 250.0 kB/s (25.0% of all bytes) over 10.0 s",
            ),
            (Finding::SetStorm, counts, "4.0 sets/s (10.4% of all calls) over 10.0 s; 1,000 reads"),
        ] {
            assert_eq!(evidence(&hint(finding, counts)), text);
        }
    }

    #[test]
    fn the_subject_is_escaped() {
        let mut snapshot = sample::flash_sale();
        let hints = Hints { hints: vec![hint(Finding::EmptyValues, Counts::default())], left_out: 2 };
        let end = "0 sets in 10.0 s, all with 0 B; 0 reads";
        assert_eq!(
            lines(&snapshot, &hints, &UNICODE),
            [format!("empty values · a:*\\x1b (1,200 keys) · {end}"), "… and 2 more hints".to_owned()]
        );
        snapshot.targets = [sample::target(1, 1), sample::target(2, 2)].into();
        assert_eq!(
            lines(&snapshot, &hints, &ASCII)[0],
            format!("empty values | a:*\\x1b (1,200 keys) on pid 1 | {end}")
        );
        let without_subject = Hint { subject: None, ..hints.hints[0].clone() };
        assert_eq!(
            lines(&snapshot, &Hints { hints: vec![without_subject], left_out: 0 }, &UNICODE),
            [format!("empty values · {end}")]
        );
    }
}
