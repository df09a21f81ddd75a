//! What is known of the watched servers: those in the header of an observation, and the changes since.

use std::sync::Arc;
use std::time::Duration;

use super::interval::Change;
use super::snapshot::{Gap, TargetInfo};

/// The watched servers after all changes applied so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Servers {
    targets: Arc<[TargetInfo]>,
    gaps: Vec<Gap>,
    notes: Vec<Change>,
}

impl Servers {
    /// The servers in a header.
    pub(crate) fn new(targets: &[TargetInfo]) -> Self {
        Self { targets: targets.into(), ..Self::default() }
    }

    /// Applies a change. An attached server whose index is not known is a new one.
    pub(crate) fn apply(&mut self, change: &Change) {
        match change {
            Change::Exited { target, at } => {
                let exited_pid = self.targets.get(*target as usize).map(|info| info.pid);
                self.gaps.push(Gap { target: *target, exited_pid, from: *at, to: None, new_pid: None });
            }
            Change::Attached { target, at, info } => {
                if !self.replace(*target, info) {
                    self.targets = self.targets.iter().chain([info]).cloned().collect();
                    let from = Duration::ZERO;
                    self.gaps.push(Gap { target: *target, exited_pid: None, from, to: None, new_pid: None });
                }
                let open = self.gaps.iter_mut().rev().find(|gap| gap.target == *target && gap.to.is_none());
                if let Some(gap) = open {
                    (gap.to, gap.new_pid) = (Some(*at), Some(info.pid));
                }
            }
            Change::Reprobed { target, info } => {
                self.replace(*target, info);
            }
            Change::Refused { .. } | Change::Budget { .. } => self.notes.push(change.clone()),
        }
    }

    /// Replaces what is known of a server; `false` if there is no such server.
    fn replace(&mut self, target: u32, info: &TargetInfo) -> bool {
        let index = target as usize;
        let is_known = index < self.targets.len();
        if is_known {
            // Snapshots may share the list, which is then copied.
            Arc::make_mut(&mut self.targets)[index] = info.clone();
        }
        is_known
    }

    /// Each server as it is after the last change, by index.
    pub(crate) const fn targets(&self) -> &Arc<[TargetInfo]> {
        &self.targets
    }

    /// The times in which a server was not watched.
    pub(crate) fn gaps(&self) -> &[Gap] {
        &self.gaps
    }

    /// The changes that only say something: [`Change::Refused`] and [`Change::Budget`].
    pub(crate) fn notes(&self) -> &[Change] {
        &self.notes
    }

    /// The changes that lead from a header with the present [`Self::targets`] to this state: for an observation or a file that
    /// starts at the time `at`.
    pub(crate) fn initial_changes(&self, at: Duration) -> impl Iterator<Item = Change> {
        let exited = self.gaps.iter().filter(|gap| gap.to.is_none());
        exited.map(move |gap| Change::Exited { target: gap.target, at }).chain(self.notes.iter().cloned())
    }
}
