//! Servers that came and went, in a capture file.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::interval::Change;
use crate::model::snapshot::TargetInfo;

/// A [`Change`] in a line.
#[derive(Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "lowercase")]
pub enum ChangeLine {
    /// See [`Change::Exited`].
    Exited { target: u32, at_s: f64 },
    /// See [`Change::Attached`].
    Attached { target: u32, at_s: f64, info: TargetInfo },
    /// See [`Change::Refused`].
    Refused { reason: String },
}

impl From<&Change> for ChangeLine {
    fn from(change: &Change) -> Self {
        match change {
            Change::Exited { target, at } => Self::Exited { target: *target, at_s: at.as_secs_f64() },
            Change::Attached { target, at, info } => {
                Self::Attached { target: *target, at_s: at.as_secs_f64(), info: info.clone() }
            }
            Change::Refused { reason } => Self::Refused { reason: reason.clone() },
        }
    }
}

impl ChangeLine {
    /// The change, after checking that it fits `targets` servers known so far, which it may add to.
    ///
    /// # Errors
    /// One sentence that says what is wrong.
    pub fn check(self, targets: &mut usize, time: impl Fn(f64) -> Result<Duration, String>) -> Result<Change, String> {
        let unknown = |target: u32, known: usize| format!("a change names target {target}, {known} are known");
        Ok(match self {
            Self::Exited { target, at_s } if (target as usize) < *targets => Change::Exited { target, at: time(at_s)? },
            Self::Attached { target, at_s, info } if target as usize <= *targets => {
                *targets = (*targets).max(target as usize + 1);
                Change::Attached { target, at: time(at_s)?, info }
            }
            Self::Refused { reason } => Change::Refused { reason },
            Self::Exited { target, .. } | Self::Attached { target, .. } => return Err(unknown(target, *targets)),
        })
    }
}
