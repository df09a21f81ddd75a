//! What the figures mean for operators of memcached.

use std::fmt::Write;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{BenchReport, figure};
use crate::bench::series::spread;

/// The observer whose figures are explained, by its name in the data.
const MCTOP: &str = "mctop lookup";

#[derive(Deserialize)]
struct WorkCosts {
    work: String,
    observers: Vec<ObserverCost>,
}

/// CPU time that one observer added and throughput of the server in each round; null for a failed round.
#[derive(Deserialize)]
struct ObserverCost {
    observer: String,
    added_ns: Vec<Option<f64>>,
    per_second: Vec<Option<f64>>,
}

#[derive(Deserialize)]
struct Count {
    observer: String,
    sent: u64,
    counted: u64,
}

#[derive(Deserialize)]
struct Latencies {
    latency: Vec<PhaseRounds>,
}

#[derive(Deserialize)]
struct PhaseRounds {
    phase: String,
    rounds: Vec<Round>,
}

#[derive(Deserialize)]
struct Round {
    us_p50_p90_p99_p999_max: [Option<f64>; 5],
}

/// The introduction of the document, without the sections that were not measured.
#[must_use]
pub fn meaning(report: &BenchReport) -> String {
    let mut out = String::from("## What this means for your server\n\n");
    if let Some(works) = data::<Vec<WorkCosts>>(report, "cost") {
        cost(&works, &mut out);
    }
    if let Some(latencies) = data::<Latencies>(report, "latency") {
        latency(&latencies, &mut out);
    }
    if let Some(counts) = data::<Vec<Count>>(report, "completeness") {
        completeness(&counts, &mut out);
    }
    out.push_str(
        "\nWhat to use:\n\n\
         | your server | use |\n\
         | --- | --- |\n\
         | has CPU to spare | `mctop`, `mctop dump`, `mctop capture`: every operation is counted |\n\
         | is nearly saturated | `mctop dump -d 5s`: every operation is counted, and the cost ends after five seconds |\n\
         | is saturated | `mctop --budget 5`: estimates, for at most 5 % of memcached's CPU time after the first seconds |\n\
         | must not become slower | a packet capture, which cannot see TLS or Unix sockets; or `watch fetchers`, which costs less than \
         a probe but skips lines under load |\n\n",
    );
    out
}

/// The data of a section, if it was measured.
fn data<T: DeserializeOwned>(report: &BenchReport, name: &str) -> Option<T> {
    let section = report.sections.iter().find(|section| section.name == name)?;
    serde_json::from_value(section.data.clone()).ok()
}

fn median(figures: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    spread(&figures.flatten().collect::<Vec<_>>()).map(|spread| spread.median)
}

fn cost(works: &[WorkCosts], out: &mut String) {
    let on_memcached = || works.iter().filter(|work| work.work.starts_with("memcached"));
    let of = |work: &WorkCosts, observer: &str, pick: fn(&ObserverCost) -> &Vec<Option<f64>>| {
        let cost = work.observers.iter().find(|cost| cost.observer == observer)?;
        median(pick(cost).iter().copied())
    };
    let added: Vec<f64> = on_memcached().filter_map(|work| of(work, MCTOP, |cost| &cost.added_ns)).collect();
    let Some(spread) = spread(&added) else { return };
    let (least, most) = (figure(spread.min / 1e3), figure(spread.max / 1e3));
    let _ = writeln!(
        out,
        "While mctop watches, each key of each request costs memcached {least} to {most} µs of CPU time on the machine below. Most of \
         that is the trap into the kernel, which any uprobe costs. After mctop exits, it costs nothing.\n"
    );
    let share = |rate: f64| figure(rate * spread.max / 1e9 * 100.0);
    let _ = writeln!(
        out,
        "- **A server with CPU to spare** does the same work with more CPU time: up to {} % of a core at 10,000 keys per second, and {} % \
         at 100,000.",
        share(1e4),
        share(1e5)
    );
    let losses = on_memcached().filter_map(|work| {
        let rate = |observer| of(work, observer, |cost| &cost.per_second);
        let (before, after) = rate("nobody").zip(rate(MCTOP))?;
        let work = work.work.strip_prefix("memcached, ").unwrap_or(&work.work);
        Some(format!("from {} to {} keys per second ({work})", figure(before), figure(after)))
    });
    let _ = writeln!(out, "- **A saturated server** does less work: {}.", losses.collect::<Vec<_>>().join("; "));
}

fn latency(latencies: &Latencies, out: &mut String) {
    let of = |phase: &str, quantile: usize| {
        let phase = latencies.latency.iter().find(|known| known.phase.starts_with(phase))?;
        let rounds = phase.rounds.iter().map(|round| round.us_p50_p90_p99_p999_max.get(quantile).copied().flatten());
        median(rounds).map(figure)
    };
    let change = |quantile| of("nobody watches", quantile).zip(of("mctop watches, flips each 1 s", quantile));
    if let Some(((p50, p50_watched), (p99, p99_watched))) = change(0).zip(change(2)) {
        let _ = writeln!(
            out,
            "- **Latency** at 30,000 reads per second: the median rose from {p50} to {p50_watched} µs, the 99th percentile from {p99} to \
             {p99_watched} µs."
        );
    }
}

fn completeness(counts: &[Count], out: &mut String) {
    let least = |observer: &str| {
        let shares = counts.iter().filter(|count| count.observer == observer);
        shares.map(|count| count.counted as f64 / count.sent as f64 * 100.0).min_by(f64::total_cmp)
    };
    if let Some(mctop) = least(MCTOP) {
        let fetchers = least("watch fetchers").map(|share| format!("; `watch fetchers` reported {share:.1} %"));
        let _ = writeln!(
            out,
            "- **Completeness**: on a saturated server, mctop counted {mctop:.3} % of the operations{}.",
            fetchers.unwrap_or_default()
        );
    }
}
