//! The lines above the table: what was measured, where, and what was lost.

use std::time::Duration;

use super::fit::{shown_key, shown_text};
use super::format;
use super::glyphs::Glyphs;
use crate::model::cost::Cost;
use crate::model::counts::Counts;
use crate::model::filter::Filter;
use crate::model::probe_point::{FoundBy, SiteKind};
use crate::model::snapshot::{Gap, Level, Loss, Origin, ProbeInfo, Snapshot, TargetInfo, per_second, share};

/// What to check when nothing was counted.
pub(crate) const EMPTY: &str = "No operations were seen. Check that clients use this server (its pid and addresses are above), \
that they did so while it was watched, and that their commands name a key. mctop doctor reports what cannot be seen, and why.";

/// `lost: nothing`, or every kind of loss, operations with their share of the total.
pub(crate) fn loss(snapshot: &Snapshot, glyphs: &Glyphs) -> String {
    let Loss { untracked_calls, untracked_bytes, .. } = snapshot.loss;
    if !snapshot.loss.any() {
        return "lost: nothing".to_owned();
    }
    let mut parts = Vec::new();
    if untracked_calls > 0 || untracked_bytes > 0 {
        parts.push(format!(
            "{} ({}) and {} ({}) untracked",
            plural(untracked_calls, "call"),
            format::percent(share(untracked_calls, snapshot.total.calls())),
            format::bytes(untracked_bytes as f64),
            format::percent(share(untracked_bytes, snapshot.total.bytes())),
        ));
    }
    parts.extend(other_losses(&snapshot.loss));
    // For a capture it is too late.
    if snapshot.origin == Origin::Live && snapshot.loss.full_intervals + snapshot.loss.forgotten_keys > 0 {
        parts.push("raise --memory".to_owned());
    }
    format!("LOST: {}", parts.join(glyphs.separator))
}

/// Every kind of loss that occurred, except untracked operations, with its number.
pub(crate) fn other_losses(loss: &Loss) -> impl Iterator<Item = String> {
    let [_, _, kinds @ ..] = loss.values();
    let names = ["read fault", "truncated key", "full interval", "overlong interval", "forgotten key"];
    kinds.into_iter().zip(names).filter(|(number, _)| *number > 0).map(|(number, name)| plural(number, name))
}

/// How many rows there are, how many of them match the filter, and how they are grouped: `969 keys`, `3 of 969 keys match
/// shop`, `969 keys in 12 rows, grouped by auto`, `87 keys of podXXX:*, grouped by auto`.
pub(crate) fn rows(snapshot: &Snapshot, filter: Option<&Filter>, matching: usize, glyphs: &Glyphs) -> String {
    let keys = plural(snapshot.keys(), "key");
    let (what, grouping) = match &snapshot.level {
        Level::Keys => (keys, None),
        Level::Groups { by } => {
            let rows = plural(snapshot.rows.len() as u64, "row");
            (if filter.is_some() { format!("{rows} ({keys})") } else { format!("{keys} in {rows}") }, Some(by))
        }
        Level::Members { by, of } => (format!("{keys} of {}", shown_key(&of.name, glyphs)), Some(by)),
    };
    let filtered = filter.map_or_else(
        || what.clone(),
        |filter| format!("{} of {what} match {}", format::count(matching as u64), shown_text(filter.source(), glyphs)),
    );
    grouping
        .map_or_else(|| filtered.clone(), |grouping| format!("{filtered}, grouped by {}", shown_text(grouping, glyphs)))
}

/// The cost of the probes in one interval: `probes 0.7 µs/trap, 3.1% of memcached's CPU`; none if it is unknown.
pub(crate) fn cost_now(cost: &Cost, glyphs: &Glyphs) -> Option<String> {
    let trap = cost.per_hit().map(|nanoseconds| format!("{:.1} {}/trap", nanoseconds / 1e3, glyphs.microseconds));
    let share = cost.share().map(|share| format!("{} of memcached's CPU", format::percent(share)));
    let parts: Vec<String> = trap.into_iter().chain(share).collect();
    (!parts.is_empty()).then(|| format!("probes {}", parts.join(", ")))
}

/// A shorter form of [`cost_now`]: `probes 3.1% of CPU`.
pub(crate) fn cost_share(cost: &Cost) -> Option<String> {
    cost.share().map(|share| format!("probes {} of CPU", format::percent(share)))
}

/// Operations of keys that were deliberately left out of a capture; none if there are no such keys.
pub(crate) fn others(snapshot: &Snapshot) -> Option<String> {
    let others = &snapshot.others;
    (others.calls() > 0).then(|| {
        format!(
            "{} ({}) and {} ({}) of keys that were not recorded",
            plural(others.calls(), "call"),
            format::percent(share(others.calls(), snapshot.total.calls())),
            format::bytes(others.bytes() as f64),
            format::percent(share(others.bytes(), snapshot.total.bytes())),
        )
    })
}

/// The cost of the probes since the start: `probes took 3.1% of the server's CPU time (0.72 µs per trap, estimated)`; none if
/// it was not measured.
pub(crate) fn cost(snapshot: &Snapshot, glyphs: &Glyphs) -> Option<String> {
    let cost = snapshot.cost_total.as_ref()?;
    let trap = cost.per_hit().map(|nanoseconds| format!("{:.2} {} per trap", nanoseconds / 1e3, glyphs.microseconds));
    let servers = if snapshot.targets.len() > 1 { "the servers'" } else { "the server's" };
    let share = cost.share().map(|share| format!("{} of {servers} CPU time", format::percent(share)));
    match (share, trap) {
        (Some(share), Some(trap)) => Some(format!("probes took {share} ({trap}, estimated)")),
        (None, Some(trap)) => Some(format!("probes took {trap} (estimated)")),
        (Some(_), None) => Some("probes were never hit".to_owned()),
        (None, None) => None,
    }
}

/// That the probes were detached for some of the time, and the resulting uncertainty; none if every operation was counted.
pub(crate) fn estimate(snapshot: &Snapshot) -> Option<String> {
    let estimate = snapshot.estimate;
    let within = |calls: u64| format::percent(share(estimate.uncertainty(calls), calls));
    let all = snapshot.total.calls();
    estimate.has_extrapolation().then(|| {
        format!(
            "ESTIMATED: {} of {} were watched, the rest is extrapolated; total calls are accurate to within {}, those of a key \
             with {} calls to within {} (95% confidence)",
            format::duration(estimate.watched),
            format::duration(snapshot.duration),
            within(all),
            format::count(EXAMPLE),
            within(EXAMPLE),
        )
    })
}

/// Calls of the example key in [`estimate`].
const EXAMPLE: u64 = 1_000;

/// A sentence about a time in which a server was not watched. Times are since the start.
pub(crate) fn gap(snapshot: &Snapshot, gap: &Gap) -> String {
    let from = format::duration(gap.from);
    match (gap.exited_pid, gap.to.map(format::duration).zip(gap.new_pid)) {
        (Some(pid), Some((to, new))) => {
            format!("GAP: pid {pid} had exited by {from}; pid {new} is watched in its place from {to}")
        }
        (Some(pid), None) => format!("GAP: pid {pid} had exited by {from}; no process has taken its place"),
        (None, Some((to, new))) => format!("pid {new} appeared and is watched from {to}"),
        (None, None) => {
            let pid = snapshot.targets.get(gap.target as usize).map_or(0, |target| target.pid);
            format!("pid {pid} is not watched yet")
        }
    }
}

/// Maximum length of a container's runtime and id in characters: container tools show as much of an id.
const CONTAINER_MAX: usize = 24;

/// A server in one line: version, pid, addresses, container or unit.
pub(crate) fn target(target: &TargetInfo, glyphs: &Glyphs) -> String {
    let version = target.version.as_deref().unwrap_or("of unknown version");
    let mut text = format!("memcached {} pid {}", shown_text(version, glyphs), target.pid);
    let container = target
        .container
        .as_ref()
        .map(|container| format!("({})", container.chars().take(CONTAINER_MAX).collect::<String>()));
    let unit = target.unit.as_ref().filter(|_| container.is_none()).map(|unit| format!("({unit})"));
    for part in target.listen.iter().chain(&container).chain(&unit) {
        text.push(' ');
        text.push_str(&shown_text(part, glyphs));
    }
    text
}

/// The operations of one server or of all in `span`: calls, rate, hit ratio and bytes.
pub(crate) fn operations(total: &Counts, span: Duration) -> Vec<String> {
    vec![
        plural(total.calls(), "call"),
        format!("{} calls/s", format::rate(per_second(total.calls(), span), None)),
        hits(total),
        format!(
            "{}/s (sent {}, received {})",
            format::bytes(per_second(total.bytes(), span)),
            format::bytes(total.bytes_out as f64),
            format::bytes(total.bytes_in as f64)
        ),
    ]
}

/// `98.2% hits`, or `no reads`.
pub(crate) fn hits(total: &Counts) -> String {
    total.hit_ratio().map_or_else(|| "no reads".to_owned(), |ratio| format!("{} hits", format::percent(ratio)))
}

/// The probes attached to a server.
pub(crate) fn probes(target: &TargetInfo, glyphs: &Glyphs) -> String {
    if target.probes.is_empty() {
        return "no probes".to_owned();
    }
    target.probes.iter().map(|attached| probe(attached, glyphs)).collect::<Vec<_>>().join(", ")
}

/// A probe, its function and how that was found: `lookup in do_item_get (recovered)`; if the site is not the best one, also the
/// kind of site: `lookup in do_item_get (recovered, early)`.
pub(crate) fn probe(probe: &ProbeInfo, glyphs: &Glyphs) -> String {
    let site = match probe.site {
        Some(site @ (SiteKind::Early | SiteKind::EntryAndReturn)) => format!(", {}", site.name()),
        Some(SiteKind::Exact | SiteKind::Head | SiteKind::LineSearch | SiteKind::Event) | None => String::new(),
    };
    format!("{} in {} ({}{site})", probe.name.name(), shown_text(&probe.function, glyphs), found_by(probe.found_by))
}

/// How a function was found, as named in machine formats.
pub(crate) const fn found_by(found_by: FoundBy) -> &'static str {
    match found_by {
        FoundBy::Symtab => "symtab",
        FoundBy::Dynsym => "dynsym",
        FoundBy::Debuglink => "debuglink",
        FoundBy::Debugdata => "debugdata",
        FoundBy::Recovered => "recovered",
    }
}

/// That more rows follow than are shown: `… and 3 more keys`; none if no row is cut off.
pub(crate) fn more(number: usize, noun: &str, glyphs: &Glyphs) -> Option<String> {
    (number > 0).then(|| format!("{} and {}", glyphs.ellipsis, plural(number as u64, &format!("more {noun}"))))
}

/// Where a snapshot was recorded; none if it was observed live.
pub(crate) fn file(snapshot: &Snapshot, glyphs: &Glyphs) -> Option<String> {
    match &snapshot.origin {
        Origin::Recorded { file } => Some(shown_text(file, glyphs)),
        Origin::Live => None,
    }
}

/// Host, start and length of an observation.
pub(crate) fn observation(snapshot: &Snapshot, glyphs: &Glyphs) -> Vec<String> {
    let start = format::utc(snapshot.started_at);
    vec![shown_text(&snapshot.host, glyphs), start, format::duration(snapshot.duration)]
}

/// A number and its noun: `1 call`, `2,000 calls`.
pub(crate) fn plural(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", format::count(number), if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::cost::Cost;
    use crate::model::sample;
    use crate::text::glyphs::UNICODE;

    #[test]
    fn the_cost_since_the_start_is_shown_as_far_as_it_is_known() {
        let mut snapshot = sample::flash_sale();
        assert_eq!(cost(&snapshot, &UNICODE), None);
        let mut shown = |hits, probes_ns, servers_ns| {
            let (probes, servers) = (Duration::from_nanos(probes_ns), Duration::from_nanos(servers_ns));
            snapshot.cost_total = Some(Cost { hits, probes, servers });
            cost(&snapshot, &UNICODE)
        };
        let all = "probes took 3.1% of the server's CPU time (0.72 µs per trap, estimated)";
        assert_eq!(shown(1_000_000, 720_000_000, 23_225_806_452).as_deref(), Some(all));
        assert_eq!(shown(10, 7_000, 0).as_deref(), Some("probes took 0.70 µs per trap (estimated)"));
        assert_eq!(shown(0, 0, 5).as_deref(), Some("probes were never hit"));
        assert_eq!(shown(0, 0, 0), None);
        snapshot.targets = [sample::target(1, 1), sample::target(2, 2)].into();
        snapshot.cost_total = Some(Cost { hits: 1, probes: Duration::from_nanos(1), servers: Duration::from_secs(1) });
        assert!(cost(&snapshot, &UNICODE).is_some_and(|text| text.contains("<0.1% of the servers' CPU time")));
    }

    #[test]
    fn an_estimate_states_its_uncertainty() {
        let mut snapshot = sample::flash_sale();
        assert_eq!(estimate(&snapshot), None);
        for second in 0..50 {
            let calls = snapshot.total.calls() / 50;
            snapshot.estimate.add(Duration::from_secs(1), calls, second % 10 != 0);
        }
        let text = estimate(&snapshot).unwrap();
        let start =
            "ESTIMATED: 5.0 s of 50.0 s were watched, the rest is extrapolated; total calls are accurate to within ";
        let end = "those of a key with 1,000 calls to within 19.0% (95% confidence)";
        assert!(text.starts_with(start) && text.ends_with(end), "{text}");
    }

    #[test]
    fn the_cost_of_an_interval_is_shown_as_far_as_it_is_known() {
        let known = Cost { hits: 1_000, probes: Duration::from_micros(700), servers: Duration::from_millis(20) };
        assert_eq!(cost_now(&known, &UNICODE).as_deref(), Some("probes 0.7 µs/trap, 3.5% of memcached's CPU"));
        assert_eq!(cost_share(&known).as_deref(), Some("probes 3.5% of CPU"));
        let idle = Cost { hits: 0, probes: Duration::ZERO, ..known };
        assert_eq!(cost_now(&idle, &UNICODE).as_deref(), Some("probes 0.0% of memcached's CPU"));
        assert_eq!((cost_now(&Cost::default(), &UNICODE), cost_share(&Cost::default())), (None, None));
    }

    #[test]
    fn the_container_or_else_the_unit_is_shown() {
        let base = sample::flash_sale().targets[0].clone();
        let unit = Some("memcached.service".to_owned());
        let in_unit = TargetInfo { unit: unit.clone(), ..base.clone() };
        assert!(target(&in_unit, &UNICODE).ends_with(" (memcached.service)"));
        let contained =
            TargetInfo { container: Some(format!("docker {}", "0123456789abcdef".repeat(4))), unit, ..base };
        assert!(
            target(&contained, &UNICODE).ends_with(" (docker 0123456789abcdef0)"),
            "{}",
            target(&contained, &UNICODE)
        );
    }
}
