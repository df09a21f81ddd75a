//! What a load did, as counted from the server's answers.

use serde::Serialize;

/// Operations by verb.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Verbs {
    /// `get`.
    pub get: u64,
    /// `gets`.
    pub gets: u64,
    /// `set`.
    pub set: u64,
    /// `delete`.
    pub delete: u64,
}

/// Counts of answered operations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// By verb.
    pub operations: Verbs,
    /// Reads that found the key.
    pub hits: u64,
    /// Reads that did not.
    pub misses: u64,
    /// Deletes that found the key.
    pub delete_hits: u64,
    /// Deletes that did not.
    pub delete_misses: u64,
    /// Value bytes received.
    pub bytes_read: u64,
    /// Value bytes stored.
    pub bytes_written: u64,
}

impl Tally {
    /// All operations.
    #[must_use]
    pub const fn total(&self) -> u64 {
        let Verbs { get, gets, set, delete } = self.operations;
        get + gets + set + delete
    }

    /// Adds another connection's counts.
    pub const fn add(&mut self, other: &Self) {
        self.operations.get += other.operations.get;
        self.operations.gets += other.operations.gets;
        self.operations.set += other.operations.set;
        self.operations.delete += other.operations.delete;
        self.hits += other.hits;
        self.misses += other.misses;
        self.delete_hits += other.delete_hits;
        self.delete_misses += other.delete_misses;
        self.bytes_read += other.bytes_read;
        self.bytes_written += other.bytes_written;
    }
}

/// Why a load ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LoadEnd {
    /// All operations were done.
    Operations,
    /// The time limit was reached.
    Seconds,
    /// It was stopped.
    Stop,
}

/// The final report of a load.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// Name of the scenario.
    pub scenario: String,
    /// The server.
    pub to: String,
    /// Seed.
    pub seed: u64,
    /// Connections, each with a thread.
    pub connections: u64,
    /// Maximum number of requests in flight on each.
    pub pipeline: usize,
    /// Stores before the load started; not in the counts below.
    pub prepared: u64,
    /// Operations of all verbs.
    pub total: u64,
    /// The counts.
    #[serde(flatten)]
    pub tally: Tally,
    /// How long the load ran, without the preparation.
    pub seconds: f64,
    /// Operations per second.
    pub per_second: f64,
    /// Why it ended.
    pub ended_by: LoadEnd,
}
