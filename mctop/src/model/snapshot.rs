//! The immutable snapshot that every screen and output is made from.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::cost::Cost;
use super::counts::Counts;
use super::estimate::Estimate;
use super::history::History;
pub(crate) use super::loss::Gap;
pub use super::loss::Loss;
use super::outcomes::Outcomes;
pub(crate) use super::rows::{GroupId, Rows};
pub use super::rows::{Row, Ttl};
use crate::model::probe_point::{FoundBy, ProbeKind, SiteKind};

/// Where the counts come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// Probes on running servers.
    #[default]
    Live,
    /// A capture file.
    Recorded {
        /// Its path as given.
        file: String,
    },
}

/// An attached probe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeInfo {
    /// What it observes.
    pub name: ProbeKind,
    /// The probed function of memcached.
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
    /// Kind of the site; `None` in captures without it.
    #[serde(default)]
    pub site: Option<SiteKind>,
}

/// A watched server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetInfo {
    /// Its process ID in the PID namespace of mctop.
    pub pid: u32,
    /// Path of its binary in its own mount namespace.
    pub binary: String,
    /// Version of memcached, if found in the binary.
    pub version: Option<String>,
    /// GNU build-id in hex.
    pub build_id: Option<String>,
    /// Addresses and socket paths that it listens on.
    pub listen: Vec<String>,
    /// Runtime and ID of its container, if it runs in one: `docker 0123456789ab…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// Its systemd unit, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Attached probes.
    pub probes: Vec<ProbeInfo>,
    /// What is not observed and why, one sentence each.
    #[serde(default)]
    pub notes: Vec<String>,
}

/// What the rows of a snapshot are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Level {
    /// All tracked keys.
    #[default]
    Keys,
    /// All tracked keys, with one row for each group.
    Groups {
        /// The grouping as written by the user.
        by: String,
    },
    /// The keys of one group only.
    Members {
        /// The grouping as written by the user.
        by: String,
        /// The group.
        of: GroupId,
    },
}

/// The state of an observation at one time. Immutable; made by the model only.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Where the counts come from.
    pub origin: Origin,
    /// Name of the observed host.
    pub host: String,
    /// Kernel release of that host.
    pub kernel: String,
    /// Start of the observation.
    pub started_at: Timestamp,
    /// Length of the observation: the span of every `total`.
    pub duration: Duration,
    /// Length of the last interval: the span of every `last`.
    pub interval: Duration,
    /// Length of the sliding window (at most a minute): the span of every `recent`.
    pub window: Duration,
    /// Whether the observation was cut short by a signal.
    pub interrupted: bool,
    /// Watched servers.
    pub targets: Arc<[TargetInfo]>,
    /// What part of the keys was replaced and how, in a sentence; `None` for original keys.
    pub redaction: Option<String>,
    /// When servers were not watched.
    pub gaps: Vec<Gap>,
    /// Other notes, one sentence each, such as on servers that could not be watched.
    pub notes: Vec<String>,
    /// All operations since the start, counted independently of the rows.
    pub total: Counts,
    /// Operations of each server since the start, in the order of the targets, without untracked ones.
    pub target_totals: Vec<Counts>,
    /// All operations of the last interval.
    pub last: Counts,
    /// All operations of the sliding window.
    pub recent: Counts,
    /// What happened to items since the start; only meaningful if [`Self::watches`] it.
    pub outcomes: Outcomes,
    /// How much of the time was watched, and the uncertainty of the counts.
    pub estimate: Estimate,
    /// Cost of the probes in the last interval; `None` if it was not measured.
    pub cost: Option<Cost>,
    /// The same since the start, over the intervals in which it was measured.
    pub cost_total: Option<Cost>,
    /// What was lost since the start.
    pub loss: Loss,
    /// Operations since the start of keys that a capture deliberately left out. They are not lost, and in no row.
    pub others: Counts,
    /// What the rows are.
    pub level: Level,
    /// In no particular order. `total = Σ rows + others + untracked`, except for [`Level::Members`].
    pub rows: Rows,
    /// Counts of each row, and of all, over the last minutes.
    pub history: Arc<History>,
}

impl Snapshot {
    /// Number of keys in the rows.
    #[must_use]
    pub fn keys(&self) -> u64 {
        match self.level {
            Level::Groups { .. } => self.rows.iter().map(|row| row.keys).sum(),
            Level::Keys | Level::Members { .. } => self.rows.len() as u64,
        }
    }

    /// Whether events of a kind are watched on a server, or on any.
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
        Self { rows: rows.into(), level, ..self.clone() }
    }
}

/// Events per second; 0 for an empty span.
pub(crate) fn per_second(count: u64, span: Duration) -> f64 {
    if span.is_zero() { 0.0 } else { count as f64 / span.as_secs_f64() }
}

/// `part` divided by `whole`, 0 to 1; 0 if `whole` is 0.
pub(crate) fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}
