//! What an observation does not tell by key, or not in full.

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

/// What was not counted under a key, or not counted in full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Loss {
    /// Operations in the totals that belong to no row: table full, key unreadable, key forgotten.
    pub untracked_calls: u64,
    /// Their value bytes.
    pub untracked_bytes: u64,
    /// Reads of the server's memory that failed, and requests and lookups that there was no room by thread to remember.
    pub read_faults: u64,
    /// Keys whose length was outside 1 to 250.
    pub truncated_keys: u64,
    /// Intervals in which the kernel's table of keys was full.
    pub full_intervals: u64,
    /// Intervals so long (mctop was stopped) that counts may have wrapped.
    pub overlong_intervals: u64,
    /// Keys that user space forgot for want of memory; their operations are untracked.
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
    /// Every kind of loss, in the order of the fields; the compiler misses a new one here.
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
