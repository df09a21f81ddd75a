//! mctop's own CPU time and memory, by the number of keys in an interval.

use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::observer::child::{ReadyOn, Watcher};
use super::report::{BenchSection, BenchTable, Bound, Goal, figure, mib};
use super::{Bench, BenchPart, usage};
use crate::interrupt;
use crate::load::address::Address;
use crate::load::stream::{Drive, LoadPlan, Scan, Shape};
use crate::load::zipf::Skew;

/// Distinct keys per 1 s interval.
const SIZES: [u32; 3] = [10_000, 100_000, 1_000_000];

/// Size of the key space when every interval has other keys.
const OTHERS: u32 = 20_000_000;

/// mctop's default `--memory`, in MiB.
const DEFAULT_MEMORY_MIB: u64 = 64;

/// Memory per key of an interval, in bytes, in the kernel and as much again in user space: its slots in two tables and in the
/// names take 432 bytes, its user-space state about 1,200 with the longest name, and a quarter stays free.
const BYTES_PER_KEY: u64 = 1_464;

/// Memory that mctop needs apart from keys, in MiB.
const PROGRAM_MIB: u64 = 17;

/// Measures mctop's CPU time and memory.
pub fn measure(bench: &Bench) -> Result<BenchSection> {
    let mut section = BenchSection::new(
        BenchPart::Scale,
        "mctop's own process",
        "`mctop dump`, with intervals of 1 s, while a load reads the given number of different keys each second, one after \
         the other (reads that miss, `get`s of 100 keys): the same keys in each interval, or *others*, whose names are all \
         new. Where the server cannot be driven that fast under probes, *keys an interval* is the number reached, and CPU is \
         also given per tracked key, from which the figure for a million is derived. `--memory` is 64 MiB (the default), \
         157 MiB and 1,414 MiB. *end of an interval*: CPU time of all that mctop does with what was counted in one (drain, \
         names, counts of each key, history and sliding window), with nothing else running on the core, in tables that this \
         benchmark fills itself. *RSS*: without the kernel maps that are mapped into the process.",
    );
    let mut rows = Vec::new();
    let mut data = Vec::new();
    let mut million = None;
    for size in SIZES {
        interrupt::check()?;
        eprintln!("bench: scale, {size} keys");
        for others in [false, true] {
            let epoch = epoch(bench, size, others)?;
            let run = run_one(bench, size, others)?;
            if size == 1_000_000 && !others {
                million = Some(run.cpu_per_key_ns * 1e6 / 1e9 * 100.0);
            }
            rows.push(run.row(size, others, &epoch));
            data.push(json!({
                "wanted": size, "others_each_interval": others, "keys_per_interval": run.keys,
                "cpu_percent": run.cpu_percent, "cpu_ns_per_key": run.cpu_per_key_ns, "resident_bytes": run.resident,
                "peak_resident_bytes": run.peak, "map_bytes": run.map_bytes, "untracked": run.untracked,
                "end_of_interval": epoch,
            }));
        }
    }
    section.tables.push(BenchTable {
        title: "By keys an interval of 1 s:".into(),
        head: [
            "keys wanted",
            "keys an interval",
            "untracked",
            "CPU of one core",
            "CPU ns/tracked key",
            "RSS",
            "peak RSS",
            "kernel maps",
            "end of an interval",
        ]
        .map(str::to_owned)
        .to_vec(),
        rows,
    });
    section.goals.push(Goal::new(
        "mctop's own CPU at 1M keys an interval of 1 s, from the CPU time per key",
        Bound::AtMost(25.0),
        million,
        "% of a core",
    ));
    section.data = Value::Array(data);
    Ok(section)
}

/// `--memory` in MiB for `keys` keys per interval: the default, or as much as is needed to track every key.
fn memory_mib(keys: u32) -> u64 {
    ((u64::from(keys) * BYTES_PER_KEY).div_ceil(1 << 20) + PROGRAM_MIB).max(DEFAULT_MEMORY_MIB)
}

struct ScaleRun {
    keys: f64,
    untracked: f64,
    cpu_percent: f64,
    cpu_per_key_ns: f64,
    resident: u64,
    peak: u64,
    map_bytes: u64,
}

fn run_one(bench: &Bench, size: u32, others: bool) -> Result<ScaleRun> {
    let server = bench.server(64)?;
    let mut command = Command::new(&bench.tools.mctop);
    command.args(["dump", "--verbose", "--duration", "3600", "--format", "json", "--limit", "10"]);
    command.args(["--pid", &server.pid().to_string()]);
    command.args(["--memory", &format!("{}MiB", memory_mib(size))]);
    let watcher = Watcher::start(&mut command, ReadyOn::Stderr, "watching for")?;
    let plan = LoadPlan {
        to: Address::Tcp(server.address()),
        connections: 2,
        in_flight: 1_000,
        keys_per_get: 100,
        shape: Shape {
            scan: Some(Scan { keys: if others { OTHERS } else { size }, share: 1.0 }),
            ..Shape::of(Skew::Uniform, 1)
        },
        operations: None,
        time: Duration::from_secs(600),
        rate: Some(f64::from(size)),
        seed: 5,
    };
    let drive = Drive::start(&plan)?;
    // Skip the first intervals, in which tables and names grow.
    thread::sleep(bench.time(4.0));
    let time = bench.time(8.0).max(Duration::from_secs(2));
    let before = usage::cpu_ns(watcher.pid())?;
    interrupt::sleep(time)?;
    let spent = (usage::cpu_ns(watcher.pid())? - before) as f64;
    let (resident, peak) = usage::resident(watcher.pid())?;
    let map_bytes = usage::ebpf(watcher.pid())?.map_bytes;
    drive.stop();
    let (done, _) = drive.finish()?;
    let document: Value =
        serde_json::from_str(&watcher.end()?.out).context("mctop printed something that is not JSON")?;
    let untracked = document.pointer("/loss/untracked_calls").and_then(Value::as_u64).unwrap_or(0);
    let per_second = done.operations as f64 / done.seconds;
    // Untracked keys cost little; counting them would make tracked keys look cheap.
    let tracked = 1.0 - untracked as f64 / done.operations as f64;
    Ok(ScaleRun {
        keys: per_second,
        untracked: 100.0 * untracked as f64 / done.operations as f64,
        cpu_percent: 100.0 * spent / time.as_nanos() as f64,
        cpu_per_key_ns: spent / (per_second * tracked * time.as_secs_f64()),
        resident,
        peak,
        map_bytes,
    })
}

/// CPU times at the end of an interval without load, from the median round of `mctop-devtools epoch`.
fn epoch(bench: &Bench, size: u32, others: bool) -> Result<Value> {
    let (keys, memory) = (size.to_string(), memory_mib(size).to_string());
    let mut arguments = vec!["epoch", &keys, "--memory", &memory];
    arguments.extend(others.then_some("--others"));
    let mut rounds = Vec::new();
    for _ in 0..bench.rounds(3) {
        rounds.push(bench.tools.devtool(&arguments)?);
    }
    rounds.sort_by(|a, b| end_of_interval(a).total_cmp(&end_of_interval(b)));
    let middle = rounds.len() / 2;
    Ok(rounds.swap_remove(middle))
}

/// Total CPU time at the end of an interval, in seconds.
fn end_of_interval(epoch: &Value) -> f64 {
    epoch.get("sum_s").and_then(Value::as_f64).unwrap_or(f64::NAN)
}

impl ScaleRun {
    fn row(&self, size: u32, others: bool, epoch: &Value) -> Vec<String> {
        vec![
            format!("{}{}", figure(f64::from(size)), if others { ", others each interval" } else { "" }),
            figure(self.keys),
            format!("{} %", figure(self.untracked)),
            format!("{} %", figure(self.cpu_percent)),
            figure(self.cpu_per_key_ns),
            mib(self.resident),
            mib(self.peak),
            mib(self.map_bytes),
            format!("{} ms", figure(end_of_interval(epoch) * 1e3)),
        ]
    }
}
