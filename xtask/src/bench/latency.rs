//! Times to the first row and to the end, and what clients feel of attaching, watching and detaching.

mod clients;

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::{Value, json};

use super::observer::child::{Says, Watcher};
use super::report::{Bound, Goal, Section, Table, figure};
use super::series::{Spread, quantile, spread};
use super::{Bench, Part, address, screen, section};
use crate::interrupt;
use crate::load::stream::{Drive, Plan, Shape, store};
use crate::load::zipf::Skew;
use crate::server::Server;
use clients::Client;

/// Keys of the load.
const KEYS: u32 = 10_000;

/// Reads per second of the load beside the client that is timed.
const RATE: f64 = 30_000.0;

/// What goes on while a latency is measured.
const PHASES: [&str; 5] = [
    "nobody watches",
    "mctop attaches",
    "mctop watches, flips each 1 s",
    "mctop watches, flips each 100 ms",
    "mctop detaches",
];

/// Measures.
///
/// # Errors
/// When the server or mctop fails.
pub fn measure(bench: &Bench) -> Result<Section> {
    let mut section = section(
        Part::Latency,
        "Times, and the server's latency",
        "The live table in a terminal of its own: from its start to the first row of a key, from `q` until the terminal is the \
         user's again, and until the process has ended. And a client's latency: one connection sends a `get` each 500 µs and \
         waits for the answer, timed from when it was due if the answer before came late, beside a load of 30,000 reads a \
         second on 2 other connections. An epoch is flipped once an interval; intervals of 100 ms are ten times as many as by \
         default. On 2 cores that server, clients and mctop share.",
    );
    let server = bench.server(256)?;
    store(&address(&server), KEYS)?;
    let plan = Plan {
        to: address(&server),
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
    for round in 0..bench.rounds(5) {
        eprintln!("bench: latency, round {}", round + 1);
        one_round(bench, &server, &mut latencies)?;
    }
    drive.stop();
    let (done, _) = drive.finish()?;
    for phase in &mut latencies {
        phase.sort_by(f64::total_cmp);
    }
    report(&mut section, &screens, &latencies);
    section.notes.push(format!(
        "The load offered {} reads a second and achieved {}.",
        figure(RATE),
        figure(done.operations as f64 / done.seconds)
    ));
    Ok(section)
}

/// All phases once; latencies in microseconds are added to theirs.
fn one_round(bench: &Bench, server: &Server, latencies: &mut [Vec<f64>]) -> Result<()> {
    let client = Client::start(&address(server), KEYS)?;
    let mut spans = Vec::new();
    let quiet = Instant::now();
    interrupt::sleep(bench.time(4.0))?;
    spans.push((0, quiet, Instant::now()));
    for (phase, interval) in [(2, "1s"), (3, "100ms")] {
        let begin = Instant::now();
        let mut command = Command::new(&bench.tools.mctop);
        command.args(["capture", "--verbose", "--duration", "3600", "--output", "/dev/null", "--interval", interval]);
        let watcher = Watcher::start(command.args(["--pid", &server.pid().to_string()]), Says::Error, "watching for")?;
        let watching = watcher.ready_at();
        spans.push((1, begin, watching));
        interrupt::sleep(bench.time(4.0))?;
        let end = Instant::now();
        spans.push((phase, watching, end));
        watcher.end()?;
        spans.push((4, end, Instant::now()));
    }
    let samples = client.end()?;
    for (phase, begin, end) in spans {
        let Some(latencies) = latencies.get_mut(phase) else { continue };
        let within = samples.iter().filter(|(at, _)| (begin..end).contains(at));
        latencies.extend(within.map(|(_, latency)| latency.as_secs_f64() * 1e6));
    }
    Ok(())
}

fn report(section: &mut Section, screens: &[screen::Times], latencies: &[Vec<f64>]) {
    let times = |pick: fn(&screen::Times) -> Duration| -> Vec<f64> {
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
    let show = |Spread { median, min, max, .. }: Spread| vec![figure(median), figure(min), figure(max)];
    section.tables.push(Table {
        title: "The live table, ms:".into(),
        head: ["what", "median", "min", "max"].map(str::to_owned).to_vec(),
        rows: rows
            .iter()
            .filter_map(|(what, times)| Some([vec![(*what).to_owned()], show(spread(times)?)].concat()))
            .collect(),
    });
    let quantiles = |sorted: &[f64]| [0.5, 0.9, 0.99, 0.999, 1.0].map(|share| quantile(sorted, share));
    let phase = |(name, sorted): (&&str, &Vec<f64>)| {
        let cells = quantiles(sorted).map(|value| value.map_or_else(|| "-".into(), figure));
        [vec![(*name).to_owned(), figure(sorted.len() as f64)], cells.to_vec()].concat()
    };
    section.tables.push(Table {
        title: "Latency of a `get`, µs:".into(),
        head: ["while", "requests", "p50", "p90", "p99", "p99.9", "max"].map(str::to_owned).to_vec(),
        rows: PHASES.iter().zip(latencies).map(phase).collect(),
    });
    let p99 = |phase: usize| latencies.get(phase).and_then(|sorted| quantile(sorted, 0.99));
    let flips = p99(3).zip(p99(2)).map(|(often, seldom)| often / seldom);
    section.goals.push(Goal::new(
        "p99 with ten flips a second, relative to one a second",
        Bound::AtMost(1.1),
        flips,
        "×",
    ));
    let phases = PHASES.iter().zip(latencies).map(|(name, sorted)| {
        json!({ "phase": name, "requests": sorted.len(), "us_p50_p90_p99_p999_max": quantiles(sorted) })
    });
    section.data = json!({
        "terminal_ms": { "first_row": rows[0].1, "restored": rows[1].1, "exited": rows[2].1 },
        "latency": phases.collect::<Vec<Value>>(),
    });
}
