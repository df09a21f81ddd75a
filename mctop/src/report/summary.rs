//! The sentences above the table: what was measured, where, and what was lost.

use super::fit::shown_text;
use super::format;
use super::glyphs::Glyphs;
use crate::model::snapshot::{Loss, ProbeInfo, Snapshot, TargetInfo, share};
use crate::target::points::{FoundBy, ProbeKind, SiteKind};

/// Something to look at when nothing was counted.
pub const EMPTY: &str = "No operations were seen. Check that clients talk to this very server (its pid and addresses are \
above), that they did so while it was watched, and that its commands are ones that name a key.";

/// What was not counted under a key: `lost: nothing`, or every kind of loss with its share of the whole.
#[must_use]
pub fn loss(snapshot: &Snapshot, glyphs: &Glyphs) -> String {
    let Loss {
        untracked_calls,
        untracked_bytes,
        read_faults,
        truncated_keys,
        full_intervals,
        overlong_intervals,
        forgotten_keys,
    } = snapshot.loss;
    if !snapshot.loss.any() {
        return "lost: nothing".to_owned();
    }
    let mut parts = Vec::new();
    if untracked_calls > 0 || untracked_bytes > 0 {
        parts.push(format!(
            "{} ({}) and {} ({}) in no row",
            plural(untracked_calls, "call"),
            format::percent(share(untracked_calls, snapshot.total.calls())),
            format::bytes(untracked_bytes as f64),
            format::percent(share(untracked_bytes, snapshot.total.bytes())),
        ));
    }
    let kinds = [
        (read_faults, "read fault"),
        (truncated_keys, "truncated key"),
        (full_intervals, "full interval"),
        (overlong_intervals, "overlong interval"),
        (forgotten_keys, "forgotten key"),
    ];
    parts.extend(kinds.iter().filter(|(number, _)| *number > 0).map(|(number, name)| plural(*number, name)));
    format!("LOST: {}", parts.join(glyphs.separator))
}

/// A server in one line: version, process, addresses.
#[must_use]
pub fn target(target: &TargetInfo, glyphs: &Glyphs) -> String {
    let version = target.version.as_deref().unwrap_or("of unknown version");
    let mut text = format!("memcached {} pid {}", shown_text(version, glyphs), target.pid);
    for address in &target.listen {
        text.push(' ');
        text.push_str(&shown_text(address, glyphs));
    }
    text
}

/// All that is attached to a server.
#[must_use]
pub fn probes(target: &TargetInfo, glyphs: &Glyphs) -> String {
    if target.probes.is_empty() {
        return "no probes".to_owned();
    }
    target.probes.iter().map(|attached| probe(attached, glyphs)).collect::<Vec<_>>().join(", ")
}

/// `lookup in do_item_get (recovered)`: what is attached, and how it was found; at another place than the best one,
/// `lookup in do_item_get (recovered, early)`.
#[must_use]
pub fn probe(probe: &ProbeInfo, glyphs: &Glyphs) -> String {
    let site = match probe.site {
        Some(site @ (SiteKind::Early | SiteKind::EntryAndReturn)) => format!(", {}", site.name()),
        Some(SiteKind::Exact | SiteKind::Head) | None => String::new(),
    };
    format!("{} in {} ({}{site})", kind(probe.name), shown_text(&probe.function, glyphs), found_by(probe.found_by))
}

/// A probe's name, as in machine formats.
#[must_use]
pub const fn kind(kind: ProbeKind) -> &'static str {
    kind.name()
}

const fn found_by(found_by: FoundBy) -> &'static str {
    match found_by {
        FoundBy::Symtab => "symtab",
        FoundBy::Dynsym => "dynsym",
        FoundBy::Debuglink => "debuglink",
        FoundBy::Debugdata => "debugdata",
        FoundBy::Recovered => "recovered",
    }
}

/// A number and its noun: `1 call`, `2,000 calls`.
#[must_use]
pub fn plural(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", format::count(number), if number == 1 { "" } else { "s" })
}
