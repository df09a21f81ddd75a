//! A stream of reads fast enough to saturate a server, over millions of keys, with an exact count of each.
//!
//! The scenarios of `cargo xtask load` reproduce incidents and check every answer in full; this one is for measuring: keys
//! are numbers, requests are written without formatting, and only the kind of an answer is checked.

mod answers;
mod draw;
mod key;

use std::io::{BufReader, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::time::{ClockId, clock_gettime};

use super::address::{Address, Stream};
pub use answers::Answers;
use draw::Draw;
pub use draw::{HotNewcomer, Scan, Shape};
pub use key::{KEY_LEN, number_of, write_key};

/// Longest sleep between checks of the stop flag.
const NAP: Duration = Duration::from_millis(5);

/// Bytes of each value that [`store`] stores.
pub const VALUE_LEN: usize = 32;

/// What to send.
#[derive(Clone, Debug)]
pub struct LoadPlan {
    /// The server.
    pub to: Address,
    /// Connections, each with a thread.
    pub connections: u32,
    /// Keys requested before answers are read.
    pub in_flight: u32,
    /// Keys in one `get`.
    pub keys_per_get: u32,
    /// Distribution of the keys.
    pub shape: Shape,
    /// Stop after this many keys.
    pub operations: Option<u64>,
    /// Stop after this time.
    pub time: Duration,
    /// Keys per second over all connections; `None` for as many as the server answers.
    pub rate: Option<f64>,
    /// Makes the keys and their order reproducible.
    pub seed: u64,
}

/// The result of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Done {
    /// Keys requested and answered.
    pub operations: u64,
    /// Those found.
    pub hits: u64,
    /// `get` requests.
    pub requests: u64,
    /// How long it took.
    pub seconds: f64,
    /// CPU time of the sending threads, seconds.
    pub cpu_seconds: f64,
}

/// A running stream; dropping it stops the stream.
#[derive(Debug)]
pub struct Drive {
    counts: Arc<[AtomicU32]>,
    started: Instant,
    stop: Arc<AtomicBool>,
    workers: Vec<JoinHandle<Result<Done>>>,
}

impl Drive {
    /// Connects and starts.
    pub fn start(plan: &LoadPlan) -> Result<Self> {
        let counts: Arc<[AtomicU32]> = (0..plan.shape.population()).map(|_| AtomicU32::new(0)).collect();
        let stop = Arc::new(AtomicBool::new(false));
        let mut drive = Self { counts, started: Instant::now(), stop, workers: Vec::new() };
        let streams = (0..plan.connections).map(|_| Stream::connect(&plan.to)).collect::<Result<Vec<_>, _>>();
        let streams = streams.with_context(|| format!("cannot connect to {}", plan.to))?;
        drive.started = Instant::now();
        for (number, stream) in (0..).zip(streams) {
            let worker = Worker {
                draw: Draw::new(&plan.shape, plan.seed, number, plan.connections)?,
                plan: plan.clone(),
                number,
                stream,
                counts: Arc::clone(&drive.counts),
                stop: Arc::clone(&drive.stop),
                started: drive.started,
            };
            let spawned = thread::Builder::new().name(format!("stream-{number}")).spawn(move || worker.run());
            drive.workers.push(spawned.context("cannot start a thread for a connection")?);
        }
        Ok(drive)
    }

    /// Whether all connections have ended.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.workers.iter().all(JoinHandle::is_finished)
    }

    /// When the stream started.
    #[must_use]
    pub const fn started_at(&self) -> Instant {
        self.started
    }

    /// Stops all connections after their outstanding answers.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Waits for the end and returns the result and the number of requests for each key.
    ///
    /// # Errors
    /// The first failure of a connection.
    pub fn finish(mut self) -> Result<(Done, Arc<[AtomicU32]>)> {
        let mut done = Done::default();
        for worker in std::mem::take(&mut self.workers) {
            let part = worker.join().ok().context("a connection's thread panicked")??;
            done.operations += part.operations;
            done.hits += part.hits;
            done.requests += part.requests;
            done.cpu_seconds += part.cpu_seconds;
        }
        done.seconds = self.started.elapsed().as_secs_f64();
        Ok((done, Arc::clone(&self.counts)))
    }
}

impl Drop for Drive {
    fn drop(&mut self) {
        self.stop();
        for worker in self.workers.drain(..) {
            // The result of a dropped stream is of no interest.
            let _ = worker.join();
        }
    }
}

struct Worker {
    plan: LoadPlan,
    number: u32,
    draw: Draw,
    stream: Stream,
    counts: Arc<[AtomicU32]>,
    stop: Arc<AtomicBool>,
    started: Instant,
}

impl Worker {
    fn run(mut self) -> Result<Done> {
        let connections = u64::from(self.plan.connections);
        let operations = self.plan.operations.map_or(u64::MAX, |operations| {
            operations / connections + u64::from(u64::from(self.number) < operations % connections)
        });
        let pace = self.plan.rate.map(|rate| rate / connections as f64);
        let mut done = Done::default();
        let mut answers = Answers::default();
        let mut request = Vec::new();
        while done.operations < operations
            && self.started.elapsed() < self.plan.time
            && !self.stop.load(Ordering::Relaxed)
        {
            let keys = u64::from(self.plan.in_flight.max(1)).min(operations - done.operations);
            request.clear();
            let requests = self.write(keys, &mut request);
            self.stream.write_all(&request).context("cannot send to the server")?;
            done.hits += answers.read(&mut self.stream, requests)?;
            done.operations += keys;
            done.requests += requests;
            if let Some(pace) = pace {
                let due = self.started + Duration::from_secs_f64(done.operations as f64 / pace);
                self.sleep_until(due);
            }
        }
        let cpu = clock_gettime(ClockId::ThreadCPUTime);
        done.cpu_seconds = cpu.tv_sec as f64 + cpu.tv_nsec as f64 / 1e9;
        Ok(done)
    }

    /// Adds requests for a number of keys and counts the keys; returns the number of requests.
    fn write(&mut self, keys: u64, request: &mut Vec<u8>) -> u64 {
        let since = self.started.elapsed();
        let per_get = u64::from(self.plan.keys_per_get.max(1));
        let mut requests = 0;
        for number in 0..keys {
            if number % per_get == 0 {
                if number > 0 {
                    request.extend_from_slice(b"\r\n");
                }
                request.extend_from_slice(b"get");
                requests += 1;
            }
            request.push(b' ');
            let key = self.draw.next(since);
            write_key(key, request);
            if let Some(count) = self.counts.get(key as usize) {
                count.fetch_add(1, Ordering::Relaxed);
            }
        }
        request.extend_from_slice(b"\r\n");
        requests
    }

    fn sleep_until(&self, due: Instant) {
        loop {
            let left = due.saturating_duration_since(Instant::now());
            if left.is_zero() || self.stop.load(Ordering::Relaxed) || self.started.elapsed() >= self.plan.time {
                return;
            }
            thread::sleep(left.min(NAP));
        }
    }
}

/// Stores the keys with numbers below `keys`, each with a value of [`VALUE_LEN`] bytes.
pub fn store(to: &Address, keys: u32) -> Result<()> {
    /// Stores in flight.
    const BATCH: u32 = 200;
    let stream = Stream::connect(to).with_context(|| format!("cannot connect to {to}"))?;
    let mut stream = BufReader::new(stream);
    let mut request = Vec::new();
    let mut next = 0;
    while next < keys {
        request.clear();
        let end = keys.min(next + BATCH);
        for key in next..end {
            request.extend_from_slice(b"set ");
            write_key(key, &mut request);
            request.extend_from_slice(format!(" 0 0 {VALUE_LEN}\r\n").as_bytes());
            request.resize(request.len() + VALUE_LEN, b'v');
            request.extend_from_slice(b"\r\n");
        }
        stream.get_mut().write_all(&request).context("cannot send to the server")?;
        Answers::read_stored(&mut stream, u64::from(end - next))?;
        next = end;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::zipf::Skew;
    use crate::server::Server;

    #[test]
    #[ignore = "needs memcached"]
    fn what_was_sent_is_what_the_server_counted() {
        let server = Server::start(&[]);
        let to = Address::Tcp(server.address());
        store(&to, 50).unwrap();
        let plan = LoadPlan {
            to,
            connections: 3,
            in_flight: 40,
            keys_per_get: 7,
            shape: Shape::of(Skew::Uniform, 100),
            operations: Some(10_001),
            time: Duration::from_secs(60),
            rate: None,
            seed: 1,
        };
        let (done, counts) = Drive::start(&plan).unwrap().finish().unwrap();
        let stats = server.stats();
        assert_eq!(done.operations, 10_001);
        assert_eq!((stats["cmd_get"], stats["get_hits"]), (done.operations, done.hits));
        assert_eq!(counts.iter().map(|count| u64::from(count.load(Ordering::Relaxed))).sum::<u64>(), 10_001);
        let hits: u64 = counts.iter().take(50).map(|count| u64::from(count.load(Ordering::Relaxed))).sum();
        assert_eq!(done.hits, hits);
    }
}
