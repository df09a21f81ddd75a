//! Tracks the servers during an observation, so that a capture file that starts in the middle of it (after a rotation or a
//! trigger) can be read on its own.

use std::time::Duration;

use jiff::SignedDuration;

use crate::model::header::Header;
use crate::model::interval::{Change, Interval};

/// Maximum number of notes that the next file repeats.
const NOTES_MAX: usize = 100;

/// The servers at one point of an observation.
#[derive(Clone, Debug)]
pub(super) struct ServerState {
    header: Header,
    /// For each server, whether its process has exited and no other has taken its place.
    exited: Vec<bool>,
    /// Notes that the next file repeats.
    notes: Vec<Change>,
}

/// How a file starts.
#[derive(Clone, Debug)]
pub(super) struct FileStart {
    /// Its header.
    pub header: Header,
    /// Start of the file, relative to the start of the observation.
    pub origin: Duration,
    /// Changes for its first interval: servers in the header that have exited, servers that were refused, and what the
    /// budget leaves unwatched.
    pub changes: Vec<Change>,
}

impl ServerState {
    /// The state at the start of an observation.
    pub(super) fn new(header: &Header) -> Self {
        Self { header: header.clone(), exited: vec![false; header.targets.len()], notes: Vec::new() }
    }

    /// Applies the changes of an interval.
    pub(super) fn apply(&mut self, interval: &Interval) {
        for change in &interval.changes {
            match change {
                Change::Exited { target, .. } => {
                    if let Some(exited) = self.exited.get_mut(*target as usize) {
                        *exited = true;
                    }
                }
                Change::Attached { target, info, .. } => {
                    let index = *target as usize;
                    if let (Some(known), Some(exited)) =
                        (self.header.targets.get_mut(index), self.exited.get_mut(index))
                    {
                        (*known, *exited) = (info.clone(), false);
                    } else {
                        self.header.targets.push(info.clone());
                        self.exited.push(false);
                    }
                }
                Change::Reprobed { target, info } => {
                    if let Some(known) = self.header.targets.get_mut(*target as usize) {
                        *known = info.clone();
                    }
                }
                Change::Refused { .. } | Change::Budget { .. } if self.notes.len() == NOTES_MAX => {}
                Change::Refused { .. } | Change::Budget { .. } => self.notes.push(change.clone()),
            }
        }
    }

    /// The header and first changes of a file that starts at `origin`.
    pub(super) fn file_start(&self, origin: Duration) -> FileStart {
        let offset = SignedDuration::try_from(origin).unwrap_or(SignedDuration::ZERO);
        let started_at = self.header.started_at.checked_add(offset).unwrap_or(self.header.started_at);
        let exited = (0..).zip(&self.exited).filter(|(_, exited)| **exited);
        let exited = exited.map(|(target, _)| Change::Exited { target, at: origin });
        FileStart {
            header: Header { started_at, ..self.header.clone() },
            origin,
            changes: exited.chain(self.notes.iter().cloned()).collect(),
        }
    }
}
