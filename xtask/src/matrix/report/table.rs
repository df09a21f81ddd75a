//! The columns of the matrix.

use std::collections::BTreeSet;

use crate::matrix::resolution::{Resolution, ResolvedPoint, clause};
use crate::matrix::subject::Findings;

/// Headings, in the order of [`cells`].
pub const HEADINGS: [&str; 12] = [
    "version",
    "origin",
    "symbols",
    "lookup probe",
    "command probe",
    "requests",
    "events",
    "emulated",
    "proofs",
    "ms",
    "equal to symbols",
    "live tests",
];

/// A row.
#[must_use]
pub fn cells(findings: &Findings) -> [String; 12] {
    let Findings { subject, resolution, .. } = findings;
    let head = [subject.version.clone(), subject.origin.clone(), subject.kind.to_string()];
    let rest = if let Some(reason) = &resolution.refused {
        let milliseconds = format!("{:.1}", resolution.milliseconds);
        let none = || "–".to_owned();
        [none(), none(), none(), none(), none(), none(), milliseconds, none(), format!("refused: {}", clause(reason))]
    } else {
        let places = findings.places.split_at_checked(resolution.lookups.len());
        let (lookups, commands) = places.unwrap_or((&[], &[]));
        let points = || resolution.lookups.iter().chain(&resolution.commands);
        let stepped = points().filter(|point| !point.emulated).count();
        [
            described(&resolution.lookups, lookups),
            described(&resolution.commands, commands),
            match (&resolution.requests, resolution.commands.len()) {
                (Some(_), _) => "read at lookups".into(),
                (None, 0) => "NOT SEEN".into(),
                (None, _) => "a trap each".into(),
            },
            events(resolution),
            if stepped == 0 { "all".into() } else { format!("all but {stepped}") },
            points().map(|point| point.proof.len()).sum::<usize>().to_string(),
            format!("{:.1}", resolution.milliseconds),
            match &findings.contradictions {
                None => "–".into(),
                Some(list) if list.is_empty() => "yes".into(),
                Some(list) => format!("NO, {} contradictions", list.len()),
            },
            match &findings.live {
                None => "not run".into(),
                Some(live) if live.is_good() => format!("{} of {0} passed", live.passed),
                Some(live) => format!("{} FAILED", live.failed.len()),
            },
        ]
    };
    let [version, origin, kind] = head;
    let [lookup, command, requests, events, emulated, proofs, milliseconds, equal, live] = rest;
    [version, origin, kind, lookup, command, requests, events, emulated, proofs, milliseconds, equal, live]
}

/// The kinds of events that are probed.
fn events(resolution: &Resolution) -> String {
    let kinds: BTreeSet<&str> = resolution.events.iter().map(|point| point.kind.as_str()).collect();
    if kinds.is_empty() { "none".into() } else { Vec::from_iter(kinds).join(", ") }
}

/// Probe points: the place by symbols or the function, the file offset, the kind of site, the instruction, and how the function was
/// found.
fn described(points: &[ResolvedPoint], places: &[String]) -> String {
    if points.is_empty() {
        return "none".into();
    }
    let one = |(index, point): (usize, &ResolvedPoint)| {
        let place = places.get(index).unwrap_or(&point.function);
        let instruction = point.instruction.split(' ').next().unwrap_or_default();
        let site = point.site.replace('_', " ");
        format!("{place} at {:#x}, {site} ({instruction}), {}", point.offset, point.found_by)
    };
    points.iter().enumerate().map(one).collect::<Vec<_>>().join("; ")
}
