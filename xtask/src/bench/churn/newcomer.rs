//! How long a key that turns hot takes to rank first during a scan.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{KEYS, STORED};
use crate::bench::Bench;
use crate::bench::observer::child::{ReadyOn, Watcher};
use crate::bench::report::{BenchTable, Bound, Goal, spread_text};
use crate::bench::series::spread;
use crate::interrupt;
use crate::load::address::Address;
use crate::load::stream::{Drive, HotNewcomer, LoadPlan, Scan, Shape, number_of, store};
use crate::load::zipf::Skew;

/// The newcomer's share of the traffic.
const SHARE: f64 = 0.01;

/// The fields of a capture line that are needed here.
#[derive(Deserialize)]
struct LineFields {
    started_at: Option<Timestamp>,
    end_s: Option<f64>,
    #[serde(default)]
    keys: Vec<CapturedKey>,
}

#[derive(Deserialize)]
struct CapturedKey {
    key: Option<String>,
    #[serde(default)]
    hits: u64,
    #[serde(default)]
    misses: u64,
}

/// The result of all rounds.
pub struct NewcomerOutcome {
    /// Intervals from the moment it turned hot until the end of the first in which it ranked first.
    intervals: Vec<f64>,
    /// The same time in seconds.
    seconds: Vec<f64>,
}

/// Measures with `mctop capture`, whose 1 s intervals have what the live table shows.
pub fn measure(bench: &Bench) -> Result<NewcomerOutcome> {
    let mut outcome = NewcomerOutcome { intervals: Vec::new(), seconds: Vec::new() };
    for round in 0..bench.rounds(5) {
        interrupt::check()?;
        eprintln!("bench: churn, newcomer, round {}", round + 1);
        // A different point of the interval in each round.
        let after = Duration::from_millis(2_100 + 170 * round as u64);
        let (intervals, seconds) = run_one(bench, after)?;
        outcome.intervals.push(intervals);
        outcome.seconds.push(seconds);
    }
    Ok(outcome)
}

fn run_one(bench: &Bench, after: Duration) -> Result<(f64, f64)> {
    let server = bench.server(256)?;
    store(&Address::Tcp(server.address()), STORED)?;
    let directory = tempfile::tempdir().context("cannot create a temporary directory")?;
    let file = directory.path().join("capture");
    let mut command = Command::new(&bench.tools.mctop);
    command.args([
        "capture",
        "--verbose",
        "--duration",
        "3600",
        "--interval",
        "1s",
        "--pid",
        &server.pid().to_string(),
    ]);
    let watcher = Watcher::start(command.arg("--output").arg(&file), ReadyOn::Stderr, "watching for")?;
    let shape = Shape {
        scan: Some(Scan { keys: KEYS, share: 1.0 }),
        newcomer: Some(HotNewcomer { share: SHARE, after }),
        ..Shape::of(Skew::Uniform, 1)
    };
    let newcomer = shape.newcomer_key();
    let plan = LoadPlan {
        to: Address::Tcp(server.address()),
        connections: 4,
        in_flight: 100,
        keys_per_get: 10,
        shape,
        operations: None,
        time: after + Duration::from_secs(5),
        rate: None,
        seed: 4,
    };
    let drive = Drive::start(&plan)?;
    let since = Instant::now().saturating_duration_since(drive.started_at());
    let hot = Timestamp::now() - SignedDuration::try_from(since)? + SignedDuration::try_from(after)?;
    drive.finish()?;
    watcher.end()?;
    first_at_the_top(&file, newcomer, hot)?.context("the newcomer never ranked first")
}

/// Intervals and seconds from `hot` to the end of the first interval in which the key is called most.
fn first_at_the_top(file: &std::path::Path, newcomer: u32, hot: Timestamp) -> Result<Option<(f64, f64)>> {
    let mut intervals = 0.0;
    let mut since_start = 0.0;
    for line in BufReader::new(File::open(file).context("cannot open the capture")?).lines() {
        let line: LineFields = serde_json::from_str(&line?).context("the capture has a line that is not JSON")?;
        if let Some(started) = line.started_at {
            since_start = hot.duration_since(started).as_secs_f64();
        }
        let Some(end) = line.end_s.filter(|end| *end > since_start) else { continue };
        intervals += 1.0;
        let first = line.keys.iter().max_by_key(|key| key.hits + key.misses);
        if first.and_then(|key| number_of(key.key.as_deref()?)) == Some(newcomer) {
            return Ok(Some((intervals, end - since_start)));
        }
    }
    Ok(None)
}

impl NewcomerOutcome {
    /// The table of the report.
    pub fn table(&self) -> BenchTable {
        BenchTable {
            title:
                "Time until a key that turns hot (1 % of the traffic) ranks first, during a uniform scan of 10 million keys:"
                    .into(),
            head: ["rounds", "intervals of 1 s, including the one in which it turned hot", "seconds"]
                .map(str::to_owned)
                .to_vec(),
            rows: vec![vec![
                self.intervals.len().to_string(),
                spread_text(&self.intervals),
                spread_text(&self.seconds),
            ]],
        }
    }

    /// The goal, for the worst round.
    pub fn goal(&self) -> Goal {
        let worst = spread(&self.intervals).map(|spread| spread.max);
        Goal::new("a newly hot key ranks first during a scan, worst round", Bound::AtMost(2.0), worst, "intervals")
    }

    /// The data of the report.
    pub fn json(&self) -> Value {
        json!({ "intervals": self.intervals, "seconds": self.seconds })
    }
}
