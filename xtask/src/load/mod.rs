//! `cargo xtask load`: a load generator that knows exactly what was sent.
//!
//! A load is always bounded in time and operations, stays on this machine, and is the same for the same seed except for
//! the times at which expiring keys are stored again.

pub mod address;
pub mod protocol;
pub mod scenario;
pub mod stream;
pub mod summary;
mod worker;
pub mod zipf;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::interrupt;
use address::Address;
use protocol::MemcachedClient;
use scenario::Scenario;
use summary::{LoadEnd, Summary, Tally};
use worker::WorkerTask;

/// Longest load, in seconds.
const SECONDS_MAX: u64 = 3_600;

/// Most operations of a load.
const OPERATIONS_MAX: u64 = 10_000_000_000;

/// Arguments of `cargo xtask load`.
#[derive(clap::Args, Clone, Debug)]
pub struct LoadArgs {
    #[allow(rustdoc::broken_intra_doc_links, reason = "the help has an address in brackets")]
    /// The server: 127.0.0.1:PORT, [::1]:PORT or unix:/path
    #[arg(long)]
    pub to: Address,
    /// The incident to reproduce
    #[arg(long, value_enum, default_value = "flash-sale")]
    pub scenario: Scenario,
    /// Connections, each with a thread
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=256))]
    pub connections: u64,
    /// Maximum number of requests in flight on each connection
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=4096))]
    pub pipeline: u16,
    /// Stop after this many seconds [default: 10, or 600 with --operations]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=SECONDS_MAX))]
    pub seconds: Option<u64>,
    /// Stop after this many operations
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=OPERATIONS_MAX))]
    pub operations: Option<u64>,
    /// Operations per second over all connections [default: as many as the server answers]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    pub rate: Option<u64>,
    /// Makes the keys and their order reproducible
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Do not store anything before the load; reads miss until a key is stored
    #[arg(long)]
    pub no_preparation: bool,
}

impl LoadArgs {
    /// A load at full speed with the defaults of the command line.
    #[must_use]
    pub const fn new(to: Address, scenario: Scenario, seconds: u64) -> Self {
        Self {
            to,
            scenario,
            connections: 4,
            pipeline: 32,
            seconds: Some(seconds),
            operations: None,
            rate: None,
            seed: 1,
            no_preparation: false,
        }
    }

    fn duration(&self) -> Duration {
        let default = if self.operations.is_some() { 600 } else { 10 };
        Duration::from_secs(self.seconds.unwrap_or(default).min(SECONDS_MAX))
    }

    /// The share of connection `connection` in the operations to do.
    fn share(&self, connection: u64) -> u64 {
        let operations = self.operations.unwrap_or(OPERATIONS_MAX).min(OPERATIONS_MAX);
        operations / self.connections + u64::from(connection < operations % self.connections)
    }
}

/// A running load; dropping it stops the load.
#[derive(Debug)]
pub struct Load {
    args: LoadArgs,
    prepared: u64,
    started: Instant,
    stop: Arc<AtomicBool>,
    workers: Vec<JoinHandle<Result<Tally>>>,
}

impl Load {
    /// Stores what the scenario reads, then starts the connections.
    ///
    /// # Errors
    /// When the server cannot be reached or refuses the preparation, or xtask was interrupted during it.
    pub fn start(args: LoadArgs) -> Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let mut prepared = 0;
        if !args.no_preparation {
            let (to, scenario, flag) = (args.to.clone(), args.scenario, Arc::clone(&stop));
            let preparation = thread::spawn(move || worker::prepare(&to, scenario, &flag));
            while !preparation.is_finished() {
                if interrupt::requested() {
                    stop.store(true, Ordering::Relaxed);
                }
                thread::sleep(Duration::from_millis(1));
            }
            prepared = worker::join(preparation).context("cannot prepare the load")?.total();
            interrupt::check()?;
        }
        let mut load = Self { args, prepared, started: Instant::now(), stop, workers: Vec::new() };
        for connection in 0..load.args.connections {
            let task = load.task(connection);
            let client = MemcachedClient::connect(&load.args.to)?;
            let stop = Arc::clone(&load.stop);
            let spawned = thread::Builder::new().name(format!("load-{connection}")).spawn(move || {
                worker::run(client, &task, &stop).inspect_err(|_| {
                    // A load with fewer connections is not the requested one, so the others stop too.
                    stop.store(true, Ordering::Relaxed);
                })
            });
            load.workers.push(spawned.context("cannot start a thread for a connection")?);
        }
        Ok(load)
    }

    fn task(&self, connection: u64) -> WorkerTask {
        let args = &self.args;
        WorkerTask {
            scenario: args.scenario,
            seed: args.seed,
            connection,
            pipeline: usize::from(args.pipeline),
            operations: args.share(connection),
            deadline: self.started + args.duration(),
            rate: args.rate.map(|rate| rate as f64 / args.connections as f64),
        }
    }

    /// Whether all connections have ended, successfully or after a failure.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.workers.iter().all(JoinHandle::is_finished)
    }

    /// Stops all connections after their outstanding answers.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Waits for the end of all connections and adds up what they did.
    ///
    /// # Errors
    /// The first failure of a connection.
    pub fn finish(mut self) -> Result<Summary> {
        let mut tally = Tally::default();
        let mut outcome = Ok(());
        for worker in std::mem::take(&mut self.workers) {
            match worker::join(worker) {
                Ok(counts) => tally.add(&counts),
                Err(error) => outcome = outcome.and(Err(error)),
            }
        }
        outcome?;
        let seconds = self.started.elapsed().as_secs_f64();
        let args = &self.args;
        let ended_by = if args.operations == Some(tally.total()) {
            LoadEnd::Operations
        } else if self.stop.load(Ordering::Relaxed) {
            LoadEnd::Stop
        } else {
            LoadEnd::Seconds
        };
        Ok(Summary {
            scenario: args.scenario.name(),
            to: args.to.to_string(),
            seed: args.seed,
            connections: args.connections,
            pipeline: usize::from(args.pipeline),
            prepared: self.prepared,
            total: tally.total(),
            tally,
            seconds,
            per_second: tally.total() as f64 / seconds,
            ended_by,
        })
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop();
        for worker in self.workers.drain(..) {
            // The result of a dropped load is of no interest.
            let _ = worker.join();
        }
    }
}

/// Runs the load and prints its summary as JSON.
pub fn run(args: &LoadArgs) -> Result<ExitCode> {
    let load = Load::start(args.clone())?;
    while !load.is_finished() {
        if interrupt::requested() {
            load.stop();
        }
        thread::sleep(interrupt::POLL);
    }
    println!("{}", serde_json::to_string_pretty(&load.finish()?)?);
    Ok(if interrupt::requested() { ExitCode::from(interrupt::EXIT_CODE) } else { ExitCode::SUCCESS })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::Server;

    #[test]
    fn operations_are_shared_out_exactly() {
        let mut args = LoadArgs::new(Address::Unix("x".into()), Scenario::Uniform, 1);
        for (operations, connections) in [(10, 4), (3, 4), (1_000_001, 7)] {
            args.operations = Some(operations);
            args.connections = connections;
            assert_eq!((0..connections).map(|connection| args.share(connection)).sum::<u64>(), operations);
        }
    }

    #[test]
    #[ignore = "needs memcached"]
    fn what_a_load_reports_is_what_the_server_counted() {
        let server = Server::start(&[]);
        let mut args = LoadArgs::new(Address::Tcp(server.address()), Scenario::FlashSale, 60);
        args.operations = Some(20_000);
        let summary = Load::start(args).unwrap().finish().unwrap();
        assert_eq!((summary.total, summary.ended_by), (20_000, LoadEnd::Operations));
        let stats = server.stats();
        let tally = summary.tally;
        assert_eq!(stats["cmd_get"], tally.operations.gets);
        assert_eq!((stats["get_hits"], stats["get_misses"]), (tally.hits, tally.misses));
        assert_eq!(stats["cmd_set"], tally.operations.set + summary.prepared);
        assert_eq!((stats["delete_hits"], stats["delete_misses"]), (tally.delete_hits, tally.delete_misses));
    }

    #[test]
    #[ignore = "needs memcached"]
    fn a_server_that_dies_ends_the_load_with_an_error() {
        let server = Server::start(&[]);
        let load = Load::start(LoadArgs::new(Address::Tcp(server.address()), Scenario::FlashSale, 60)).unwrap();
        drop(server);
        let error = format!("{:#}", load.finish().unwrap_err());
        assert!(error.contains("the server"), "{error}");
    }
}
