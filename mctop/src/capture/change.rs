//! Server changes (started, exited, refused) in a capture file.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{CHANGES_MAX, TARGET_BYTES_MAX, TARGETS_MAX};
use crate::model::interval::Change;
use crate::model::snapshot::TargetInfo;

/// A [`Change`] as it is written in a line.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "lowercase")]
pub(crate) enum ChangeLine {
    /// See [`Change::Exited`].
    Exited { target: u32, at_s: f64 },
    /// See [`Change::Attached`].
    Attached { target: u32, at_s: f64, info: TargetInfo },
    /// See [`Change::Refused`].
    Refused { reason: String },
    /// See [`Change::Reprobed`].
    Reprobed { target: u32, info: TargetInfo },
    /// See [`Change::Budget`].
    Budget { note: String },
}

impl ChangeLine {
    /// Converts a change; times in the file are relative to `origin`.
    pub(crate) fn new(change: &Change, origin: Duration) -> Self {
        let seconds = |at: &Duration| at.saturating_sub(origin).as_secs_f64();
        match change {
            Change::Exited { target, at } => Self::Exited { target: *target, at_s: seconds(at) },
            Change::Attached { target, at, info } => {
                Self::Attached { target: *target, at_s: seconds(at), info: info.clone() }
            }
            Change::Refused { reason } => Self::Refused { reason: reason.clone() },
            Change::Reprobed { target, info } => Self::Reprobed { target: *target, info: info.clone() },
            Change::Budget { note } => Self::Budget { note: note.clone() },
        }
    }
}

/// Counts the servers and changes read so far, to check that later lines refer to known servers and stay within limits.
#[derive(Clone, Debug, Default)]
pub(crate) struct KnownServers {
    targets: usize,
    changes: usize,
}

impl KnownServers {
    /// The servers in a header.
    ///
    /// # Errors
    /// Says which limit is exceeded.
    pub(crate) fn from_header(targets: &[TargetInfo]) -> Result<Self, String> {
        if targets.len() > TARGETS_MAX {
            return Err(format!("it names {} servers; the maximum is {TARGETS_MAX}", targets.len()));
        }
        targets.iter().try_for_each(check_length)?;
        Ok(Self { targets: targets.len(), changes: 0 })
    }

    /// Number of servers.
    pub(crate) fn targets(&self) -> usize {
        self.targets
    }

    /// Checks the change against the servers known so far, and adds the server that it introduces, if any.
    ///
    /// # Errors
    /// Says what is wrong, in one sentence.
    pub(crate) fn apply(
        &mut self,
        change: ChangeLine,
        time: impl Fn(f64) -> Result<Duration, String>,
    ) -> Result<Change, String> {
        self.changes += 1;
        if self.changes > CHANGES_MAX {
            return Err(format!("more than {CHANGES_MAX} server changes"));
        }
        let known = self.targets;
        let unknown = |target: u32| format!("a change names target {target}, but only {known} are defined");
        Ok(match change {
            ChangeLine::Exited { target, at_s } if (target as usize) < known => {
                Change::Exited { target, at: time(at_s)? }
            }
            ChangeLine::Attached { target, at_s, info } if target as usize <= known.min(TARGETS_MAX - 1) => {
                check_length(&info)?;
                self.targets = known.max(target as usize + 1);
                Change::Attached { target, at: time(at_s)?, info }
            }
            ChangeLine::Reprobed { target, info } if (target as usize) < known => {
                check_length(&info)?;
                Change::Reprobed { target, info }
            }
            ChangeLine::Budget { note } if note.len() <= TARGET_BYTES_MAX => Change::Budget { note },
            ChangeLine::Refused { reason } if reason.len() <= TARGET_BYTES_MAX => Change::Refused { reason },
            ChangeLine::Refused { reason: text } | ChangeLine::Budget { note: text } => {
                return Err(too_long(text.len()));
            }
            ChangeLine::Exited { target, .. }
            | ChangeLine::Attached { target, .. }
            | ChangeLine::Reprobed { target, .. } => return Err(unknown(target)),
        })
    }
}

/// Unlike keys, servers stay in memory as long as the capture is read.
fn check_length(info: &TargetInfo) -> Result<(), String> {
    let length = length(info);
    if length > TARGET_BYTES_MAX { Err(too_long(length)) } else { Ok(()) }
}

/// Approximate number of bytes that describe a server.
pub(super) fn length(info: &TargetInfo) -> usize {
    let texts = info.listen.iter().chain(&info.notes).map(String::len);
    let probes = info.probes.iter().map(|probe| probe.function.len() + probe.instruction.len() + 64);
    let one =
        [&info.version, &info.build_id, &info.container, &info.unit].map(|text| text.as_ref().map_or(0, String::len));
    info.binary.len() + texts.map(|length| length + 24).chain(probes).chain(one).sum::<usize>()
}

fn too_long(length: usize) -> String {
    format!("it has {length} bytes about one server; the maximum is {TARGET_BYTES_MAX}")
}
