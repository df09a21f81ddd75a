//! The servers watched, and what is attached to them: notices those that exit, and those that take their place.

use std::collections::HashMap;
use std::fs;
use std::hash::Hash;
use std::iter::successors;
use std::num::NonZeroU32;
use std::time::Instant;

use super::attach::{self, Attached, Target};
use super::clock::Clock;
use super::cost::trap::Others;
use super::detach;
use super::detail::Detail;
use super::object::Object;
use super::servers::Servers;
use crate::error::with_causes;
use crate::model::interval::Change;
use crate::model::snapshot::{ProbeInfo, TargetInfo};
use crate::target::discover::{FileIdentity, Process, ServerIdentity};

/// One server, over restarts of its process.
struct Watched {
    clock: Clock,
    stand: ServerIdentity,
    info: TargetInfo,
    /// What `info` is at the lower levels of detail.
    below: Vec<(Detail, TargetInfo)>,
    /// What is attached to its process; none when it has exited.
    attached: Option<Attached>,
}

/// All servers, by index.
pub(super) struct Fleet {
    servers: Servers,
    watched: Vec<Watched>,
    detail: Detail,
}

impl Fleet {
    /// Attaches to all targets that still run.
    ///
    /// # Errors
    /// A [`crate::error::Failure`] that names the missing privilege, or what the kernel said, or that no target runs any more.
    pub(super) fn attach(
        servers: Servers,
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
                Err(_) if !target.clock.runs() => exited.push(target.pid),
                Err(error) => {
                    fleet.rest(object);
                    return Err(error);
                }
            }
        }
        if let Some(failure) = fleet.servers.missed(&exited, infos.len()) {
            fleet.rest(object);
            return Err(failure.into());
        }
        Ok((fleet, infos))
    }

    /// Each server's clock now, by index; none of those that have exited.
    #[must_use]
    pub(super) fn clocks(&self) -> Vec<Option<u32>> {
        self.watched.iter().map(|watched| watched.attached.as_ref().and_then(|_| watched.clock.now())).collect()
    }

    /// What is attached to the server of an index; nothing when it has exited.
    #[must_use]
    pub(super) fn attached(&self, index: u32) -> Option<&Attached> {
        self.watched.get(index as usize)?.attached.as_ref()
    }

    /// The processes of the servers that run.
    #[must_use]
    pub(super) fn pids(&self) -> Vec<u32> {
        self.watched.iter().filter(|watched| watched.attached.is_some()).map(|watched| watched.clock.pid).collect()
    }

    /// The level of detail at which they are watched.
    #[must_use]
    pub(super) const fn detail(&self) -> Detail {
        self.detail
    }

    /// Whether a lower level of detail would take less.
    #[must_use]
    pub(super) fn exceeds(&self, detail: Detail) -> bool {
        self.watched.iter().filter_map(|watched| watched.attached.as_ref()).any(|attached| attached.exceeds(detail))
    }

    fn attached_mut(&mut self) -> impl Iterator<Item = &mut Attached> {
        self.watched.iter_mut().filter_map(|watched| watched.attached.as_mut())
    }

    /// Every probe that is attached now, or resting.
    pub(super) fn probes(&self) -> impl Iterator<Item = &ProbeInfo> + Clone {
        self.watched.iter().filter(|watched| watched.attached.is_some()).flat_map(|watched| &watched.info.probes)
    }

    /// What each probe has beside it where the most servers run the same file.
    #[must_use]
    pub(super) fn others(&self) -> Option<Others> {
        let attached = self.watched.iter().filter_map(|watched| watched.attached.as_ref());
        most_of_a_file(attached.filter_map(|attached| {
            let file = fs::metadata(attached.image()).ok()?;
            Some((FileIdentity::of(&file), attached.process))
        }))
    }

    /// Goes down to a lower level of detail.
    ///
    /// # Errors
    /// What the kernel says.
    pub(super) fn shed(&mut self, detail: Detail, object: &mut Object) -> anyhow::Result<Vec<Change>> {
        self.detail = detail;
        let mut changes = Vec::new();
        let mut links = Vec::new();
        for (target, watched) in (0..).zip(&mut self.watched) {
            let Some(attached) = &mut watched.attached else { continue };
            if attached.exceeds(detail) {
                links.extend(attached.shed(object, detail)?);
                if let Some((_, info)) = watched.below.iter().find(|(level, _)| *level == detail) {
                    watched.info = info.clone();
                }
                changes.push(Change::Reprobed { target, info: watched.info.clone() });
            }
        }
        detach::gently(object, links);
        Ok(changes)
    }

    /// Detaches from all servers for a while; also from those that have come since.
    pub(super) fn rest(&mut self, object: &mut Object) {
        let links = self.attached_mut().flat_map(Attached::take_links).collect();
        detach::gently(object, links);
    }

    /// Attaches again.
    ///
    /// # Errors
    /// As [`Self::attach`].
    pub(super) fn resume(&mut self, object: &mut Object) -> anyhow::Result<()> {
        for watched in &mut self.watched {
            if let Some(attached) = &mut watched.attached
                && let Err(error) = attached.resume(object)
                && watched.clock.runs()
            {
                return Err(error);
            }
        }
        Ok(())
    }

    /// Judges what the probes have seen of the servers that are still being validated. Returns whether a probe no longer is, which
    /// makes it cheaper.
    ///
    /// # Errors
    /// A [`crate::error::Failure`] that names the probe that does not see what it should, and how that shows.
    pub(super) fn validate(&mut self, object: &mut Object) -> anyhow::Result<bool> {
        self.attached_mut().try_fold(false, |ended, attached| Ok(attached.validate(object)? || ended))
    }

    /// Indices of servers whose process has exited since the last call of [`Self::follow`].
    #[must_use]
    pub(super) fn exited(&self) -> Vec<usize> {
        let exited = |watched: &Watched| watched.attached.is_some() && !watched.clock.runs();
        (0..self.watched.len()).filter(|index| exited(&self.watched[*index])).collect()
    }

    /// Detaches from the servers that have `exited`, and attaches to those that have started: to one that listens where an
    /// exited one did, in its place; to others, when all are wanted, as new ones. Times are since `started`.
    ///
    /// # Errors
    /// When `/proc` cannot be listed, or the kernel refuses to detach.
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
            let newcomer = ServerIdentity::of(process);
            watched.iter().any(|server| is_early(&newcomer, &server.stand, server.life()))
        };
        for process in self.servers.new_servers(is_early)? {
            let place = self.place_of(&ServerIdentity::of(&process));
            if place.is_some() || self.servers.wants(&process) {
                changes.extend(self.welcome(process, place, object, started));
            }
        }
        Ok(changes)
    }

    /// The exited server whose place a process has taken.
    fn place_of(&self, newcomer: &ServerIdentity) -> Option<usize> {
        self.watched.iter().position(|watched| watched.attached.is_none() && watched.stand.is_same_server(newcomer))
    }

    /// Watches a newcomer, unless it has exited already. One that cannot be watched must not end the observation of the others.
    fn welcome(
        &mut self,
        process: Process,
        place: Option<usize>,
        object: &mut Object,
        started: Instant,
    ) -> Option<Change> {
        let pid = process.pid;
        let index = place.unwrap_or(self.watched.len());
        let attached = match self.servers.resolve(process) {
            Ok(Some(target)) => match watch(index, &target, self.detail, object) {
                Err(_) if !target.clock.runs() => return None,
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
                reason: format!("Process {pid} has started and is not watched: {}", with_causes(&error)),
            },
        })
    }
}

/// What each process of the file that most of them run has beside it.
fn most_of_a_file<F: Eq + Hash>(processes: impl Iterator<Item = (F, NonZeroU32)>) -> Option<Others> {
    let mut files: HashMap<F, Others> = HashMap::new();
    for (file, process) in processes {
        files.entry(file).and_modify(|others| others.probes += 1).or_insert(Others { process, probes: 0 });
    }
    files.into_values().max_by_key(|others| others.probes)
}

/// What a server's process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    Runs,
    /// It has exited, which is told in the next interval.
    Ends,
    Ended,
}

impl Watched {
    fn life(&self) -> Life {
        match &self.attached {
            None => Life::Ended,
            Some(_) if self.clock.runs() => Life::Runs,
            Some(_) => Life::Ends,
        }
    }
}

/// Whether a newcomer is about to take the place of a server, but cannot yet: it does not listen everywhere, or the server's exit is
/// not told.
fn is_early(newcomer: &ServerIdentity, server: &ServerIdentity, life: Life) -> bool {
    match life {
        Life::Runs => false,
        Life::Ends => newcomer.is_same_server(server) || newcomer.may_become(server),
        Life::Ended => newcomer.may_become(server),
    }
}

fn watch(index: usize, target: &Target, detail: Detail, object: &mut Object) -> anyhow::Result<Watched> {
    let attached = attach::attach(object, u32::try_from(index)?, target, detail)?;
    let below = successors(detail.below(), |detail| detail.below()).map(|detail| (detail, info_at(target, detail)));
    Ok(Watched {
        clock: target.clock.clone(),
        stand: target.stand.clone(),
        info: info_at(target, detail),
        below: below.collect(),
        attached: Some(attached),
    })
}

/// A server as it is watched at a level of detail.
fn info_at(target: &Target, detail: Detail) -> TargetInfo {
    let mut info = TargetInfo { probes: attach::describe(target, detail), ..target.info.clone() };
    info.notes.extend(detail.notes(&target.resolved, target.requests.is_some()));
    info
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::probe_point::ProbeKind;
    use crate::probe::bench_support::{Registers, target_of};
    use crate::target::points::Point;

    #[test]
    fn who_comes_while_a_server_ends_waits_for_its_place() {
        let server = ServerIdentity::listening(&["127.0.0.1:1", "[::1]:1"]);
        let (begun, other) = (ServerIdentity::listening(&["[::1]:1"]), ServerIdentity::listening(&["127.0.0.1:2"]));
        let early = |newcomer: &ServerIdentity| {
            [Life::Runs, Life::Ends, Life::Ended].map(|life| is_early(newcomer, &server, life))
        };
        assert_eq!(early(&server), [false, true, false]);
        assert_eq!(early(&begun), [false, true, true]);
        assert_eq!(early(&other), [false; 3]);
    }

    #[test]
    fn others_are_those_of_the_same_file() {
        let processes = |files: &[&'static str]| {
            let numbers = (1..).filter_map(NonZeroU32::new);
            most_of_a_file(files.iter().copied().zip(numbers)).map(|others| (others.process.get(), others.probes))
        };
        assert_eq!(processes(&[]), None);
        assert_eq!(processes(&["a"]), Some((1, 0)));
        assert_eq!(processes(&["a", "b", "b", "a", "b"]), Some((2, 2)));
    }

    #[test]
    fn each_level_says_what_is_not_seen_at_it() {
        let registers = Registers { found: 0, key: 1, key_len: 2, item: 3, stack: Some(4), link: 5 };
        let mut target = target_of(std::process::id(), "/proc/self/exe".as_ref(), 0, &registers);
        // A build whose lookups do not tell their request.
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
