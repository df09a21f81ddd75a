//! Finds the servers to watch, at the start and while others are watched, and resolves their binaries.

use std::collections::HashMap;
use std::time::Instant;

use super::attach::Target;
use super::clock::Clock;
use super::requests;
use crate::error::{Failure, with_causes};
use crate::model::snapshot::TargetInfo;
use crate::parallel;
use crate::target::discover::{FileIdentity, Process, Selection, ServerIdentity, ServerWatcher};
use crate::target::points::Resolved;
use crate::target::{self, discover};

/// Finds servers and resolves each distinct binary once.
pub(super) struct WatchedServers {
    watch: ServerWatcher,
    binaries: HashMap<FileIdentity, Resolved>,
    selection: Selection,
}

impl WatchedServers {
    /// Finds the selected servers.
    ///
    /// # Errors
    /// A [`Failure`] that says which privilege is missing, or why no server can be traced.
    pub(super) fn find(selection: &Selection) -> anyhow::Result<(Self, Vec<Target>)> {
        let now = Instant::now();
        let mut watch = ServerWatcher::new(now)?;
        let processes = watch.find(selection, now)?;
        let mut servers = Self { watch, binaries: HashMap::new(), selection: selection.clone() };
        let targets = servers.resolve_all(processes)?;
        Ok((servers, targets))
    }

    /// A server that cannot be traced is an error if it was selected explicitly, or if there is no other one. Otherwise it is left out
    /// with a warning. A server that has exited is left out without a warning, unless its process was selected.
    fn resolve_all(&mut self, processes: Vec<Process>) -> anyhow::Result<Vec<Target>> {
        self.resolve_binaries(&processes);
        let servers = &*self;
        let resolve = |process: Process| {
            let (pid, started) = (process.pid, process.start_ticks);
            let target = servers.resolved(&process).map(|resolved| describe(process, resolved));
            (pid, unless_exited((pid, started), target))
        };
        let mut found = Vec::new();
        let mut refused = Vec::new();
        let mut exited = Vec::new();
        for (pid, target) in parallel::map(processes, parallel::half_of_processors(), resolve) {
            match target {
                Ok(Some(target)) => found.push(target),
                Ok(None) => exited.push(pid),
                Err(error) if self.selection.is_explicit() => return Err(error),
                Err(error) => refused.push(format!("process {pid}: {}", with_causes(&error))),
            }
        }
        if let Some(failure) = self.failure_if_missing(&exited, found.len() + refused.len()) {
            return Err(failure.into());
        }
        if found.is_empty() {
            let reasons = refused.join(" ");
            return Err(Failure::no_target(format!("No memcached server can be traced: {reasons}")).into());
        }
        for reason in refused {
            log::warn!("Not watched: {reason}");
        }
        Ok(found)
    }

    /// The failure, if it is one, that processes `exited` before they could be watched while this number of others did not.
    pub(super) fn failure_if_missing(&self, exited: &[u32], others: usize) -> Option<Failure> {
        self.selection.failure_if_missing(exited, others)
    }

    /// Resolves each new binary of the processes once. A binary that cannot be resolved is left out.
    fn resolve_binaries(&mut self, processes: &[Process]) {
        let mut unknown = HashMap::new();
        for process in processes {
            if let Some(identity) = process.identity().filter(|identity| !self.binaries.contains_key(identity)) {
                unknown.entry(identity).or_insert(process);
            }
        }
        let selection = &self.selection;
        let resolve = |(identity, process)| Some((identity, target::resolve_process(process, selection).ok()?));
        let resolved = parallel::map(unknown.into_iter().collect(), parallel::half_of_processors(), resolve);
        self.binaries.extend(resolved.into_iter().flatten());
    }

    /// The probe points in a process's binary.
    fn resolved(&self, process: &Process) -> anyhow::Result<Resolved> {
        let known = process.identity().and_then(|identity| self.binaries.get(&identity));
        match known.filter(|resolved| !resolved.depends_on_process()) {
            Some(resolved) => Ok(resolved.clone()),
            None => target::resolve_process(process, &self.selection),
        }
    }

    /// Servers that have started since the last call. One that `is_early` is returned by a later call.
    pub(super) fn new_servers(&mut self, is_early: impl Fn(&Process) -> bool) -> anyhow::Result<Vec<Process>> {
        self.watch.new_servers(Instant::now(), is_early)
    }

    /// Whether a new server that replaces no other one is selected.
    pub(super) fn is_selected(&self, process: &Process) -> bool {
        !self.selection.is_explicit() || process.ports().any(|port| self.selection.ports.contains(&port))
    }

    /// Everything needed to watch a process; `None` if it has exited, because data read from it may then be wrong.
    ///
    /// # Errors
    /// A [`Failure`] that says why it cannot be traced.
    pub(super) fn resolve(&mut self, process: Process) -> anyhow::Result<Option<Target>> {
        // Taken first, because writing to the binary changes its identity.
        let identity = process.identity();
        let started = (process.pid, process.start_ticks);
        let resolved = self.resolved(&process);
        if let (Some(identity), Ok(resolved)) = (identity, &resolved) {
            self.binaries.entry(identity).or_insert_with(|| resolved.clone());
        }
        unless_exited(started, resolved.map(|resolved| describe(process, resolved)))
    }
}

/// Passes on a server, or the reason why it cannot be traced; `None` if its process has exited.
fn unless_exited((pid, start_ticks): (u32, u64), target: anyhow::Result<Target>) -> anyhow::Result<Option<Target>> {
    if discover::process::is_running(pid, start_ticks) { target.map(Some) } else { Ok(None) }
}

/// The note on every proxy.
const ROUTED: &str = "It is a proxy: requests that it routes to other servers are not seen.";
/// The note on a proxy whose lookups know their requests.
const ANSWERED_LATER: &str = "When a route looks up a key in its own cache after another server has answered, the lookup, unless it \
                              is of a store, counts as OTHER or by the verb of the next request on the connection.";

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
        identity: ServerIdentity::of(&process),
        clock: Clock { pid: process.pid, address, start_ticks: process.start_ticks },
        info: TargetInfo {
            pid: process.pid,
            binary: process.binary,
            version: resolved.version.clone(),
            build_id: resolved.build_id.clone(),
            listen: process.listen,
            container: process
                .cgroup
                .container
                .map(|container| format!("{} {}", container.runtime.name(), container.id)),
            unit: process.cgroup.unit,
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
    use crate::error::FailureKind;

    /// Resolves the servers of a selection among processes that have all exited.
    fn failure_after_exit(selection: Selection, pids: &[u32]) -> Failure {
        let mut servers =
            WatchedServers { watch: ServerWatcher::new(Instant::now()).unwrap(), binaries: HashMap::new(), selection };
        let processes = pids.iter().map(|pid| Process { start_ticks: 1, ..Process::sample(*pid, &["127.0.0.1:1"]) });
        servers.resolve_all(processes.collect()).unwrap_err().downcast().unwrap()
    }

    #[test]
    fn selected_servers_that_exit_while_they_are_examined_are_a_failure() {
        // No process has these ids.
        let (a, b) = (u32::MAX - 1, u32::MAX - 2);
        let named = Selection { pids: vec![a], ..Selection::default() };
        let failure = failure_after_exit(named, &[a]);
        assert_eq!(failure.kind, FailureKind::NoTarget);
        assert!(failure.message.starts_with(&format!("Process {a} has exited.")), "{}", failure.message);
        let by_port = failure_after_exit(Selection { ports: vec![1], ..Selection::default() }, &[a, b]);
        assert!(by_port.message.starts_with(&format!("Processes {a}, {b} have exited.")), "{}", by_port.message);
        let any = failure_after_exit(Selection::default(), &[a, b]);
        assert_eq!(any.kind, FailureKind::NoTarget);
        assert!(any.message.starts_with("No memcached server was found"), "{}", any.message);
    }
}
