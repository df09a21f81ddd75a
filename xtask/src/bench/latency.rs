//! Time to the first row and to exit, and client latency while mctop attaches, watches and detaches.

mod clients;

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::{Value, json};

use super::observer::child::{ReadyOn, Watcher};
use super::report::{BenchSection, BenchTable, Bound, Goal, figure};
use super::series::{MedianSpread, quantile, spread};
use super::{Bench, BenchPart, screen};
use crate::interrupt;
use crate::load::address::Address;
use crate::load::stream::{Drive, LoadPlan, Shape, store};
use crate::load::zipf::Skew;
use crate::server::Server;
use clients::ClientThread;

/// Keys of the load.
const KEYS: u32 = 10_000;

/// Reads per second of the background load.
const RATE: f64 = 30_000.0;

/// Length of a measured phase, seconds.
const PHASE: f64 = 2.5;

/// The phases for which latency is reported.
const PHASES: [&str; 5] = [
    "nobody watches",
    "mctop attaches",
    "mctop watches, flips each 1 s",
    "mctop watches, flips each 100 ms",
    "mctop detaches",
];

/// The reported quantiles.
const QUANTILES: [f64; 5] = [0.5, 0.9, 0.99, 0.999, 1.0];

/// Measures startup and exit times and client latency.
pub fn measure(bench: &Bench) -> Result<BenchSection> {
    let mut section = BenchSection::new(
        BenchPart::Latency,
        "Times, and the server's latency",
        "The live table runs in its own terminal: the time from its start to the first row, from `q` until the terminal is \
         restored, and until the process has exited. For the latency, one client sends a `get` every 500 µs and waits for the \
         answer; a request that the previous answer delays is timed from when it was due. Two other connections send 30,000 \
         reads per second. mctop flips the epoch once per interval; intervals of 100 ms are ten times as many flips as by \
         default. The server, the clients and mctop share 2 cores.",
    );
    let server = bench.server(256)?;
    store(&Address::Tcp(server.address()), KEYS)?;
    let plan = LoadPlan {
        to: Address::Tcp(server.address()),
        connections: 2,
        in_flight: 10,
        keys_per_get: 1,
        shape: Shape::of(Skew::Zipf(0.99), KEYS),
        operations: None,
        time: Duration::from_secs(3_600),
        rate: Some(RATE),
        seed: 6,
    };
    let drive = Drive::start(&plan)?;
    let mut screens = Vec::new();
    for round in 0..bench.rounds(7) {
        eprintln!("bench: latency, terminal, round {}", round + 1);
        screens.push(screen::time(&bench.tools, server.pid(), "user:session:")?);
    }
    let mut latencies = vec![Vec::new(); PHASES.len()];
    for round in 0..bench.rounds(15) {
        eprintln!("bench: latency, round {}", round + 1);
        one_round(bench, &server, round % 2 == 0, &mut latencies)?;
    }
    drive.stop();
    let (done, _) = drive.finish()?;
    report(&mut section, &screens, &latencies);
    section.notes.push(format!(
        "The load offered {} reads a second and achieved {}.",
        figure(RATE),
        figure(done.operations as f64 / done.seconds)
    ));
    Ok(section)
}

/// Runs all phases once and appends each phase's sorted latencies, in microseconds; the order of the two flip rates varies.
fn one_round(bench: &Bench, server: &Server, few_first: bool, latencies: &mut [Vec<Vec<f64>>]) -> Result<()> {
    let client = ClientThread::start(&Address::Tcp(server.address()), KEYS)?;
    let mut spans = Vec::new();
    let quiet = Instant::now();
    interrupt::sleep(bench.time(PHASE))?;
    spans.push((0, quiet, Instant::now()));
    let mut watched = [(2, "1s"), (3, "100ms")];
    if !few_first {
        watched.reverse();
    }
    for (phase, interval) in watched {
        let start = Instant::now();
        let mut command = Command::new(&bench.tools.mctop);
        command.args(["capture", "--verbose", "--duration", "3600", "--output", "/dev/null", "--interval", interval]);
        let watcher =
            Watcher::start(command.args(["--pid", &server.pid().to_string()]), ReadyOn::Stderr, "watching for")?;
        let watching = watcher.ready_at();
        spans.push((1, start, watching));
        interrupt::sleep(bench.time(PHASE))?;
        let end = Instant::now();
        spans.push((phase, watching, end));
        watcher.end()?;
        spans.push((4, end, Instant::now()));
    }
    let samples = client.end()?;
    for (phase, latencies) in latencies.iter_mut().enumerate() {
        let within = |at| spans.iter().any(|(of, start, end)| *of == phase && (start..end).contains(&at));
        let mut round: Vec<f64> =
            samples.iter().filter(|(at, _)| within(at)).map(|(_, latency)| latency.as_secs_f64() * 1e6).collect();
        round.sort_by(f64::total_cmp);
        latencies.push(round);
    }
    Ok(())
}

fn report(section: &mut BenchSection, screens: &[screen::ScreenTimes], latencies: &[Vec<Vec<f64>>]) {
    let times = |pick: fn(&screen::ScreenTimes) -> Duration| -> Vec<f64> {
        screens.iter().map(|times| pick(times).as_secs_f64() * 1e3).collect()
    };
    let rows = [
        ("first row", times(|times| times.first_row)),
        ("terminal restored after `q`", times(|times| times.restored)),
        ("process ended after `q`", times(|times| times.exited)),
    ];
    let median = |times: &[f64]| spread(times).map(|spread| spread.median / 1e3);
    section.goals.push(Goal::new("first row after start", Bound::AtMost(1.0), median(&rows[0].1), "s"));
    section.goals.push(Goal::new("process ended after `q`", Bound::AtMost(0.5), median(&rows[2].1), "s"));
    let show = |MedianSpread { median, min, max, .. }: MedianSpread| vec![figure(median), figure(min), figure(max)];
    section.tables.push(BenchTable {
        title: "The live table, ms:".into(),
        head: ["what", "median", "min", "max"].map(str::to_owned).to_vec(),
        rows: rows
            .iter()
            .filter_map(|(what, times)| Some([vec![(*what).to_owned()], show(spread(times)?)].concat()))
            .collect(),
    });
    let phase = |(name, rounds): (&&str, &Vec<Vec<f64>>)| {
        let requests = rounds.iter().map(Vec::len).sum::<usize>() as f64;
        let cells = QUANTILES.map(|share| over_rounds(rounds, share).map_or_else(|| "-".into(), figure));
        [vec![(*name).to_owned(), figure(requests)], cells.to_vec()].concat()
    };
    section.tables.push(BenchTable {
        title: "Latency of a `get`, µs, medians over the rounds:".into(),
        head: ["while", "requests", "p50", "p90", "p99", "p99.9", "max"].map(str::to_owned).to_vec(),
        rows: PHASES.iter().zip(latencies).map(phase).collect(),
    });
    section.goals.push(Goal::new(
        "p99 with ten flips a second, relative to one a second in the same round, median of rounds",
        Bound::AtMost(1.1),
        flips(&latencies[2], &latencies[3]),
        "×",
    ));
    let phases = PHASES.iter().zip(latencies).map(|(name, rounds)| {
        let rounds = rounds.iter().map(|sorted| {
            json!({ "requests": sorted.len(), "us_p50_p90_p99_p999_max": QUANTILES.map(|share| quantile(sorted, share)) })
        });
        json!({ "phase": name, "rounds": rounds.collect::<Vec<Value>>() })
    });
    section.data = json!({
        "terminal_ms": { "first_row": rows[0].1, "restored": rows[1].1, "exited": rows[2].1 },
        "latency": phases.collect::<Vec<Value>>(),
    });
}

/// The median over rounds of each round's quantile, so that one round on a busy machine does not decide the result.
fn over_rounds(rounds: &[Vec<f64>], share: f64) -> Option<f64> {
    let each: Vec<f64> = rounds.iter().filter_map(|sorted| quantile(sorted, share)).collect();
    spread(&each).map(|spread| spread.median)
}

/// The median over rounds of the p99 with many flips relative to the p99 with few.
fn flips(few: &[Vec<f64>], many: &[Vec<f64>]) -> Option<f64> {
    let p99 = |sorted: &Vec<f64>| quantile(sorted, 0.99);
    let each: Vec<f64> =
        few.iter().zip(many).filter_map(|(few, many)| p99(few).zip(p99(many))).map(|(few, many)| many / few).collect();
    spread(&each).map(|spread| spread.median)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_busy_round_does_not_change_the_result() {
        let (few, many) = (vec![vec![10.0]; 3], vec![vec![10.0], vec![9_000.0], vec![11.0]]);
        assert_eq!(flips(&few, &many), Some(1.1));
        assert_eq!(over_rounds(&many, 0.99), Some(11.0));
        assert_eq!(flips(&[], &[]), None);
    }
}
