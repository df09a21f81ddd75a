//! What an observation missed: periods not watched, and operations not, or only partly, counted by key.

use std::time::Duration;

use super::counters::counters;

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

counters! {
    /// What was not counted under a key, or not completely.
    pub struct Loss {
        /// Operations in the totals that are in no row: the table was full, or the key was unreadable or forgotten.
        untracked_calls,
        /// Their value bytes.
        untracked_bytes,
        /// Failed reads of the server's memory, and requests and lookups that did not fit into a per-thread table.
        read_faults,
        /// Keys whose length was outside 1 to 250.
        truncated_keys,
        /// Intervals in which the eBPF table of keys was full.
        full_intervals,
        /// Intervals so long that counters may have wrapped, as when mctop was stopped.
        overlong_intervals,
        /// Keys that user space forgot to stay within its memory limit; their operations are untracked.
        forgotten_keys,
    }
}
