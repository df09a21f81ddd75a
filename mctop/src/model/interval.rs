//! What one drained epoch, live or recorded, brings to the model.

use std::time::Duration;

use super::cost::Cost;
use super::counts::Counts;
use super::key::Key;
use super::outcomes::Outcomes;
use super::snapshot::{Loss, TargetInfo, Ttl};

/// What was counted for one key in one interval.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// The key's bytes.
    pub key: Key,
    /// Index of the server.
    pub target: u32,
    /// Operations and bytes.
    pub counts: Counts,
    /// Value bytes of the item last seen.
    pub size: Option<u32>,
    /// Its remaining lifetime at the end of the interval.
    pub ttl: Ttl,
    /// What became of its items, where that is watched. A record may be there for this alone.
    pub outcomes: Outcomes,
}

/// What was counted under keys that are not among the records, because a capture was asked to keep only so many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Others {
    /// How many keys.
    pub keys: u64,
    /// Their operations and bytes.
    pub counts: Counts,
}

/// A server that is watched no longer, or from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The process of a server has exited.
    Exited {
        /// Index of the server.
        target: u32,
        /// When this was noticed, since the start of the observation.
        at: Duration,
    },
    /// A process is watched: that of a new server, or the one that took the place of a server's process that had exited.
    Attached {
        /// Index of the server: one that is known, or the next.
        target: u32,
        /// Since when, as above.
        at: Duration,
        /// The server as it is now.
        info: TargetInfo,
    },
    /// A server has started that cannot be watched.
    Refused {
        /// Why, in a sentence that names its process.
        reason: String,
    },
    /// What is attached to a server is no longer what it was.
    Reprobed {
        /// Index of the server.
        target: u32,
        /// The server as it is now.
        info: TargetInfo,
    },
    /// Less is watched from now on, or again more, to keep within a budget.
    Budget {
        /// What and why, in a sentence.
        note: String,
    },
}

/// One interval: what happened between two flips of the epoch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Interval {
    /// Begin, since the start of the observation.
    pub start: Duration,
    /// End, likewise.
    pub end: Duration,
    /// All operations, counted independently of the records.
    pub total: Counts,
    /// What of it is in no record, and what went wrong. Exactly: `total = Σ records + others + untracked`.
    pub loss: Loss,
    /// The keys.
    pub records: Vec<Record>,
    /// The keys that a capture left out; none in a live observation.
    pub others: Others,
    /// Servers that came and went, in order.
    pub changes: Vec<Change>,
    /// What became of items, those of keys in no record included, where that is watched.
    pub outcomes: Outcomes,
    /// Whether nothing was watched in it, to keep within a budget: then its counts are what was counted in the last interval that
    /// was, in proportion to their lengths.
    pub extrapolated: bool,
    /// What the probes took; none where that was not measured.
    pub cost: Option<Cost>,
}

impl Interval {
    /// How long it is.
    #[must_use]
    pub const fn length(&self) -> Duration {
        self.end.saturating_sub(self.start)
    }

    /// Calls and bytes in the totals that neither a record, the others nor the untracked counts explain: 0 unless counting is broken.
    #[must_use]
    pub fn unexplained(&self) -> (i128, i128) {
        let (mut calls, mut bytes) = (i128::from(self.total.calls()), i128::from(self.total.bytes()));
        for counts in self.records.iter().map(|record| &record.counts).chain([&self.others.counts]) {
            calls -= i128::from(counts.calls());
            bytes -= i128::from(counts.bytes());
        }
        (calls - i128::from(self.loss.untracked_calls), bytes - i128::from(self.loss.untracked_bytes))
    }
}
