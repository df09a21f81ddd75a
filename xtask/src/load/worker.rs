//! One connection of a load: batches of pipelined requests, each answered before the next is sent.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::address::Address;
use super::protocol::{MemcachedClient, Operation, Reply, Verb};
use super::scenario::{Generator, REFRESH_SECONDS, Scenario};
use super::summary::Tally;

/// Most request bytes sent before answers are read. They fit into any socket's buffers, so that client and server never
/// block each other with full buffers in both directions; a single larger request is sent when no answer is outstanding.
const BATCH_BYTES: usize = 16 * 1024;

/// Longest sleep between checks of the stop flag.
const NAP: Duration = Duration::from_millis(20);

/// At a limited rate, requests are sent in groups of about this time's worth.
const PACE: Duration = Duration::from_millis(10);

/// The task of one connection.
#[derive(Clone, Debug)]
pub struct WorkerTask {
    /// What to send.
    pub scenario: Scenario,
    /// Seed of the load.
    pub seed: u64,
    /// Number of this connection.
    pub connection: u64,
    /// Maximum number of requests in flight.
    pub pipeline: usize,
    /// Operations to do.
    pub operations: u64,
    /// Deadline.
    pub deadline: Instant,
    /// Operations per second, if limited.
    pub rate: Option<f64>,
}

/// Stores what the scenario expects to find.
pub fn prepare(address: &Address, scenario: Scenario, stop: &AtomicBool) -> Result<Tally> {
    let mut client = MemcachedClient::connect(address)?;
    let mut tally = Tally::default();
    let mut stores = scenario.preparation().peekable();
    let mut batch = Vec::new();
    while stores.peek().is_some() && !stop.load(Ordering::Relaxed) {
        let mut bytes = 0;
        batch.clear();
        while let Some(store) = stores.next_if(|store| batch.is_empty() || bytes + store.wire_len() <= BATCH_BYTES) {
            bytes += store.wire_len();
            batch.push(store);
        }
        exchange(&mut client, &batch, &mut tally)?;
    }
    Ok(tally)
}

/// Runs one connection to its end.
pub fn run(mut client: MemcachedClient, task: &WorkerTask, stop: &AtomicBool) -> Result<Tally> {
    let mut generator = Generator::new(task.scenario, task.seed, task.connection)?;
    let mut tally = Tally::default();
    let mut batch = Batch::new(task.pipeline);
    let started = Instant::now();
    let mut refreshed = started;
    while tally.total() < task.operations && Instant::now() < task.deadline && !stop.load(Ordering::Relaxed) {
        // One connection refreshes expiring keys, because a slow load may not store them in time.
        if task.connection == 0 && refreshed.elapsed() > Duration::from_secs(REFRESH_SECONDS) {
            refreshed = Instant::now();
            for store in task.scenario.refresh().take(room(task, &tally)) {
                exchange(&mut client, std::slice::from_ref(&store), &mut tally)?;
            }
        }
        let group = task.rate.map_or(task.pipeline, |rate| (rate * PACE.as_secs_f64()) as usize);
        let operations = batch.fill(&mut generator, group.clamp(1, task.pipeline).min(room(task, &tally)));
        exchange(&mut client, operations, &mut tally)?;
        if let Some(rate) = task.rate {
            let due = started + Duration::from_secs_f64(tally.total() as f64 / rate);
            sleep_until(due.min(task.deadline), stop);
        }
    }
    Ok(tally)
}

/// Operations left to do.
fn room(task: &WorkerTask, tally: &Tally) -> usize {
    usize::try_from(task.operations - tally.total()).unwrap_or(usize::MAX)
}

fn sleep_until(due: Instant, stop: &AtomicBool) {
    loop {
        let left = due.saturating_duration_since(Instant::now());
        if left.is_zero() || stop.load(Ordering::Relaxed) {
            return;
        }
        thread::sleep(left.min(NAP));
    }
}

/// Sends operations and reads their answers.
fn exchange(client: &mut MemcachedClient, operations: &[Operation], tally: &mut Tally) -> Result<()> {
    for operation in operations {
        client.queue(operation);
    }
    client.send()?;
    for operation in operations {
        let reply = client.reply(operation)?;
        tally.count(operation, reply);
    }
    Ok(())
}

/// Slots for the operations in flight, reused so that a running load does not allocate.
struct Batch {
    slots: Vec<Operation>,
    /// Set when the first slot holds an operation that was drawn but did not fit.
    left_over: Option<usize>,
}

impl Batch {
    fn new(pipeline: usize) -> Self {
        // One more than are sent: the operation that no longer fits into a batch has been drawn already.
        Self { slots: vec![Operation::empty(); pipeline + 1], left_over: None }
    }

    /// Draws up to `count` operations, at least one, fewer when they are large.
    fn fill(&mut self, generator: &mut Generator, count: usize) -> &[Operation] {
        let mut filled = 0;
        let mut bytes = 0;
        if let Some(slot) = self.left_over.take() {
            self.slots.swap(0, slot);
            bytes = self.slots.first().map_or(0, Operation::wire_len);
            filled = 1;
        }
        while filled < count.max(1) {
            let Some(slot) = self.slots.get_mut(filled) else { break };
            generator.next(slot);
            bytes += slot.wire_len();
            if filled > 0 && bytes > BATCH_BYTES {
                self.left_over = Some(filled);
                break;
            }
            filled += 1;
        }
        &self.slots[..filled]
    }
}

impl Tally {
    /// Counts one answered operation.
    fn count(&mut self, operation: &Operation, reply: Reply) {
        let value = operation.value_len as u64;
        match operation.verb {
            Verb::Get => self.operations.get += 1,
            Verb::Gets => self.operations.gets += 1,
            Verb::Set => self.operations.set += 1,
            Verb::Delete => self.operations.delete += 1,
        }
        match reply {
            Reply::Hit => {
                self.hits += 1;
                self.bytes_read += value;
            }
            Reply::Miss => self.misses += 1,
            Reply::Stored => self.bytes_written += value,
            Reply::Deleted => self.delete_hits += 1,
            Reply::NotFound => self.delete_misses += 1,
        }
    }
}

/// Waits for a worker thread.
///
/// # Errors
/// Its own, or that it panicked.
pub fn join(handle: thread::JoinHandle<Result<Tally>>) -> Result<Tally> {
    handle.join().ok().context("a connection's thread panicked")?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_neither_lose_nor_reorder_operations_and_stay_small() {
        for scenario in [Scenario::FlashSale, Scenario::BigValue, Scenario::Uniform] {
            let mut batched = Vec::new();
            let (mut generator, mut batch) = (Generator::new(scenario, 3, 0).unwrap(), Batch::new(64));
            while batched.len() < 5_000 {
                let filled = batch.fill(&mut generator, 64);
                assert!(!filled.is_empty() && filled.len() <= 64);
                let bytes: usize = filled.iter().map(Operation::wire_len).sum();
                assert!(filled.len() == 1 || bytes <= BATCH_BYTES);
                batched.extend_from_slice(filled);
            }
            let mut generator = Generator::new(scenario, 3, 0).unwrap();
            for operation in &batched {
                let mut expected = Operation::empty();
                generator.next(&mut expected);
                assert_eq!(*operation, expected);
            }
        }
    }
}
