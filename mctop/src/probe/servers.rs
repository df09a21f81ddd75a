//! The servers to watch: found, resolved, and looked for again while others are watched.

use std::collections::HashMap;
use std::time::Instant;

use super::attach::Target;
use super::clock::Clock;
use super::requests;
use crate::error::Failure;
use crate::model::snapshot::TargetInfo;
use crate::target;
use crate::target::discover::{Finder, Process, Selection, Watch};
use crate::target::points::Resolved;

/// Finds servers and resolves each distinct binary once.
pub struct Servers {
    watch: Watch,
    /// By device and inode.
    binaries: HashMap<(u64, u64), Resolved>,
    selection: Selection,
}

impl Servers {
    /// Finds the selected servers that run now.
    ///
    /// # Errors
    /// A [`Failure`] that says which privilege is missing, or why no server can be traced.
    pub fn find(selection: &Selection) -> anyhow::Result<(Self, Vec<Target>)> {
        let now = Instant::now();
        let mut finder = Finder::default();
        let processes = finder.find(selection)?;
        let watch = Watch::new(finder, now)?;
        let mut servers = Self { watch, binaries: HashMap::new(), selection: selection.clone() };
        let targets = servers.resolve_all(processes)?;
        Ok((servers, targets))
    }

    /// A server that cannot be traced is an error when it was asked for, or when there is no other; else it is left out,
    /// with a warning.
    fn resolve_all(&mut self, processes: Vec<Process>) -> anyhow::Result<Vec<Target>> {
        let mut found = Vec::new();
        let mut refused = Vec::new();
        for process in processes {
            let pid = process.pid;
            match self.resolve(process) {
                Ok(target) => found.push(target),
                Err(error) if self.selection.is_explicit() => return Err(error),
                Err(error) => refused.push(format!("process {pid}: {error:#}")),
            }
        }
        if found.is_empty() {
            let reasons = refused.join(" ");
            return Err(Failure::no_target(format!("No memcached on this host can be traced. {reasons}")).into());
        }
        for reason in refused {
            log::warn!("Not watched: {reason}");
        }
        Ok(found)
    }

    /// Servers that have started since the last call.
    ///
    /// # Errors
    /// When `/proc` cannot be listed.
    pub fn newcomers(&mut self) -> anyhow::Result<Vec<Process>> {
        self.watch.newcomers(Instant::now())
    }

    /// Whether a newcomer that takes nobody's place is wanted.
    #[must_use]
    pub fn wants(&self, newcomer: &Process) -> bool {
        !self.selection.is_explicit() || newcomer.ports().any(|port| self.selection.ports.contains(&port))
    }

    /// Everything needed to watch a process.
    ///
    /// # Errors
    /// A [`Failure`] that says why it cannot be traced.
    pub fn resolve(&mut self, process: Process) -> anyhow::Result<Target> {
        let identity = process.identity();
        let known = identity
            .and_then(|identity| self.binaries.get(&identity))
            .filter(|resolved| !resolved.depends_on_process());
        let resolved = match known {
            Some(resolved) => resolved.clone(),
            None => target::resolve_process(&process, &self.selection)?,
        };
        if let Some(identity) = identity {
            self.binaries.insert(identity, resolved.clone());
        }
        Ok(describe(process, resolved))
    }
}

fn describe(process: Process, resolved: Resolved) -> Target {
    let bias = target::load_bias(&process);
    let address = resolved.clock.and_then(|clock| bias.as_ref().ok().map(|bias| clock.wrapping_add(*bias)));
    let mut notes = resolved.notes.clone();
    let requests = requests::locate(process.pid, &resolved, &bias).unwrap_or_else(|reason| {
        notes.push(reason);
        None
    });
    Target {
        pid: process.pid,
        clock: Clock { pid: process.pid, address, start_ticks: process.start_ticks },
        info: TargetInfo {
            pid: process.pid,
            binary: process.binary,
            version: resolved.version.clone(),
            build_id: resolved.build_id.clone(),
            listen: process.listen,
            container: process
                .place
                .container
                .map(|container| format!("{} {}", container.runtime.name(), container.id)),
            unit: process.place.unit,
            probes: Vec::new(),
            notes,
        },
        image: process.image,
        requests,
        resolved,
    }
}
