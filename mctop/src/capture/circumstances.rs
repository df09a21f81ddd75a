//! What the header of a capture says of how it was made.

use serde::{Deserialize, Serialize};

/// How a capture was made. All of it may be missing: captures of before do not tell.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Circumstances {
    /// Hash of the eBPF object that counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// What was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub options: Option<Options>,
    /// The clock of the host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clock: Option<Clock>,
    /// Number of this file among those of one observation, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub part: Option<u64>,
    /// When the condition held that was to begin it, in the file that begins with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fired: Option<Fired>,
}

/// The begin of a capture that waited for a condition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Fired {
    /// Time in the file before the interval in which it held, milliseconds.
    pub before_ms: u64,
    /// Intervals in the file before that one.
    pub intervals: u64,
    /// How many more from before were asked for and had been seen, but found no room in memory.
    pub crowded_out: u64,
}

/// Options of `mctop capture`, as far as what is in the file depends on them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Options {
    /// Wanted length of an interval, milliseconds.
    pub interval_ms: Option<u64>,
    /// Most keys of an interval; the rest is under `others`. Null for all.
    pub keys: Option<u64>,
    /// The condition that was to end it.
    pub until: Option<String>,
    /// The condition that was to begin it.
    pub trigger: Option<String>,
    /// How many intervals from before that condition held were to be kept.
    pub before: Option<u64>,
    /// The level of detail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The most that the probes were to take of the servers' CPU time, percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget_percent: Option<f64>,
}

/// How the times of the file relate to the clock on the wall.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Clock {
    /// Offset of the host's local time from UTC when the file was begun, seconds.
    pub utc_offset_s: i32,
    /// Name of the host's time zone, where it has one.
    pub timezone: Option<String>,
}
