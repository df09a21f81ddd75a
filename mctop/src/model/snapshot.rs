//! The immutable picture that every screen and output is made from.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::cost::Cost;
use super::counts::Counts;
use super::estimate::Estimate;
use super::group::GroupId;
use super::history::{History, KeyId};
use super::key::Key;
pub use super::loss::Loss;
use super::outcomes::Outcomes;
use super::rows::Rows;
use crate::target::points::{FoundBy, ProbeKind, SiteKind};

/// Where the figures come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// Probes on servers that run now.
    #[default]
    Live,
    /// A capture file.
    Recorded {
        /// Its path as given.
        file: String,
    },
}

/// A probe as attached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeInfo {
    /// What it tells.
    pub name: ProbeKind,
    /// memcached's function.
    pub function: String,
    /// Offset in the file, bytes.
    pub offset: u64,
    /// How the function was found.
    pub found_by: FoundBy,
    /// The instruction, disassembled.
    #[serde(default)]
    pub instruction: String,
    /// Whether the kernel emulates the instruction instead of single-stepping it.
    #[serde(default)]
    pub emulated: bool,
    /// What kind of place it is; none in captures that do not tell.
    #[serde(default)]
    pub site: Option<SiteKind>,
}

/// A server that is watched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetInfo {
    /// Its process id as seen from here.
    pub pid: u32,
    /// Path of its binary, as it sees it.
    pub binary: String,
    /// memcached's version, where the binary tells.
    pub version: Option<String>,
    /// GNU build-id in hex.
    pub build_id: Option<String>,
    /// Addresses and paths it listens on.
    pub listen: Vec<String>,
    /// Runtime and id of its container, where it is in one: `docker 0123456789ab…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// Its systemd unit, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// What was attached.
    pub probes: Vec<ProbeInfo>,
    /// What is not seen of it and why, one sentence each.
    #[serde(default)]
    pub notes: Vec<String>,
}

/// A stretch of the observation in which a server was not watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Index of the server.
    pub target: u32,
    /// The process that had exited; none when the server appeared after the start.
    pub exited_pid: Option<u32>,
    /// Begin, since the start of the observation.
    pub from: Duration,
    /// End, likewise; none while it lasts.
    pub to: Option<Duration>,
    /// The process that is watched from then on; another may have taken its place since.
    pub new_pid: Option<u32>,
}

/// Remaining lifetime of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Ttl {
    /// No item of the key was seen.
    #[default]
    Unknown,
    /// Seconds left at the snapshot's time, 0 when it has run out.
    Seconds(u32),
    /// Never expires.
    Never,
}

/// From the least to the most of what the items of a group's keys differ in; keys of which no item was seen are left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spread {
    /// Value bytes; none where no item was seen.
    pub sizes: Option<(u32, u32)>,
    /// Remaining lifetimes; none where no item was seen, and never [`Ttl::Unknown`].
    pub ttls: Option<(Ttl, Ttl)>,
}

/// One key of one server, or a group of its keys.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The key's bytes, or the group's name.
    pub key: Key,
    /// Index into [`Snapshot::targets`].
    pub target: u32,
    /// How many keys it stands for: 1 for a key, more for a group.
    pub keys: u64,
    /// Since the start.
    pub total: Counts,
    /// In the last interval, [`Snapshot::interval`] long.
    pub last: Counts,
    /// In the sliding window, [`Snapshot::window`] long.
    pub recent: Counts,
    /// What became of its items since the start; known where [`Snapshot::watches`] says so.
    pub outcomes: Outcomes,
    /// Value bytes of the item last seen, without the trailing CRLF. Of a group only where all its items have the same.
    pub size: Option<u32>,
    /// Remaining lifetime of the item last seen. Of a group only where all its items have the same.
    pub ttl: Ttl,
    /// Of a group: what its items have instead of one size and lifetime. None for a key.
    pub spread: Option<Spread>,
    /// Smallest and largest of the sizes last seen in each interval, since the key is tracked.
    pub size_min: Option<u32>,
    /// See `size_min`.
    pub size_max: Option<u32>,
    /// Begin of the interval that the key was first seen in since it is tracked, since the start of the observation.
    pub first_seen: Duration,
    /// End of the interval it was last seen in, likewise.
    pub last_seen: Duration,
    /// At most so many operations of the key before `first_seen` were forgotten: it had at least `total.calls()` operations,
    /// and at most that and these. 0 means that none are missing.
    pub calls_error: u64,
    /// The same of its value bytes.
    pub bytes_error: u64,
    /// The key in [`Snapshot::history`].
    pub id: KeyId,
}

impl Row {
    /// A key of which nothing is known.
    #[must_use]
    pub fn new(key: Key, target: u32) -> Self {
        Self {
            key,
            target,
            keys: 1,
            total: Counts::default(),
            last: Counts::default(),
            recent: Counts::default(),
            outcomes: Outcomes::default(),
            size: None,
            ttl: Ttl::Unknown,
            spread: None,
            size_min: None,
            size_max: None,
            first_seen: Duration::ZERO,
            last_seen: Duration::ZERO,
            calls_error: 0,
            bytes_error: 0,
            id: KeyId::NONE,
        }
    }

    /// Whether it stands for several keys.
    #[must_use]
    pub const fn is_group(&self) -> bool {
        self.keys > 1
    }

    /// The smallest and the largest value size, bytes: the same for a key.
    #[must_use]
    pub fn sizes(&self) -> Option<(u32, u32)> {
        self.spread.map_or_else(|| self.size.map(|size| (size, size)), |spread| spread.sizes)
    }

    /// The shortest and the longest remaining lifetime, never [`Ttl::Unknown`]: the same for a key.
    #[must_use]
    pub fn ttls(&self) -> Option<(Ttl, Ttl)> {
        let own = || Some((self.ttl, self.ttl)).filter(|_| self.ttl != Ttl::Unknown);
        self.spread.map_or_else(own, |spread| spread.ttls)
    }
}

/// What the rows of a snapshot are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Level {
    /// All tracked keys.
    #[default]
    Keys,
    /// All tracked keys, those of a group in one row.
    Groups {
        /// The grouping as it was written.
        by: String,
    },
    /// The keys of one group only.
    Members {
        /// The grouping as it was written.
        by: String,
        /// Whose keys.
        of: GroupId,
    },
}

/// Everything known at one moment. Immutable; made by the model only.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Where the figures come from.
    pub origin: Origin,
    /// Name of the host they were measured on.
    pub host: String,
    /// Kernel release of that host.
    pub kernel: String,
    /// When the observation began.
    pub started_at: Timestamp,
    /// How long it has lasted: the span of every `total`.
    pub duration: Duration,
    /// Length of the last interval: the span of every `last`.
    pub interval: Duration,
    /// Length of the sliding window (at most a minute): the span of every `recent`.
    pub window: Duration,
    /// Whether the observation was cut short by a signal.
    pub interrupted: bool,
    /// Servers watched.
    pub targets: Arc<[TargetInfo]>,
    /// What of the keys was replaced and how, in a sentence; none where keys are as they were.
    pub redaction: Option<String>,
    /// When they were not watched.
    pub gaps: Vec<Gap>,
    /// What else there is to know, one sentence each: servers that could not be watched.
    pub notes: Vec<String>,
    /// All operations since the start, counted independently of the rows.
    pub total: Counts,
    /// Each server's operations since the start, in the order of the targets; without what could not be counted under a key.
    pub target_totals: Vec<Counts>,
    /// All operations of the last interval.
    pub last: Counts,
    /// All operations of the sliding window.
    pub recent: Counts,
    /// What became of items since the start; known where [`Self::watches`] says so.
    pub outcomes: Outcomes,
    /// How much of it was watched, and how sure the counts are.
    pub estimate: Estimate,
    /// What the probes took in the last interval; none where that was not measured.
    pub cost: Option<Cost>,
    /// The same since the start, of the intervals it was measured in.
    pub cost_total: Option<Cost>,
    /// What was not counted under a key since the start.
    pub loss: Loss,
    /// Operations since the start under keys that a capture left out, by its own choice: no loss, and in no row.
    pub others: Counts,
    /// What the rows are.
    pub level: Level,
    /// In no particular order. `total = Σ rows + others + untracked`, except where they are the members of one group.
    pub rows: Rows,
    /// The course of each row, and of everything, over the last minutes.
    pub history: Arc<History>,
}

impl Snapshot {
    /// How many keys the rows stand for.
    #[must_use]
    pub fn keys(&self) -> u64 {
        match self.level {
            Level::Groups { .. } => self.rows.iter().map(|row| row.keys).sum(),
            Level::Keys | Level::Members { .. } => self.rows.len() as u64,
        }
    }

    /// Whether events of a kind are watched: of one server, or of any.
    #[must_use]
    pub fn watches(&self, kind: ProbeKind, target: Option<u32>) -> bool {
        let has = |info: &TargetInfo| info.probes.iter().any(|probe| probe.name == kind);
        match target {
            Some(target) => self.targets.get(target as usize).is_some_and(has),
            None => self.targets.iter().any(has),
        }
    }

    /// The same observation with other rows.
    #[must_use]
    pub fn with_rows(&self, rows: Vec<Row>, level: Level) -> Self {
        Self {
            origin: self.origin.clone(),
            host: self.host.clone(),
            kernel: self.kernel.clone(),
            started_at: self.started_at,
            duration: self.duration,
            interval: self.interval,
            window: self.window,
            interrupted: self.interrupted,
            targets: Arc::clone(&self.targets),
            gaps: self.gaps.clone(),
            notes: self.notes.clone(),
            total: self.total,
            target_totals: self.target_totals.clone(),
            last: self.last,
            recent: self.recent,
            outcomes: self.outcomes,
            estimate: self.estimate,
            cost: self.cost,
            cost_total: self.cost_total,
            loss: self.loss,
            others: self.others,
            redaction: self.redaction.clone(),
            level,
            rows: rows.into(),
            history: Arc::clone(&self.history),
        }
    }
}

/// Events per second; 0 over an empty span.
#[must_use]
pub fn per_second(count: u64, span: Duration) -> f64 {
    if span.is_zero() { 0.0 } else { count as f64 / span.as_secs_f64() }
}

/// `part` of `whole`, 0 to 1; 0 of nothing.
#[must_use]
pub fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}
