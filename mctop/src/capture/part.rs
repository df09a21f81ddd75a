//! Where within an observation a capture file begins: files of a rotation, and of a trigger, stand for themselves.

use std::time::Duration;

use jiff::SignedDuration;

use crate::model::interval::{Change, Interval};
use crate::source::Header;

/// Most notes that the next file repeats.
const NOTES_MAX: usize = 100;

/// The servers as of a moment of an observation.
#[derive(Clone, Debug)]
pub struct Standing {
    header: Header,
    /// Of each server, whether its process has exited and no other has taken its place.
    exited: Vec<bool>,
    /// What the next file repeats.
    notes: Vec<Change>,
}

/// The begin of a file.
#[derive(Clone, Debug)]
pub struct Beginning {
    /// Its header.
    pub header: Header,
    /// Its begin, since that of the observation.
    pub origin: Duration,
    /// What is to be said in its first interval: servers of the header that have exited, those that were refused, and
    /// what is not watched for a budget.
    pub changes: Vec<Change>,
}

impl Standing {
    /// At the begin of an observation.
    pub fn new(header: &Header) -> Self {
        Self { header: header.clone(), exited: vec![false; header.targets.len()], notes: Vec::new() }
    }

    /// After an interval.
    pub fn pass(&mut self, interval: &Interval) {
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

    /// A file that begins at `origin`.
    pub fn beginning(&self, origin: Duration) -> Beginning {
        let offset = SignedDuration::try_from(origin).unwrap_or(SignedDuration::ZERO);
        let started_at = self.header.started_at.checked_add(offset).unwrap_or(self.header.started_at);
        let exited = (0..).zip(&self.exited).filter(|(_, exited)| **exited);
        let exited = exited.map(|(target, _)| Change::Exited { target, at: origin });
        Beginning {
            header: Header { started_at, ..self.header.clone() },
            origin,
            changes: exited.chain(self.notes.iter().cloned()).collect(),
        }
    }
}
