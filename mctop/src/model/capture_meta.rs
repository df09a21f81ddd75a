//! How a capture was made and how it ended, as the capture file records it.

use serde::{Deserialize, Serialize};

/// How a capture was made. Older versions of mctop did not write these fields, so each may be missing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CaptureMeta {
    /// Hash of the eBPF object that counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// Options of the `mctop capture` command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub options: Option<CaptureOptions>,
    /// The clock of the host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clock: Option<HostClock>,
    /// Number of this file in a rotation, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub part: Option<u64>,
    /// When the trigger fired; only in the file that starts with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fired: Option<TriggerInfo>,
}

/// What a capture with a trigger holds from before the trigger fired.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TriggerInfo {
    /// Time from the start of the file to the interval in which the trigger fired, milliseconds.
    pub before_ms: u64,
    /// Number of intervals before that one.
    pub intervals: u64,
    /// How many more intervals were asked for and seen, but did not fit into memory.
    pub crowded_out: u64,
}

/// The options of `mctop capture` that affect what is in the file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CaptureOptions {
    /// Requested length of an interval, milliseconds.
    pub interval_ms: Option<u64>,
    /// Maximum number of keys per interval; the rest is summed under `others`. Null for all.
    pub keys: Option<u64>,
    /// The condition that ends the capture.
    pub until: Option<String>,
    /// The condition that starts the capture.
    pub trigger: Option<String>,
    /// Number of intervals to keep from before the trigger fires.
    pub before: Option<u64>,
    /// The level of detail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Maximum share of the servers' CPU time that the probes may use, percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget_percent: Option<f64>,
}

/// How the times in the file relate to the wall clock.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HostClock {
    /// Offset of the host's local time from UTC when the file was started, seconds.
    pub utc_offset_s: i32,
    /// Name of the host's time zone, if it has one.
    pub timezone: Option<String>,
}

/// How a capture ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The end has not been reached yet.
    Open,
    /// As planned, with a footer.
    Finished,
    /// By a signal to mctop.
    Interrupted,
    /// The file ends without a footer: mctop was killed, or the file was cut off.
    CutOff,
}

/// Why a complete capture file ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EndedBy {
    /// The requested duration was over.
    Duration,
    /// mctop received a signal.
    Signal,
    /// The condition of `--until` became true.
    Until,
    /// The capture continues in the next file.
    Rotation,
    /// The source had no more intervals.
    Source,
    /// A reason that this version does not know.
    #[serde(other)]
    Unknown,
}
