//! A client that times its requests.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::load::address::{Address, Stream};
use crate::load::stream::{Answers, write_key};

/// Time between requests.
const PERIOD: Duration = Duration::from_micros(500);

/// When a request was due, and how long its answer took.
pub type LatencySample = (Instant, Duration);

/// A connection with its thread; dropping it stops the thread.
#[derive(Debug)]
pub struct ClientThread {
    stop: Arc<AtomicBool>,
    worker: Option<JoinHandle<Result<Vec<LatencySample>>>>,
}

impl ClientThread {
    /// Connects and starts to request one key after the other.
    pub fn start(to: &Address, keys: u32) -> Result<Self> {
        let stream = Stream::connect(to).with_context(|| format!("cannot connect to {to}"))?;
        let stop = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&stop);
        let worker = thread::Builder::new().name("client".into()).spawn(move || run(stream, keys, &flag));
        Ok(Self { stop, worker: Some(worker.context("cannot start a thread")?) })
    }

    /// Stops the client and returns its samples.
    pub fn end(mut self) -> Result<Vec<LatencySample>> {
        self.stop.store(true, Ordering::Relaxed);
        let worker = self.worker.take().context("a client ends only once")?;
        worker.join().ok().context("the client's thread panicked")?
    }
}

impl Drop for ClientThread {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn run(mut stream: Stream, keys: u32, stop: &AtomicBool) -> Result<Vec<LatencySample>> {
    let mut samples = Vec::new();
    let mut answers = Answers::default();
    let mut request = Vec::new();
    let mut due = Instant::now();
    for key in (0..keys).cycle() {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let early = due.saturating_duration_since(Instant::now());
        // A request that a late answer delayed is timed from when it was due; one that was delayed because this thread woke
        // late is not.
        let from = if early.is_zero() {
            due
        } else {
            thread::sleep(early);
            Instant::now()
        };
        request.clear();
        request.extend_from_slice(b"get ");
        write_key(key, &mut request);
        request.extend_from_slice(b"\r\n");
        stream.write_all(&request).context("cannot send to the server")?;
        answers.read(&mut stream, 1)?;
        let now = Instant::now();
        samples.push((from, now - from));
        // After a late wakeup, the next request is not due immediately.
        due = if early.is_zero() { due + PERIOD } else { from + PERIOD };
    }
    Ok(samples)
}
