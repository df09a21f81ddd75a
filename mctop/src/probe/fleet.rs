//! The servers watched, and what is attached to them: notices those that exit, and those that take their place.

use std::time::Instant;

use super::attach::{self, Attached, Target};
use super::clock::Clock;
use super::object::Object;
use super::servers::Servers;
use crate::error::Failure;
use crate::model::interval::Change;
use crate::model::snapshot::TargetInfo;
use crate::target::discover::Process;

/// One server, over restarts of its process.
struct Watched {
    clock: Clock,
    binary: String,
    listen: Vec<String>,
    /// What is attached to its process; none when it has exited.
    attached: Option<Attached>,
}

/// All servers, by index.
pub struct Fleet {
    servers: Servers,
    watched: Vec<Watched>,
}

impl Fleet {
    /// Attaches to all targets that still run.
    ///
    /// # Errors
    /// A [`Failure`] that names the missing privilege, or what the kernel said, or that no target runs any more.
    pub fn attach(
        servers: Servers,
        targets: &[Target],
        object: &mut Object,
    ) -> anyhow::Result<(Self, Vec<TargetInfo>)> {
        let mut fleet = Self { servers, watched: Vec::new() };
        let mut infos = Vec::new();
        let mut ended = Vec::new();
        for target in targets {
            match watch(fleet.watched.len(), target, object) {
                Ok((watched, info)) => {
                    fleet.watched.push(watched);
                    infos.push(info);
                }
                Err(_) if !target.clock.runs() => ended.push(target.pid.to_string()),
                Err(error) => return Err(error),
            }
        }
        if infos.is_empty() {
            return Err(Failure::no_target(format!(
                "Process {} has ended before it could be watched. Run mctop again when memcached runs.",
                ended.join(", ")
            ))
            .into());
        }
        Ok((fleet, infos))
    }

    /// Each server's clock now, by index; none of those that have exited.
    #[must_use]
    pub fn clocks(&self) -> Vec<Option<u32>> {
        self.watched.iter().map(|watched| watched.attached.as_ref().and_then(|_| watched.clock.now())).collect()
    }

    /// The processes of the servers that run.
    #[must_use]
    pub fn pids(&self) -> Vec<u32> {
        self.watched.iter().filter(|watched| watched.attached.is_some()).map(|watched| watched.clock.pid).collect()
    }

    /// Judges what the probes have seen of the servers that are still being validated.
    ///
    /// # Errors
    /// A [`Failure`] that names the probe that does not see what it should, and how that shows.
    pub fn validate(&mut self, object: &mut Object) -> anyhow::Result<()> {
        self.watched
            .iter_mut()
            .filter_map(|watched| watched.attached.as_mut())
            .try_for_each(|attached| attached.validate(object))
    }

    /// Indices of servers whose process has exited since the last call of [`Self::follow`].
    #[must_use]
    pub fn exited(&self) -> Vec<usize> {
        let exited = |watched: &Watched| watched.attached.is_some() && !watched.clock.runs();
        (0..self.watched.len()).filter(|index| exited(&self.watched[*index])).collect()
    }

    /// Detaches from the servers that have `exited`, and attaches to those that have started: to one that listens where an
    /// exited one did, in its place; to others, when all are wanted, as new ones. Times are since `started`.
    ///
    /// # Errors
    /// When `/proc` cannot be listed, or the kernel refuses to detach.
    pub fn follow(&mut self, exited: &[usize], object: &mut Object, started: Instant) -> anyhow::Result<Vec<Change>> {
        let mut changes = Vec::new();
        for &index in exited {
            if let Some(attached) = self.watched[index].attached.take() {
                attached.detach(object)?;
            }
            changes.push(Change::Exited { target: u32::try_from(index)?, at: started.elapsed() });
        }
        for process in self.servers.newcomers()? {
            let place = self.place_of(&process);
            if place.is_some() || self.servers.wants(&process) {
                changes.push(self.welcome(process, place, object, started));
            }
        }
        Ok(changes)
    }

    /// The exited server whose place a process has taken: it listens at the same addresses, or runs the same binary where
    /// neither tells where it listens.
    fn place_of(&self, process: &Process) -> Option<usize> {
        self.watched.iter().position(|watched| {
            watched.attached.is_none()
                && watched.listen == process.listen
                && (!process.listen.is_empty() || watched.binary == process.binary)
        })
    }

    /// Watches a newcomer. One that cannot be watched must not end the observation of the others.
    fn welcome(&mut self, process: Process, place: Option<usize>, object: &mut Object, started: Instant) -> Change {
        let pid = process.pid;
        let index = place.unwrap_or(self.watched.len());
        let attached = self.servers.resolve(process).and_then(|target| watch(index, &target, object));
        match attached {
            Ok((watched, info)) => {
                match self.watched.get_mut(index) {
                    Some(server) => *server = watched,
                    None => self.watched.push(watched),
                }
                Change::Attached { target: u32::try_from(index).unwrap_or(u32::MAX), at: started.elapsed(), info }
            }
            Err(error) => {
                Change::Refused { reason: format!("Process {pid} has started and is not watched: {error:#}") }
            }
        }
    }
}

fn watch(index: usize, target: &Target, object: &mut Object) -> anyhow::Result<(Watched, TargetInfo)> {
    let attached = attach::attach(object, u32::try_from(index)?, target)?;
    let info = TargetInfo { probes: attached.describe(target), ..target.info.clone() };
    let watched = Watched {
        clock: target.clock.clone(),
        binary: info.binary.clone(),
        listen: info.listen.clone(),
        attached: Some(attached),
    };
    Ok((watched, info))
}
