//! Whether every operation is counted while the server is saturated.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::observer::{Observer, Seen};
use super::report::{BenchSection, BenchTable, Bound, Goal, figure};
use super::{Bench, BenchPart, usage};
use crate::interrupt;
use crate::load::address::Address;
use crate::load::stream::{Drive, LoadPlan, Scan, Shape, store};
use crate::load::zipf::Skew;

/// Keys of the uniform load.
const KEYS: u32 = 10_000;

/// Operations sent while mctop counts.
const OPERATIONS: u64 = 10_000_000;

/// Operations sent while other observers count: enough to show what they lose.
const OPERATIONS_OF_OTHERS: u64 = 2_000_000;

/// Measures the share of operations that each observer counts.
pub fn measure(bench: &Bench) -> Result<BenchSection> {
    let mut section = BenchSection::new(
        BenchPart::Completeness,
        "Completeness",
        "A server with 4 worker threads answers `get`s of 10 keys over 8 connections as fast as it can, once evenly over \
         10,000 keys and once with 99 % on one key. The tables compare what was sent, what memcached's `stats` counted, and \
         what each observer counted. bpftrace gets room for all keys (65,536); with its default of 4,096 it silently loses \
         the rest. *server busy* is the CPU time of the server divided by the wall time, on 2 cores.",
    );
    let even = Shape::of(Skew::Uniform, KEYS);
    let hot = Shape { scan: Some(Scan { keys: KEYS, share: 0.01 }), ..Shape::of(Skew::Uniform, 1) };
    let mut data = Vec::new();
    let mut worst: Option<f64> = None;
    let mut adds_up: Option<bool> = None;
    for (load, shape) in [("even", even), ("one hot key", hot)] {
        let mut rows = Vec::new();
        for observer in Observer::ALL {
            if matches!(observer, Observer::Unobserved | Observer::Empty) {
                continue;
            }
            interrupt::check()?;
            eprintln!("bench: completeness, {load}, {}", observer.name());
            match run_one(bench, observer, &shape) {
                Ok(run) => {
                    if matches!(observer, Observer::Mctop | Observer::MctopLookup) {
                        let share = run.share();
                        worst = Some(worst.map_or(share, |worst| {
                            if (share - 100.0).abs() > (worst - 100.0).abs() { share } else { worst }
                        }));
                        adds_up = Some(adds_up.unwrap_or(true) && run.adds_up() == Some(true));
                    }
                    rows.push(run.row(observer));
                    data.push(run.json(observer, load));
                }
                Err(error) => {
                    interrupt::check()?;
                    let reason = format!("{}: {error:#}", observer.name());
                    if !section.unavailable.contains(&reason) {
                        section.unavailable.push(reason);
                    }
                }
            }
        }
        section.tables.push(BenchTable {
            title: format!("Load: {load}."),
            head: [
                "observer",
                "sent",
                "by `stats`",
                "counted",
                "share",
                "keys + untracked = totals",
                "says it lost",
                "operations/s",
                "server busy",
                "sender busy",
            ]
            .map(str::to_owned)
            .to_vec(),
            rows,
        });
    }
    section.goals = vec![
        Goal::new(
            "operations counted by mctop at saturation",
            Bound::AtLeast(100.0),
            worst.map(|share| 100.0 - (share - 100.0).abs()),
            "%",
        ),
        Goal::new(
            "runs in which totals = keys + untracked",
            Bound::AtLeast(100.0),
            adds_up.map(|adds_up| if adds_up { 100.0 } else { 0.0 }),
            "%",
        ),
    ];
    section.data = Value::Array(data);
    Ok(section)
}

/// The result of one observer under one load.
struct CompletenessRun {
    sent: u64,
    by_stats: u64,
    seen: Seen,
    per_second: f64,
    server_busy: f64,
    sender_busy: f64,
}

fn run_one(bench: &Bench, observer: Observer, shape: &Shape) -> Result<CompletenessRun> {
    let server = bench.server(256)?;
    store(&Address::Tcp(server.address()), KEYS)?;
    let is_mctop = matches!(observer, Observer::Mctop | Observer::MctopLookup);
    let operations = if is_mctop { OPERATIONS } else { OPERATIONS_OF_OTHERS };
    let counted = |name: &str| server.try_stats().map(|stats| stats.get(name).copied().unwrap_or(0));
    let watching = observer.start(&bench.tools, &bench.subject(&server))?;
    let (gets, cpu) = (counted("cmd_get")?, usage::cpu_ns(server.pid())?);
    let plan = LoadPlan {
        to: Address::Tcp(server.address()),
        connections: 8,
        in_flight: 100,
        keys_per_get: 10,
        shape: shape.clone(),
        operations: Some(bench.count(operations)),
        time: Duration::from_secs(600),
        rate: None,
        seed: 2,
    };
    let (done, _) = Drive::start(&plan)?.finish()?;
    let server_busy = (usage::cpu_ns(server.pid())? - cpu) as f64 / 1e9 / done.seconds;
    let by_stats = counted("cmd_get")? - gets;
    let seen = watching.end()?;
    seen.operations.context("the observer reported no number of operations")?;
    Ok(CompletenessRun {
        sent: done.operations,
        by_stats,
        seen,
        per_second: done.operations as f64 / done.seconds,
        server_busy,
        sender_busy: done.cpu_seconds / done.seconds,
    })
}

impl CompletenessRun {
    fn counted(&self) -> u64 {
        self.seen.operations.unwrap_or(0)
    }

    /// Share of the sent operations that were counted, in percent.
    fn share(&self) -> f64 {
        100.0 * self.counted() as f64 / self.sent as f64
    }

    /// Whether the totals equal tracked plus untracked calls; `None` when the observer does not report all keys.
    fn adds_up(&self) -> Option<bool> {
        let document = &self.seen.document;
        let keys = document.get("keys")?.as_array()?;
        if document.get("keys_shown") != document.get("keys_tracked") {
            return None;
        }
        let sum: u64 = keys.iter().filter_map(|key| key.get("calls")?.as_u64()).sum();
        let untracked = document.pointer("/loss/untracked_calls")?.as_u64()?;
        Some(sum + untracked == self.counted())
    }

    fn row(&self, observer: Observer) -> Vec<String> {
        let whole = |count: u64| figure(count as f64);
        vec![
            observer.name().into(),
            whole(self.sent),
            whole(self.by_stats),
            whole(self.counted()),
            format!("{:.5} %", self.share()),
            self.adds_up().map_or("-", |adds_up| if adds_up { "yes" } else { "**no**" }).into(),
            self.seen.lost.clone().unwrap_or_else(|| "-".into()),
            figure(self.per_second),
            figure(self.server_busy),
            figure(self.sender_busy),
        ]
    }

    fn json(&self, observer: Observer, load: &str) -> Value {
        json!({
            "load": load, "observer": observer.name(), "sent": self.sent, "by_stats": self.by_stats,
            "counted": self.counted(), "adds_up": self.adds_up(), "lost": self.seen.lost,
            "loss": self.seen.document.get("loss"), "per_second": self.per_second,
            "server_busy": self.server_busy, "sender_busy": self.sender_busy,
        })
    }
}
