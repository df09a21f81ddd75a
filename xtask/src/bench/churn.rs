//! Hot keys among ten million, with tables of the default size.

mod newcomer;

use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::observer::Observer;
use super::report::{BenchSection, BenchTable, Bound, Goal, figure, mib};
use super::{Bench, BenchPart, usage};
use crate::interrupt;
use crate::load::address::Address;
use crate::load::stream::{Drive, LoadPlan, Scan, Shape, number_of, store};
use crate::load::zipf::Skew;

/// Keys of each family.
const KEYS: u32 = 10_000_000;

/// The most popular keys, which are stored; reads of the others miss.
const STORED: u32 = 100_000;

/// Number of most popular keys that are compared.
const TOP: usize = 100;

/// mctop's default memory limit: 64 MiB of kernel maps and as much in user space.
const MEMORY_MIB: f64 = 128.0;

/// Measures recall and error of the top keys, and memory, under churn.
pub fn measure(bench: &Bench) -> Result<BenchSection> {
    let mut section = BenchSection::new(
        BenchPart::Churn,
        "Hot keys under churn",
        "`get`s of 10 keys over 4 connections, as fast as the server answers, over 10 million keys, watched by `mctop dump` \
         with its default memory. The 100 keys with the most calls are compared with the exact counts of the sender. A *scan* \
         reads another 10 million keys one after the other, as a crawler or a backup does. *recall* is how many of the true \
         top 100 are in mctop's top 100; keys with equal counts are interchangeable. *worst error* is the largest error of a \
         count among the true top 100, relative to the true count. *RSS* excludes the kernel maps that are mapped into the \
         process.",
    );
    let scan = |share| Some(Scan { keys: KEYS, share });
    let zipf = |exponent| Shape::of(Skew::Zipf(exponent), KEYS);
    let loads = [
        ("zipf 0.99", zipf(0.99)),
        ("zipf 1.2", zipf(1.2)),
        ("zipf 0.99, half of the traffic a scan", Shape { scan: scan(0.5), ..zipf(0.99) }),
        ("zipf 1.2, half of the traffic a scan", Shape { scan: scan(0.5), ..zipf(1.2) }),
        ("uniform scan", Shape { scan: scan(1.0), ..Shape::of(Skew::Uniform, 1) }),
    ];
    let mut runs = Vec::new();
    for (name, shape) in loads {
        interrupt::check()?;
        eprintln!("bench: churn, {name}");
        runs.push((name, run_one(bench, &shape)?));
    }
    section.tables.push(BenchTable {
        title: "Recall and error:".into(),
        head: [
            "load",
            "operations",
            "operations/s",
            "recall@100",
            "worst error",
            "untracked",
            "kernel maps",
            "mctop RSS",
            "peak RSS",
            "server busy",
            "sender busy",
        ]
        .map(str::to_owned)
        .to_vec(),
        rows: runs.iter().map(|(name, run)| run.row(name)).collect(),
    });
    for (name, run) in &runs {
        let Some((recall, error)) = run.top else { continue };
        let (what, worst) = (format!("recall of the top 100, {name}"), format!("worst error of the top 100, {name}"));
        section.goals.push(Goal::new(what, Bound::AtLeast(100.0), Some(recall), "%"));
        section.goals.push(Goal::new(worst, Bound::AtMost(1.0), Some(error), "%"));
    }
    let memory = runs.iter().map(|(_, run)| (run.map_bytes + run.peak) as f64 / f64::from(1 << 20)).reduce(f64::max);
    let what = "kernel maps and other peak RSS of mctop together, worst load";
    section.goals.push(Goal::new(what, Bound::AtMost(MEMORY_MIB), memory, "MiB"));
    let newcomer = newcomer::measure(bench)?;
    section.tables.push(newcomer.table());
    section.goals.push(newcomer.goal());
    section.notes.push(
        "A uniform scan has no top 100, because all keys are equal; it shows memory and what is untracked.".into(),
    );
    section.data = json!({
        "loads": runs.iter().map(|(name, run)| run.json(name)).collect::<Vec<_>>(),
        "newcomer": newcomer.json(),
    });
    Ok(section)
}

struct ChurnRun {
    operations: u64,
    per_second: f64,
    /// Recall and worst error in percent; `None` when all keys are equally popular.
    top: Option<(f64, f64)>,
    untracked: f64,
    map_bytes: u64,
    resident: u64,
    peak: u64,
    server_busy: f64,
    sender_busy: f64,
    counted: u64,
}

fn run_one(bench: &Bench, shape: &Shape) -> Result<ChurnRun> {
    let server = bench.server(256)?;
    store(&Address::Tcp(server.address()), STORED)?;
    let watching = Observer::Mctop.start(&bench.tools, &bench.subject(&server))?;
    let pid = watching.pid().context("mctop runs in no process")?;
    let cpu = usage::cpu_ns(server.pid())?;
    let plan = LoadPlan {
        to: Address::Tcp(server.address()),
        connections: 4,
        in_flight: 100,
        keys_per_get: 10,
        shape: shape.clone(),
        operations: None,
        time: bench.time(30.0),
        rate: None,
        seed: 3,
    };
    let (done, counts) = Drive::start(&plan)?.finish()?;
    let server_busy = (usage::cpu_ns(server.pid())? - cpu) as f64 / 1e9 / done.seconds;
    let (resident, peak) = usage::resident(pid)?;
    let map_bytes = usage::ebpf(pid)?.map_bytes;
    let seen = watching.end()?;
    let shown = shown(&seen.document)?;
    let is_flat = shape.scan.is_some_and(|scan| scan.share >= 1.0);
    let number = |path: &str| seen.document.pointer(path).and_then(Value::as_u64).unwrap_or(0);
    Ok(ChurnRun {
        operations: done.operations,
        per_second: done.operations as f64 / done.seconds,
        top: (!is_flat).then(|| compare(&counts, &shown)),
        untracked: 100.0 * number("/loss/untracked_calls") as f64 / done.operations as f64,
        map_bytes,
        resident,
        peak,
        server_busy,
        sender_busy: done.cpu_seconds / done.seconds,
        counted: number("/totals/calls"),
    })
}

/// The number and calls of each key that mctop shows, in its order.
fn shown(document: &Value) -> Result<Vec<(u32, u64)>> {
    let keys = document.get("keys").and_then(Value::as_array).context("mctop's JSON has no keys")?;
    let key = |key: &Value| Some((number_of(key.get("key")?.as_str()?)?, key.get("calls")?.as_u64()?));
    Ok(keys.iter().filter_map(key).collect())
}

/// Recall of the true top keys and the worst relative error of their counts, both in percent.
fn compare(counts: &[AtomicU32], shown: &[(u32, u64)]) -> (f64, f64) {
    let count = |key: u32| counts.get(key as usize).map_or(0, |count| u64::from(count.load(Ordering::Relaxed)));
    let mut ranked: Vec<u32> = (0..counts.len() as u32).filter(|&key| count(key) > 0).collect();
    let top = TOP.min(ranked.len());
    if top == 0 {
        return (100.0, 0.0);
    }
    ranked.select_nth_unstable_by_key(top - 1, |&key| std::cmp::Reverse(count(key)));
    let least = ranked.get(top - 1).map_or(0, |&key| count(key));
    let found = shown.iter().take(top).filter(|(key, _)| count(*key) >= least).count();
    let error = ranked.iter().take(top).map(|&key| {
        let reported = shown.iter().find(|(number, _)| *number == key).map_or(0, |(_, calls)| *calls);
        100.0 * (reported as f64 - count(key) as f64).abs() / count(key) as f64
    });
    (100.0 * found as f64 / top as f64, error.fold(0.0, f64::max))
}

impl ChurnRun {
    fn row(&self, name: &str) -> Vec<String> {
        vec![
            name.into(),
            figure(self.operations as f64),
            figure(self.per_second),
            self.top.map_or_else(|| "-".into(), |(recall, _)| format!("{} %", figure(recall))),
            self.top.map_or_else(|| "-".into(), |(_, error)| format!("{} %", figure(error))),
            format!("{} %", figure(self.untracked)),
            mib(self.map_bytes),
            mib(self.resident),
            mib(self.peak),
            figure(self.server_busy),
            figure(self.sender_busy),
        ]
    }

    fn json(&self, name: &str) -> Value {
        json!({
            "load": name, "operations": self.operations, "counted": self.counted, "per_second": self.per_second,
            "recall_percent": self.top.map(|(recall, _)| recall), "worst_error_percent": self.top.map(|(_, error)| error), "untracked_percent": self.untracked,
            "map_bytes": self.map_bytes, "resident_bytes": self.resident, "peak_resident_bytes": self.peak,
            "server_busy": self.server_busy, "sender_busy": self.sender_busy,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recall_and_error_are_computed_over_the_true_top_keys() {
        let counts: Vec<AtomicU32> = (0..1_000).map(|key| AtomicU32::new(1_000 - key)).collect();
        let mut shown: Vec<(u32, u64)> = (0..200).map(|key| (key, 1_000 - u64::from(key))).collect();
        assert_eq!(compare(&counts, &shown), (100.0, 0.0));
        shown[0].1 = 990;
        assert_eq!(compare(&counts, &shown), (100.0, 1.0));
        shown.remove(1);
        assert_eq!(compare(&counts, &shown), (99.0, 100.0));
        assert_eq!(compare(&[], &[]), (100.0, 0.0));
    }
}
