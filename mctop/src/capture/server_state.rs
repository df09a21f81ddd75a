//! Tracks the servers during an observation, so that a capture file that starts in the middle of it (after a rotation or a
//! trigger) can be read on its own.

use std::time::Duration;

use jiff::SignedDuration;

use crate::model::header::Header;
use crate::model::interval::{Change, Interval};
use crate::model::servers::Servers;

/// Maximum number of notes that the next file repeats.
const NOTES_MAX: usize = 100;

/// The servers at one point of an observation.
#[derive(Clone, Debug)]
pub(super) struct ServerState {
    header: Header,
    servers: Servers,
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
        Self { header: header.clone(), servers: Servers::new(&header.targets) }
    }

    /// Applies the changes of an interval.
    pub(super) fn apply(&mut self, interval: &Interval) {
        for change in &interval.changes {
            if change.note().is_none() || self.servers.notes().len() < NOTES_MAX {
                self.servers.apply(change);
            }
        }
    }

    /// The header and first changes of a file that starts at `origin`.
    pub(super) fn file_start(&self, origin: Duration) -> FileStart {
        let offset = SignedDuration::try_from(origin).unwrap_or(SignedDuration::ZERO);
        let started_at = self.header.started_at.checked_add(offset).unwrap_or(self.header.started_at);
        let targets = self.servers.targets().to_vec();
        FileStart {
            header: Header { started_at, targets, ..self.header.clone() },
            origin,
            changes: self.servers.initial_changes(origin).collect(),
        }
    }
}
