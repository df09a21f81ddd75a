//! The sentences above the table: what was measured, where, and what was lost.

use std::time::Duration;

use super::fit::{shown_key, shown_text};
use super::format;
use super::glyphs::Glyphs;
use crate::model::cost::Cost;
use crate::model::counts::Counts;
use crate::model::filter::Filter;
use crate::model::probe_point::{FoundBy, ProbeKind, SiteKind};
use crate::model::snapshot::{Gap, Level, Loss, Origin, ProbeInfo, Snapshot, TargetInfo, per_second, share};

/// Something to look at when nothing was counted.
pub(crate) const EMPTY: &str = "No operations were seen. Check that clients talk to this very server (its pid and addresses are \
above), that they did so while it was watched, and that its commands are ones that name a key. mctop doctor tells what is not \
seen of it, and why.";

/// What was not counted under a key: `lost: nothing`, or every kind of loss with its share of the whole.
#[must_use]
pub(crate) fn loss(snapshot: &Snapshot, glyphs: &Glyphs) -> String {
    let Loss { untracked_calls, untracked_bytes, .. } = snapshot.loss;
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
    parts.extend(kinds_of_loss(&snapshot.loss));
    // Of one that is recorded, it is too late for that.
    if snapshot.origin == Origin::Live && snapshot.loss.full_intervals + snapshot.loss.forgotten_keys > 0 {
        parts.push("--memory makes room".to_owned());
    }
    format!("LOST: {}", parts.join(glyphs.separator))
}

/// What else was lost than operations in no row: every kind that there was, with its number.
pub(crate) fn kinds_of_loss(loss: &Loss) -> impl Iterator<Item = String> {
    let [_, _, kinds @ ..] = loss.values();
    let names = ["read fault", "truncated key", "full interval", "overlong interval", "forgotten key"];
    kinds.into_iter().zip(names).filter(|(number, _)| *number > 0).map(|(number, name)| plural(number, name))
}

/// How many rows there are and what they are, of which a filter shows `matching`: `969 keys`, `3 of 969 keys match shop`,
/// `969 keys in 12 rows, grouped by auto`, `87 keys of podXXX:*, grouped by auto`.
#[must_use]
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

/// What the probes took in one interval: `probes 0.7 µs/hit, 3.1% of memcached's CPU`; none where that is not known.
#[must_use]
pub(crate) fn cost_now(cost: &Cost, glyphs: &Glyphs) -> Option<String> {
    let hit = cost.per_hit().map(|nanoseconds| format!("{:.1} {}/hit", nanoseconds / 1e3, glyphs.microseconds));
    let share = cost.share().map(|share| format!("{} of memcached's CPU", format::percent(share)));
    let parts: Vec<String> = hit.into_iter().chain(share).collect();
    (!parts.is_empty()).then(|| format!("probes {}", parts.join(", ")))
}

/// The same in fewer words: `probes 3.1% of CPU`.
#[must_use]
pub(crate) fn cost_share(cost: &Cost) -> Option<String> {
    cost.share().map(|share| format!("probes {} of CPU", format::percent(share)))
}

/// What a capture was not asked to record by key, where there is such.
#[must_use]
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

/// What the probes took since the start, where that was measured: `probes took 3.1% of the server's CPU time (0.72 µs a
/// hit, estimated)`.
#[must_use]
pub(crate) fn cost(snapshot: &Snapshot, glyphs: &Glyphs) -> Option<String> {
    let cost = snapshot.cost_total.as_ref()?;
    let hit = cost.per_hit().map(|nanoseconds| format!("{:.2} {} a hit", nanoseconds / 1_000.0, glyphs.microseconds));
    let servers = if snapshot.targets.len() > 1 { "the servers'" } else { "the server's" };
    let share = cost.share().map(|share| format!("{} of {servers} CPU time", format::percent(share)));
    match (share, hit) {
        (Some(share), Some(hit)) => Some(format!("probes took {share} ({hit}, estimated)")),
        (None, Some(hit)) => Some(format!("probes took {hit} (estimated)")),
        (Some(_), None) => Some("probes were not hit".to_owned()),
        (None, None) => None,
    }
}

/// That some of the time was not watched, and how far off that may make calls; none where every operation was counted.
#[must_use]
pub(crate) fn estimate(snapshot: &Snapshot) -> Option<String> {
    let estimate = snapshot.estimate;
    let within = |calls: u64| format::percent(share(estimate.uncertainty(calls), calls));
    let all = snapshot.total.calls();
    estimate.has_extrapolation().then(|| {
        format!(
            "ESTIMATED: {} of {} were watched, the rest is extrapolated; calls are right to within {} in all, {} for a key with {} (95%)",
            format::duration(estimate.watched),
            format::duration(snapshot.duration),
            within(all),
            within(EXAMPLE),
            format::count(EXAMPLE),
        )
    })
}

/// Calls of a key that stand for others in [`estimate`].
const EXAMPLE: u64 = 1_000;

/// A stretch in which a server was not watched, in a sentence; times are since the start.
#[must_use]
pub(crate) fn gap(snapshot: &Snapshot, gap: &Gap) -> String {
    let from = format::duration(gap.from);
    match (gap.exited_pid, gap.to.map(format::duration).zip(gap.new_pid)) {
        (Some(pid), Some((to, new))) => {
            format!("GAP: pid {pid} had exited at {from}; pid {new} is watched in its place from {to}")
        }
        (Some(pid), None) => format!("GAP: pid {pid} had exited at {from}; nothing has taken its place"),
        (None, Some((to, new))) => format!("pid {new} appeared and is watched from {to}"),
        (None, None) => {
            let pid = snapshot.targets.get(gap.target as usize).map_or(0, |target| target.pid);
            format!("pid {pid} is not watched yet")
        }
    }
}

/// Most of a container's runtime and id: as much of an id as the runtimes' own tools show.
const CONTAINER_MAX: usize = 24;

/// A server in one line: version, process, addresses, container or unit.
#[must_use]
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

/// Operations over a span, of all servers or of one: how many, how fast, how many hits, how many bytes.
#[must_use]
pub(crate) fn operations(total: &Counts, span: Duration) -> Vec<String> {
    vec![
        plural(total.calls(), "call"),
        format!("{} calls/s", format::rate(per_second(total.calls(), span), None)),
        total.hit_ratio().map_or_else(|| "no reads".to_owned(), |ratio| format!("{} hits", format::percent(ratio))),
        format!(
            "{}/s (sent {}, received {})",
            format::bytes(per_second(total.bytes(), span)),
            format::bytes(total.bytes_out as f64),
            format::bytes(total.bytes_in as f64)
        ),
    ]
}

/// All that is attached to a server.
#[must_use]
pub(crate) fn probes(target: &TargetInfo, glyphs: &Glyphs) -> String {
    if target.probes.is_empty() {
        return "no probes".to_owned();
    }
    target.probes.iter().map(|attached| probe(attached, glyphs)).collect::<Vec<_>>().join(", ")
}

/// `lookup in do_item_get (recovered)`: what is attached, and how it was found; at another place than the best one,
/// `lookup in do_item_get (recovered, early)`.
#[must_use]
pub(crate) fn probe(probe: &ProbeInfo, glyphs: &Glyphs) -> String {
    let site = match probe.site {
        Some(site @ (SiteKind::Early | SiteKind::EntryAndReturn)) => format!(", {}", site.name()),
        Some(SiteKind::Exact | SiteKind::Head | SiteKind::LineSearch | SiteKind::Event) | None => String::new(),
    };
    format!("{} in {} ({}{site})", kind(probe.name), shown_text(&probe.function, glyphs), found_by(probe.found_by))
}

/// A probe's name, as in machine formats.
#[must_use]
pub(crate) const fn kind(kind: ProbeKind) -> &'static str {
    kind.name()
}

/// How a function was found, as in machine formats.
#[must_use]
pub(crate) const fn found_by(found_by: FoundBy) -> &'static str {
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
    fn what_the_probes_took_is_said_as_far_as_it_is_known() {
        let mut snapshot = sample::flash_sale();
        assert_eq!(cost(&snapshot, &UNICODE), None);
        let mut told = |hits, probes_ns, servers_ns| {
            let (probes, servers) = (Duration::from_nanos(probes_ns), Duration::from_nanos(servers_ns));
            snapshot.cost_total = Some(Cost { hits, probes, servers });
            cost(&snapshot, &UNICODE)
        };
        let all = "probes took 3.1% of the server's CPU time (0.72 µs a hit, estimated)";
        assert_eq!(told(1_000_000, 720_000_000, 23_225_806_452).as_deref(), Some(all));
        assert_eq!(told(10, 7_000, 0).as_deref(), Some("probes took 0.70 µs a hit (estimated)"));
        assert_eq!(told(0, 0, 5).as_deref(), Some("probes were not hit"));
        assert_eq!(told(0, 0, 0), None);
        snapshot.targets = [sample::target(1, 1), sample::target(2, 2)].into();
        snapshot.cost_total = Some(Cost { hits: 1, probes: Duration::from_nanos(1), servers: Duration::from_secs(1) });
        assert!(cost(&snapshot, &UNICODE).is_some_and(|told| told.contains("<0.1% of the servers' CPU time")));
    }

    #[test]
    fn an_estimate_says_how_far_off_it_may_be() {
        let mut snapshot = sample::flash_sale();
        assert_eq!(estimate(&snapshot), None);
        for second in 0..50 {
            let calls = snapshot.total.calls() / 50;
            snapshot.estimate.add(Duration::from_secs(1), calls, second % 10 != 0);
        }
        let told = estimate(&snapshot).unwrap();
        let begin = "ESTIMATED: 5.0 s of 50.0 s were watched, the rest is extrapolated; calls are right to within ";
        assert!(told.starts_with(begin) && told.ends_with("19.0% for a key with 1,000 (95%)"), "{told}");
    }

    #[test]
    fn a_cost_says_what_is_known_of_it() {
        let known = Cost { hits: 1_000, probes: Duration::from_micros(700), servers: Duration::from_millis(20) };
        assert_eq!(cost_now(&known, &UNICODE).as_deref(), Some("probes 0.7 µs/hit, 3.5% of memcached's CPU"));
        assert_eq!(cost_share(&known).as_deref(), Some("probes 3.5% of CPU"));
        let idle = Cost { hits: 0, probes: Duration::ZERO, ..known };
        assert_eq!(cost_now(&idle, &UNICODE).as_deref(), Some("probes 0.0% of memcached's CPU"));
        assert_eq!((cost_now(&Cost::default(), &UNICODE), cost_share(&Cost::default())), (None, None));
    }

    #[test]
    fn a_container_or_else_a_unit_is_named() {
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
