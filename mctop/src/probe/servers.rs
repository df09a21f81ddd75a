//! The servers to watch: found, resolved, and looked for again while others are watched.

use std::collections::HashMap;
use std::time::Instant;

use super::attach::Target;
use super::clock::Clock;
use super::requests;
use crate::error::{Failure, told};
use crate::model::snapshot::TargetInfo;
use crate::target;
use crate::target::discover::{Identity, Process, Selection, Stand, Watch};
use crate::target::points::Resolved;

/// Finds servers and resolves each distinct binary once.
pub struct Servers {
    watch: Watch,
    binaries: HashMap<Identity, Resolved>,
    selection: Selection,
}

impl Servers {
    /// Finds the selected servers that run now.
    ///
    /// # Errors
    /// A [`Failure`] that says which privilege is missing, or why no server can be traced.
    pub fn find(selection: &Selection) -> anyhow::Result<(Self, Vec<Target>)> {
        let now = Instant::now();
        let mut watch = Watch::new(now)?;
        let processes = watch.find(selection, now)?;
        let mut servers = Self { watch, binaries: HashMap::new(), selection: selection.clone() };
        let targets = servers.resolve_all(processes)?;
        Ok((servers, targets))
    }

    /// A server that cannot be traced is an error when it was asked for, or when there is no other; else it is left out,
    /// with a warning. One that has exited is left out without, unless its process was asked for.
    fn resolve_all(&mut self, processes: Vec<Process>) -> anyhow::Result<Vec<Target>> {
        let mut found = Vec::new();
        let mut refused = Vec::new();
        let mut exited = Vec::new();
        for process in processes {
            let pid = process.pid;
            match self.resolve(process) {
                Ok(Some(target)) => found.push(target),
                Ok(None) => exited.push(pid),
                Err(error) if self.selection.is_explicit() => return Err(error),
                Err(error) => refused.push(format!("process {pid}: {}", told(&error))),
            }
        }
        if let Some(failure) = self.missed(&exited, found.len() + refused.len()) {
            return Err(failure.into());
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

    /// The failure that processes which have `exited` before they could be watched are, with so many others.
    #[must_use]
    pub fn missed(&self, exited: &[u32], others: usize) -> Option<Failure> {
        self.selection.missed(exited, others)
    }

    /// Servers that have started since the last call; one that `is_early` comes later.
    ///
    /// # Errors
    /// When `/proc` cannot be listed.
    pub fn newcomers(&mut self, is_early: impl Fn(&Process) -> bool) -> anyhow::Result<Vec<Process>> {
        self.watch.newcomers(Instant::now(), is_early)
    }

    /// Whether a newcomer that takes nobody's place is wanted.
    #[must_use]
    pub fn wants(&self, newcomer: &Process) -> bool {
        !self.selection.is_explicit() || newcomer.ports().any(|port| self.selection.ports.contains(&port))
    }

    /// Everything needed to watch a process; nothing when it has exited, so that what was read of it may be wrong.
    ///
    /// # Errors
    /// A [`Failure`] that says why it cannot be traced.
    pub fn resolve(&mut self, process: Process) -> anyhow::Result<Option<Target>> {
        let clock = Clock { pid: process.pid, address: None, start_ticks: process.start_ticks };
        let target = self.resolve_running(process);
        if clock.runs() { target.map(Some) } else { Ok(None) }
    }

    fn resolve_running(&mut self, process: Process) -> anyhow::Result<Target> {
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

/// What is told of a proxy.
const ROUTED: &str = "It is a proxy: requests that it routes to other servers are not seen.";
/// What is told of a proxy whose lookups find their requests.
const ANSWERED_LATER: &str = "Lookups of its own cache that a route makes when another server has answered, but for stores, count \
                              as OTHER or by the verb of the request that follows on the connection.";
fn describe(process: Process, resolved: Resolved) -> Target {
    let bias = target::load_bias(&process);
    let address = resolved.clock.and_then(|clock| bias.as_ref().ok().map(|bias| clock.wrapping_add(*bias)));
    let (requests, unread) = requests::locate(&process, &resolved, &bias);
    let mut notes = [&resolved.notes[..], &unread].concat();
    let knows_client = requests::keeps_connection(&process, &resolved);
    if process.options.proxy {
        notes.push(ROUTED.to_owned());
        if knows_client {
            notes.push(ANSWERED_LATER.to_owned());
        }
    }
    Target {
        pid: process.pid,
        is_proxy: process.options.proxy,
        has_no_cas: process.options.no_cas,
        knows_client,
        stand: Stand::of(&process),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    /// Finds the servers of a selection among processes that have all exited.
    fn among_the_dead(selection: Selection, pids: &[u32]) -> Failure {
        let mut servers = Servers { watch: Watch::new(Instant::now()).unwrap(), binaries: HashMap::new(), selection };
        let processes = pids.iter().map(|pid| Process { start_ticks: 1, ..Process::sample(*pid, &["127.0.0.1:1"]) });
        servers.resolve_all(processes.collect()).unwrap_err().downcast().unwrap()
    }

    #[test]
    fn servers_that_exit_while_they_are_examined() {
        // No process has these numbers.
        let (a, b) = (u32::MAX - 1, u32::MAX - 2);
        let named = Selection { pids: vec![a], ..Selection::default() };
        let failure = among_the_dead(named, &[a]);
        assert_eq!(failure.kind, Kind::NoTarget);
        assert!(failure.message.starts_with(&format!("Process {a} has exited.")), "{}", failure.message);
        let by_port = among_the_dead(Selection { ports: vec![1], ..Selection::default() }, &[a, b]);
        assert!(by_port.message.starts_with(&format!("Processes {a}, {b} have exited.")), "{}", by_port.message);
        let any = among_the_dead(Selection::default(), &[a, b]);
        assert_eq!(any.kind, Kind::NoTarget);
        assert!(any.message.starts_with("No memcached server was found"), "{}", any.message);
    }
}
