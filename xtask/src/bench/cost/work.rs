//! The workloads, and one measurement of each.

use std::time::Duration;

use anyhow::Result;

use crate::bench::observer::{Observer, Watching};
use crate::bench::report::{BenchSection, figure};
use crate::bench::victim::Victim;
use crate::bench::{Bench, usage};
use crate::interrupt;
use crate::load::address::Address;
use crate::load::stream::{Drive, LoadPlan, Shape};
use crate::load::zipf::Skew;
use crate::server::Server;

/// Calls of the victim in one measurement.
pub const CALLS: u64 = 300_000;

/// Keys in flight on each connection.
const IN_FLIGHT: u32 = 100;

/// A workload.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Work {
    /// The victim's loop over `keys` keys.
    Victim { keys: u32 },
    /// memcached, with `per_get` keys in each `get`.
    Reads { keys: u32, per_get: u32 },
}

pub const WORKS: [Work; 5] = [
    Work::Victim { keys: 1 },
    Work::Victim { keys: 10_000 },
    Work::Reads { keys: 1, per_get: 100 },
    Work::Reads { keys: 10_000, per_get: 100 },
    Work::Reads { keys: 10_000, per_get: 1 },
];

impl Work {
    pub fn name(self) -> String {
        let keys = |keys| if keys == 1 { "one key".to_owned() } else { format!("{} keys", figure(f64::from(keys))) };
        match self {
            Self::Victim { keys: count } => format!("victim, {}", keys(count)),
            Self::Reads { keys: count, per_get: 1 } => format!("memcached, pipelined `get`, {}", keys(count)),
            Self::Reads { keys: count, per_get } => format!("memcached, `get` of {per_get}, {}", keys(count)),
        }
    }
}

/// One measurement.
pub struct CostSample {
    pub server: f64,
    /// The same with the empty program, measured in turns.
    pub reference: Option<f64>,
    pub own: f64,
    pub rate: f64,
}

/// Ends an observer. If it does not end, it is killed, and a note says so.
pub fn end(watching: Watching, observer: Observer, section: &mut BenchSection) -> Result<()> {
    if let Err(error) = watching.end() {
        interrupt::check()?;
        section.notes.push(format!("{} once did not end by itself: {error:#}.", observer.name()));
    }
    Ok(())
}

/// mctop validates each item that its probe finds only in the first interval; this is longer.
const SETTLED: Duration = Duration::from_millis(1_200);

/// Sends reads until the observer has reached its steady state.
pub fn settle(server: &Server) -> Result<()> {
    Drive::start(&plan(server, 1, 1, SETTLED))?.finish()?;
    Ok(())
}

/// The same for the victim: `mctop-devtools lookup` validates every ten milliseconds.
pub fn settle_victim(victim: &mut Victim) -> Result<()> {
    victim.run(1, 1_000)?;
    std::thread::sleep(Duration::from_millis(100));
    Ok(())
}

pub fn measure_victim(bench: &Bench, victim: &mut Victim, keys: u32) -> Result<(CostSample, u64)> {
    let calls = bench.count(CALLS);
    // Every key once, so that none is new to the observer.
    victim.run(keys, u64::from(keys) * 4)?;
    let (server, reference) = victim.run_both(keys, calls)?;
    Ok((CostSample { server, reference: Some(reference), own: 0.0, rate: 1e9 / server }, calls))
}

fn plan(server: &Server, keys: u32, per_get: u32, time: Duration) -> LoadPlan {
    LoadPlan {
        to: Address::Tcp(server.address()),
        connections: 2,
        in_flight: IN_FLIGHT,
        keys_per_get: per_get,
        shape: Shape::of(Skew::Uniform, keys),
        operations: None,
        time,
        rate: None,
        seed: 1,
    }
}

pub fn measure_server(bench: &Bench, server: &Server, keys: u32, per_get: u32) -> Result<(CostSample, u64)> {
    let mut plan = plan(server, keys, per_get, Duration::from_millis(100));
    Drive::start(&plan)?.finish()?;
    plan.time = bench.time(0.8);
    let before = usage::cpu_ns(server.pid())?;
    let (done, _) = Drive::start(&plan)?.finish()?;
    let spent = usage::cpu_ns(server.pid())? - before;
    let server = spent as f64 / done.operations as f64;
    Ok((CostSample { server, reference: None, own: 0.0, rate: done.operations as f64 / done.seconds }, done.operations))
}
