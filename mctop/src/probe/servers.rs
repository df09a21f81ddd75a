//! The servers to watch: found, resolved, and looked for again while others are watched.

use std::collections::HashMap;
use std::time::Instant;

use super::attach::Target;
use super::clock::Clock;
use super::requests;
use crate::error::Failure;
use crate::model::snapshot::TargetInfo;
use crate::parallel;
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
    /// with a warning.
    fn resolve_all(&mut self, processes: Vec<Process>) -> anyhow::Result<Vec<Target>> {
        self.know_binaries(&processes);
        let servers = &*self;
        let resolve = |process: Process| {
            let (pid, start_ticks) = (process.pid, process.start_ticks);
            let target = servers.resolved(&process).map(|resolved| describe(process, resolved));
            (Clock { pid, address: None, start_ticks }, target)
        };
        let mut found = Vec::new();
        let mut refused = Vec::new();
        for (clock, target) in parallel::map(processes, parallel::processors(), resolve) {
            match target {
                Ok(target) => found.push(target),
                Err(_) if !clock.runs() => {
                    refused.push(format!("process {} has ended before it could be watched.", clock.pid));
                }
                Err(error) if self.selection.is_explicit() => return Err(error),
                Err(error) => refused.push(format!("process {}: {error:#}", clock.pid)),
            }
        }
        if found.is_empty() {
            let reasons = refused.join(" ");
            return Err(Failure::no_target(format!("No memcached that was found can be traced: {reasons}")).into());
        }
        for reason in refused {
            log::warn!("Not watched: {reason}");
        }
        Ok(found)
    }

    /// Resolves each distinct binary of the processes that is not known yet. What cannot be resolved stays unknown.
    fn know_binaries(&mut self, processes: &[Process]) {
        let mut unknown = HashMap::new();
        for process in processes {
            if let Some(identity) = process.identity().filter(|identity| !self.binaries.contains_key(identity)) {
                unknown.entry(identity).or_insert(process);
            }
        }
        let selection = &self.selection;
        let resolve = |(identity, process)| Some((identity, target::resolve_process(process, selection).ok()?));
        let resolved = parallel::map(unknown.into_iter().collect(), parallel::processors(), resolve);
        self.binaries.extend(resolved.into_iter().flatten());
    }

    /// The probe points of a process's binary.
    fn resolved(&self, process: &Process) -> anyhow::Result<Resolved> {
        let known = process.identity().and_then(|identity| self.binaries.get(&identity));
        match known.filter(|resolved| !resolved.depends_on_process()) {
            Some(resolved) => Ok(resolved.clone()),
            None => target::resolve_process(process, &self.selection),
        }
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

    /// Everything needed to watch a process.
    ///
    /// # Errors
    /// A [`Failure`] that says why it cannot be traced.
    pub fn resolve(&mut self, process: Process) -> anyhow::Result<Target> {
        // Asked for first: what is written to the binary meanwhile makes it another one.
        let identity = process.identity();
        let resolved = self.resolved(&process)?;
        if let Some(identity) = identity {
            self.binaries.entry(identity).or_insert_with(|| resolved.clone());
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

    #[test]
    fn a_server_that_was_asked_for_and_has_ended_meanwhile_is_said_to_have() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pid = child.id();
        child.wait().unwrap();
        let selection = Selection { pids: vec![pid], ..Selection::default() };
        let watch = Watch::new(Instant::now()).unwrap();
        let mut servers = Servers { watch, binaries: HashMap::new(), selection };
        let process = Process {
            pid,
            inner_pid: None,
            image: format!("/proc/{pid}/exe").into(),
            binary: "/usr/bin/memcached".into(),
            deleted: false,
            listen: Vec::new(),
            start_ticks: 1,
            threads: 1,
            uid: 0,
            user: None,
            seccomp: None,
            place: Default::default(),
            namespaces: None,
            network: None,
            options: Default::default(),
        };
        let error = servers.resolve_all(vec![process]).unwrap_err();
        let failure: Failure = error.downcast().unwrap();
        assert_eq!(failure.kind, Kind::NoTarget);
        assert!(failure.message.contains(&format!("process {pid} has ended before")), "{}", failure.message);
    }
}
