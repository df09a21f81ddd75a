//! What a source observes in each interval.

use std::time::Duration;

use super::cost::Cost;
use super::counts::Counts;
use super::key::Key;
use super::outcomes::Outcomes;
use super::snapshot::{Loss, TargetInfo, Ttl};

/// A copy of what was counted for one key in one interval.
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
    /// The item's TTL at the end of the interval.
    pub ttl: Ttl,
    /// What happened to its items, if that is watched. A record may exist for this alone.
    pub outcomes: Outcomes,
}

/// Counts of keys that are not among the records, because the number of keys in the capture was limited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Others {
    /// Number of keys.
    pub keys: u64,
    /// Their operations and bytes.
    pub counts: Counts,
}

/// A change of the watched servers, or of what is watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The process of a server has exited.
    Exited {
        /// Index of the server.
        target: u32,
        /// When this was noticed, since the start of the observation.
        at: Duration,
    },
    /// A process is now watched: that of a new server, or the one that replaced an exited process.
    Attached {
        /// Index of the server: an existing one, or the next index.
        target: u32,
        /// Since when it is watched, since the start of the observation.
        at: Duration,
        /// The server as it is now.
        info: TargetInfo,
    },
    /// A server started that cannot be watched.
    Refused {
        /// Why, in a sentence that names its process.
        reason: String,
    },
    /// The probes of a server have changed.
    Reprobed {
        /// Index of the server.
        target: u32,
        /// The server as it is now.
        info: TargetInfo,
    },
    /// Less is watched, or more again, to stay within the budget.
    Budget {
        /// What changed and why, in a sentence.
        note: String,
    },
}

impl Change {
    /// The text of a change that only says something.
    #[must_use]
    pub fn note(&self) -> Option<&str> {
        match self {
            Self::Refused { reason: note } | Self::Budget { note } => Some(note),
            Self::Exited { .. } | Self::Attached { .. } | Self::Reprobed { .. } => None,
        }
    }
}

/// What concerns an interval as a whole. What was counted for each of its keys goes to a
/// [`SampleConsumer`](super::key_sample::SampleConsumer).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Interval {
    /// Start, since the start of the observation.
    pub start: Duration,
    /// End, since the start of the observation.
    pub end: Duration,
    /// All operations, counted independently of the keys.
    pub total: Counts,
    /// What was lost. Always `total = Σ keys + others + untracked`.
    pub loss: Loss,
    /// Keys that a capture left out; none in a live observation.
    pub others: Others,
    /// Changes of servers and probes, in order of time.
    pub changes: Vec<Change>,
    /// What happened to items, including those of untracked keys, if that is watched.
    pub outcomes: Outcomes,
    /// Whether nothing was watched in it, to stay within the budget. Its counts are then extrapolated from the last watched
    /// interval.
    pub extrapolated: bool,
    /// What the probes cost; `None` if that was not measured.
    pub cost: Option<Cost>,
}

impl Interval {
    /// Length of the interval.
    #[must_use]
    pub const fn length(&self) -> Duration {
        self.end.saturating_sub(self.start)
    }

    /// The interval together with copies of its key samples.
    #[must_use]
    pub const fn with(self, records: Vec<Record>) -> RecordedInterval {
        RecordedInterval { interval: self, records }
    }
}

/// An interval together with copies of its key samples: what a capture file holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RecordedInterval {
    /// What concerns the interval as a whole.
    pub interval: Interval,
    /// What was counted for each key.
    pub records: Vec<Record>,
}

impl RecordedInterval {
    /// Calls and bytes of the total that are missing from records, others and untracked counts: (0, 0) unless there is a bug.
    #[must_use]
    pub fn unexplained(&self) -> (i128, i128) {
        let Interval { total, others, loss, .. } = &self.interval;
        let (mut calls, mut bytes) = (i128::from(total.calls()), i128::from(total.bytes()));
        for counts in self.records.iter().map(|record| &record.counts).chain([&others.counts]) {
            calls -= i128::from(counts.calls());
            bytes -= i128::from(counts.bytes());
        }
        (calls - i128::from(loss.untracked_calls), bytes - i128::from(loss.untracked_bytes))
    }
}
