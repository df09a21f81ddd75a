//! What an observation missed: times, and operations that it did not count by key, or not completely.

use std::ops::AddAssign;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A time in which a server was not watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Index of the server.
    pub target: u32,
    /// Process ID of the exited process; `None` if the server appeared after the start.
    pub exited_pid: Option<u32>,
    /// Start, since the start of the observation.
    pub from: Duration,
    /// End, since the start of the observation; `None` while it lasts.
    pub to: Option<Duration>,
    /// Process ID of the process watched after the gap. It may have been replaced since.
    pub new_pid: Option<u32>,
}

/// What was not counted under a key, or not completely.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Loss {
    /// Operations in the totals that are in no row: the table was full, or the key was unreadable or forgotten.
    pub untracked_calls: u64,
    /// Their value bytes.
    pub untracked_bytes: u64,
    /// Failed reads of the server's memory, and requests and lookups that did not fit into a per-thread table.
    pub read_faults: u64,
    /// Keys whose length was outside 1 to 250.
    pub truncated_keys: u64,
    /// Intervals in which the eBPF table of keys was full.
    pub full_intervals: u64,
    /// Intervals so long that counters may have wrapped, as when mctop was stopped.
    pub overlong_intervals: u64,
    /// Keys that user space forgot to stay within its memory limit; their operations are untracked.
    pub forgotten_keys: u64,
}

impl AddAssign<&Loss> for Loss {
    fn add_assign(&mut self, other: &Loss) {
        self.untracked_calls += other.untracked_calls;
        self.untracked_bytes += other.untracked_bytes;
        self.read_faults += other.read_faults;
        self.truncated_keys += other.truncated_keys;
        self.full_intervals += other.full_intervals;
        self.overlong_intervals += other.overlong_intervals;
        self.forgotten_keys += other.forgotten_keys;
    }
}

impl Loss {
    /// Every kind of loss, in the order of the fields. A new field does not compile until it is added here.
    #[must_use]
    pub const fn kinds(&self) -> [u64; 7] {
        let Self {
            untracked_calls,
            untracked_bytes,
            read_faults,
            truncated_keys,
            full_intervals,
            overlong_intervals,
            forgotten_keys,
        } = *self;
        [
            untracked_calls,
            untracked_bytes,
            read_faults,
            truncated_keys,
            full_intervals,
            overlong_intervals,
            forgotten_keys,
        ]
    }

    /// Whether anything was lost.
    #[must_use]
    pub fn any(&self) -> bool {
        *self != Self::default()
    }
}
