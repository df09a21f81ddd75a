//! The watched servers and their probes. Notices when servers exit and when others replace them.

use std::collections::HashMap;
use std::fs;
use std::hash::Hash;
use std::iter::successors;
use std::num::NonZeroU32;
use std::time::Instant;

use super::attach::{self, AttachedProbes, Target};
use super::clock::Clock;
use super::cost::trap::OtherProbes;
use super::detach;
use super::detail::Detail;
use super::object::Object;
use super::servers::WatchedServers;
use crate::error::with_causes;
use crate::model::interval::Change;
use crate::model::snapshot::{ProbeInfo, TargetInfo};
use crate::target::discover::{FileIdentity, Process, ServerIdentity};

/// A server, across restarts of its process.
struct Watched {
    clock: Clock,
    identity: ServerIdentity,
    info: TargetInfo,
    /// `info` at the lower levels of detail.
    below: Vec<(Detail, TargetInfo)>,
    /// The probes on its process; `None` if it has exited.
    attached: Option<AttachedProbes>,
}

/// All watched servers, by index.
pub(super) struct Fleet {
    servers: WatchedServers,
    watched: Vec<Watched>,
    detail: Detail,
}

impl Fleet {
    /// Attaches to all targets that are still running.
    ///
    /// # Errors
    /// A [`crate::error::Failure`] that names the missing privilege or says that no target is running any more, or the kernel's error.
    pub(super) fn attach(
        servers: WatchedServers,
        targets: &[Target],
        detail: Detail,
        object: &mut Object,
    ) -> anyhow::Result<(Self, Vec<TargetInfo>)> {
        let mut fleet = Self { servers, watched: Vec::new(), detail };
        let mut infos = Vec::new();
        let mut exited = Vec::new();
        for target in targets {
            match watch(fleet.watched.len(), target, detail, object) {
                Ok(watched) => {
                    infos.push(watched.info.clone());
                    fleet.watched.push(watched);
                }
                Err(_) if !target.clock.is_running() => exited.push(target.pid),
                Err(error) => {
                    fleet.detach(object);
                    return Err(error);
                }
            }
        }
        if let Some(failure) = fleet.servers.failure_if_missing(&exited, infos.len()) {
            fleet.detach(object);
            return Err(failure.into());
        }
        Ok((fleet, infos))
    }

    /// The current time on each server's clock, by index; `None` for servers that have exited.
    pub(super) fn clocks(&self) -> Vec<Option<u32>> {
        self.watched.iter().map(|watched| watched.attached.as_ref().and_then(|_| watched.clock.now())).collect()
    }

    /// The probes on a server by its index; `None` if it has exited.
    pub(super) fn attached(&self, index: u32) -> Option<&AttachedProbes> {
        self.watched.get(index as usize)?.attached.as_ref()
    }

    /// The process ids of the running servers.
    pub(super) fn pids(&self) -> Vec<u32> {
        self.watched.iter().filter(|watched| watched.attached.is_some()).map(|watched| watched.clock.pid).collect()
    }

    /// The current level of detail.
    pub(super) const fn detail(&self) -> Detail {
        self.detail
    }

    /// Whether a lower level of detail would leave out some of the probes.
    pub(super) fn exceeds(&self, detail: Detail) -> bool {
        self.watched.iter().filter_map(|watched| watched.attached.as_ref()).any(|attached| attached.exceeds(detail))
    }

    fn attached_mut(&mut self) -> impl Iterator<Item = &mut AttachedProbes> {
        self.watched.iter_mut().filter_map(|watched| watched.attached.as_mut())
    }

    /// All probes on running servers, including those that are detached for now.
    pub(super) fn probes(&self) -> impl Iterator<Item = &ProbeInfo> + Clone {
        self.watched.iter().filter(|watched| watched.attached.is_some()).flat_map(|watched| &watched.info.probes)
    }

    /// The other probes at the same instruction, for the binary that most servers run.
    pub(super) fn other_probes(&self) -> Option<OtherProbes> {
        let attached = self.watched.iter().filter_map(|watched| watched.attached.as_ref());
        other_probes(attached.filter_map(|attached| {
            let file = fs::metadata(attached.image()).ok()?;
            Some((FileIdentity::of(&file), attached.process))
        }))
    }

    /// Reduces the level of detail.
    pub(super) fn shed(&mut self, detail: Detail, object: &mut Object) -> anyhow::Result<Vec<Change>> {
        self.detail = detail;
        let mut changes = Vec::new();
        let mut links = Vec::new();
        for (target, watched) in (0..).zip(&mut self.watched) {
            let Some(attached) = &mut watched.attached else { continue };
            if attached.exceeds(detail) {
                links.extend(attached.shed(&mut object.sites, detail)?);
                if let Some((_, info)) = watched.below.iter().find(|(level, _)| *level == detail) {
                    watched.info = info.clone();
                }
                changes.push(Change::Reprobed { target, info: watched.info.clone() });
            }
        }
        detach::from_running(&mut object.programs, links);
        Ok(changes)
    }

    /// Detaches all probes, until [`Self::reattach`].
    pub(super) fn detach(&mut self, object: &mut Object) {
        let links = self.attached_mut().flat_map(AttachedProbes::take_links).collect();
        detach::from_running(&mut object.programs, links);
    }

    /// Attaches the detached probes again.
    pub(super) fn reattach(&mut self, object: &mut Object) -> anyhow::Result<()> {
        for watched in &mut self.watched {
            if let Some(attached) = &mut watched.attached
                && let Err(error) = attached.reattach(&mut object.programs)
                && watched.clock.is_running()
            {
                return Err(error);
            }
        }
        Ok(())
    }

    /// Judges the evidence of probes that are still being validated. Returns whether a validation was ended, which makes the probe
    /// cheaper.
    ///
    /// # Errors
    /// A [`crate::error::Failure`] that names the probe that is wrong, and the evidence.
    pub(super) fn validate(&mut self, object: &mut Object) -> anyhow::Result<bool> {
        self.attached_mut().try_fold(false, |ended, attached| Ok(attached.validate(&mut object.sites)? || ended))
    }

    /// Indices of servers whose processes have exited since the last call of [`Self::follow`].
    pub(super) fn exited(&self) -> Vec<usize> {
        let exited = |watched: &Watched| watched.attached.is_some() && !watched.clock.is_running();
        (0..self.watched.len()).filter(|index| exited(&self.watched[*index])).collect()
    }

    /// Detaches from the servers that have `exited`, and attaches to those that have started. A server with the identity of an exited one
    /// replaces it; others are added if they are selected. Times are since `started`.
    ///
    /// # Errors
    /// If `/proc` cannot be listed, or the kernel refuses to update its maps.
    pub(super) fn follow(
        &mut self,
        exited: &[usize],
        object: &mut Object,
        started: Instant,
    ) -> anyhow::Result<Vec<Change>> {
        let mut changes = Vec::new();
        let ended = exited.iter().filter_map(|&index| self.watched[index].attached.take()).collect();
        attach::detach(object, ended)?;
        for &index in exited {
            changes.push(Change::Exited { target: u32::try_from(index)?, at: started.elapsed() });
        }
        let watched = &self.watched;
        let is_early = |process: &Process| {
            let identity = ServerIdentity::of(process);
            watched.iter().any(|server| is_early(&identity, &server.identity, server.state()))
        };
        for process in self.servers.new_servers(is_early)? {
            let replaced = self.replaced_by(&ServerIdentity::of(&process));
            if replaced.is_some() || self.servers.is_selected(&process) {
                changes.extend(self.watch_new(process, replaced, object, started));
            }
        }
        Ok(changes)
    }

    /// The exited server that a new one replaces.
    fn replaced_by(&self, new: &ServerIdentity) -> Option<usize> {
        self.watched.iter().position(|watched| watched.attached.is_none() && watched.identity.is_same_server(new))
    }

    /// Watches a new server, unless it has exited already. If it cannot be watched, the others still are.
    fn watch_new(
        &mut self,
        process: Process,
        replaced: Option<usize>,
        object: &mut Object,
        started: Instant,
    ) -> Option<Change> {
        let pid = process.pid;
        let index = replaced.unwrap_or(self.watched.len());
        let attached = match self.servers.resolve(process) {
            Ok(Some(target)) => match watch(index, &target, self.detail, object) {
                Err(_) if !target.clock.is_running() => return None,
                attached => attached,
            },
            Ok(None) => return None,
            Err(error) => Err(error),
        };
        Some(match attached {
            Ok(watched) => {
                let info = watched.info.clone();
                match self.watched.get_mut(index) {
                    Some(server) => *server = watched,
                    None => self.watched.push(watched),
                }
                Change::Attached { target: u32::try_from(index).unwrap_or(u32::MAX), at: started.elapsed(), info }
            }
            Err(error) => Change::Refused {
                reason: format!("Process {pid} has started but cannot be watched: {}", with_causes(&error)),
            },
        })
    }
}

/// The other probes at the same instruction, for the file that most of the processes run.
fn other_probes<F: Eq + Hash>(processes: impl Iterator<Item = (F, NonZeroU32)>) -> Option<OtherProbes> {
    let mut files: HashMap<F, OtherProbes> = HashMap::new();
    for (file, process) in processes {
        files.entry(file).and_modify(|others| others.count += 1).or_insert(OtherProbes { process, count: 0 });
    }
    files.into_values().max_by_key(|others| others.count)
}

/// The state of a server's process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ProcessState {
    Running,
    /// It has exited, but that has not been reported yet.
    Exiting,
    Exited,
}

impl Watched {
    fn state(&self) -> ProcessState {
        match &self.attached {
            None => ProcessState::Exited,
            Some(_) if self.clock.is_running() => ProcessState::Running,
            Some(_) => ProcessState::Exiting,
        }
    }
}

/// Whether a new server is about to replace another one, but cannot yet, because it does not listen on all addresses or the exit of the
/// other one has not been reported.
fn is_early(new: &ServerIdentity, server: &ServerIdentity, state: ProcessState) -> bool {
    match state {
        ProcessState::Running => false,
        ProcessState::Exiting => new.is_same_server(server) || new.may_become(server),
        ProcessState::Exited => new.may_become(server),
    }
}

fn watch(index: usize, target: &Target, detail: Detail, object: &mut Object) -> anyhow::Result<Watched> {
    let attached = attach::attach(object, u32::try_from(index)?, target, detail)?;
    let below = successors(detail.below(), |detail| detail.below()).map(|detail| (detail, info_at(target, detail)));
    Ok(Watched {
        clock: target.clock.clone(),
        identity: target.identity.clone(),
        info: info_at(target, detail),
        below: below.collect(),
        attached: Some(attached),
    })
}

/// What is reported about a server at a level of detail.
fn info_at(target: &Target, detail: Detail) -> TargetInfo {
    let mut info = TargetInfo { probes: attach::describe(target, detail), ..target.info.clone() };
    info.notes.extend(detail.notes(&target.resolved, target.requests.is_some()));
    info
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::probe_point::ProbeKind;
    use crate::probe::bench_support;
    use crate::target::points::Point;

    #[test]
    fn a_server_is_replaced_after_its_exit_was_reported() {
        let server = ServerIdentity::listening(&["127.0.0.1:1", "[::1]:1"]);
        let (starting, other) = (ServerIdentity::listening(&["[::1]:1"]), ServerIdentity::listening(&["127.0.0.1:2"]));
        let early = |new: &ServerIdentity| {
            [ProcessState::Running, ProcessState::Exiting, ProcessState::Exited]
                .map(|state| is_early(new, &server, state))
        };
        assert_eq!(early(&server), [false, true, false]);
        assert_eq!(early(&starting), [false, true, true]);
        assert_eq!(early(&other), [false; 3]);
    }

    #[test]
    fn other_probes_are_on_the_same_file() {
        let processes = |files: &[&'static str]| {
            let pids = (1..).filter_map(NonZeroU32::new);
            other_probes(files.iter().copied().zip(pids)).map(|others| (others.process.get(), others.count))
        };
        assert_eq!(processes(&[]), None);
        assert_eq!(processes(&["a"]), Some((1, 0)));
        assert_eq!(processes(&["a", "b", "b", "a", "b"]), Some((2, 2)));
    }

    #[test]
    fn notes_say_what_a_level_of_detail_leaves_out() {
        let mut target = bench_support::sample_target();
        // A build in which requests are not read at lookups.
        let command = target.resolved.lookups[0].clone();
        target.resolved.commands.push(Point { kind: ProbeKind::Command, ..command });
        target.resolved.event_notes.push("No evictions.".into());
        let at = |detail| info_at(&target, detail);
        let kinds = |detail| at(detail).probes.iter().map(|probe| probe.name).collect::<Vec<_>>();
        assert_eq!(at(Detail::Full).notes, ["No evictions."]);
        assert_eq!(
            (kinds(Detail::Verbs), at(Detail::Verbs).notes.len()),
            (vec![ProbeKind::Command, ProbeKind::Lookup], 0)
        );
        assert_eq!(kinds(Detail::Lookup), [ProbeKind::Lookup]);
        assert!(
            at(Detail::Lookup)
                .notes
                .iter()
                .all(|note| note.contains("DELETES, OTHER, BYTES, BYTES/S and BYTES% are wrong"))
        );
        assert_eq!(at(Detail::Lookup).notes.len(), 1);
    }
}
