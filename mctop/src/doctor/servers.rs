//! The memcached servers found: what each is, and how it would be traced or why it cannot be.

use std::collections::HashMap;
use std::time::Instant;

use serde::Serialize;

use super::cost::Costs;
use super::limits::{self, Limit};
use crate::error::{Failure, FailureKind, with_causes};
use crate::model::probe_point::{FoundBy, ProbeKind};
use crate::probe::requests;
use crate::target;
use crate::target::discover::cgroup::CgroupInfo;
use crate::target::discover::namespaces::Namespace;
use crate::target::discover::options::ServerOptions;
use crate::target::discover::{FileIdentity, Finder, Process, Selection};
use crate::target::points::{Point, Resolved};
use crate::target::steps::SearchStep;

/// A probe point.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Probe {
    /// Kind of the probe.
    pub name: ProbeKind,
    /// memcached's function.
    pub function: String,
    /// Offset in the file in bytes.
    pub offset: u64,
    /// The instruction, disassembled.
    pub instruction: String,
    /// How the function was found.
    pub found_by: FoundBy,
    /// Proof of the site, as sentences.
    pub proof: Vec<String>,
    /// Whether the kernel emulates the instruction instead of single-stepping it.
    pub emulated: bool,
    /// Expected cost per trap in microseconds; see [`Costs`].
    pub expected_cost_us: f64,
}

/// How a server would be traced.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Tracing {
    /// The probes.
    pub probes: Vec<Probe>,
    /// The probes that `--detail full` adds.
    pub full_probes: Vec<Probe>,
    /// The sources of symbols that were searched, in order.
    pub steps: Vec<SearchStep>,
    /// What was not found in the binary and the consequences, as sentences.
    pub notes: Vec<String>,
    /// What cannot be seen, or costs more.
    pub limits: Vec<Limit>,
}

/// A memcached server.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Server {
    /// Pid.
    pub pid: u32,
    /// Pid in its own PID namespace, if that is a different one.
    pub inner_pid: Option<u32>,
    /// Path of its binary in its own mount namespace.
    pub binary: String,
    /// Whether the binary was deleted or replaced since the server started.
    pub deleted: bool,
    /// memcached's version, if the binary contains it.
    pub version: Option<String>,
    /// GNU build-id in hex.
    pub build_id: Option<String>,
    /// Addresses and socket paths that it listens on.
    pub listen: Vec<String>,
    /// Container, systemd unit and control group.
    #[serde(flatten)]
    pub place: CgroupInfo,
    /// Effective user id.
    pub uid: u32,
    /// Name of that user on this host.
    pub user: Option<String>,
    /// Number of threads.
    pub threads: u64,
    /// Seccomp mode: 0 off, 1 strict, 2 filter.
    pub seccomp: Option<u32>,
    /// Namespaces that it does not share with mctop.
    pub namespaces: Option<Vec<Namespace>>,
    /// Command line options that affect tracing.
    pub options: ServerOptions,
    /// Milliseconds to find the probe points of its binary.
    pub resolution_ms: f64,
    /// Pid of an earlier server with the same binary, whose probe points were reused.
    pub same_binary_as: Option<u32>,
    /// How it would be traced; none if it cannot be.
    pub tracing: Option<Tracing>,
    /// Why it cannot be traced.
    pub refusal: Option<String>,
}

/// The result of the search for servers.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Search {
    /// Whether servers were named.
    pub explicit: bool,
    /// The servers found, by pid.
    pub servers: Vec<Server>,
    /// Why named servers were not found. The kind says whether privileges are missing.
    pub failure: Option<(FailureKind, String)>,
    /// Number of processes that mctop may not examine.
    pub denied: usize,
    /// Pids of those that are named memcached.
    pub likely: Vec<u32>,
}

/// Searches for servers and resolves each distinct binary once.
pub(crate) fn search(selection: &Selection, costs: &Costs) -> Search {
    let mut finder = Finder::default();
    let mut search = Search { explicit: selection.is_explicit(), ..Search::default() };
    let found = if search.explicit {
        finder.find(selection)
    } else {
        finder.survey().map(|survey| {
            search.denied = survey.denied.len();
            search.likely =
                survey.denied.iter().filter(|denied| denied.is_named_memcached()).map(|denied| denied.pid).collect();
            survey.servers
        })
    };
    match found {
        Ok(processes) => {
            let (servers, exited) = resolve(processes, selection, costs);
            let missed = selection.failure_if_missing(&exited, servers.len()).filter(|_| search.explicit);
            search.failure = missed.map(|failure| (failure.kind, failure.message));
            search.servers = servers;
        }
        Err(error) => {
            let kind = error.downcast_ref::<Failure>().map_or(FailureKind::Runtime, |failure| failure.kind);
            search.failure = Some((kind, with_causes(&error)));
        }
    }
    search
}

/// The result for a binary.
#[derive(Clone)]
struct Examined {
    /// Pid of the first server that runs it.
    pid: u32,
    /// Milliseconds that it took.
    ms: f64,
    outcome: Result<Resolved, String>,
}

/// The servers, and the pids of those that have exited since, about which wrong facts may have been read.
fn resolve(processes: Vec<Process>, selection: &Selection, costs: &Costs) -> (Vec<Server>, Vec<u32>) {
    let mut binaries: HashMap<FileIdentity, Examined> = HashMap::new();
    let (mut servers, mut exited) = (Vec::new(), Vec::new());
    for process in processes {
        let identity = process.identity();
        let known = identity.and_then(|identity| binaries.get(&identity).cloned());
        let known = known.filter(|known| !known.outcome.as_ref().is_ok_and(Resolved::depends_on_process));
        let examined = known.unwrap_or_else(|| {
            let start = Instant::now();
            let outcome = target::resolve_process(&process, selection).map_err(|error| with_causes(&error));
            Examined { pid: process.pid, ms: start.elapsed().as_secs_f64() * 1e3, outcome }
        });
        let server = describe(&process, examined.clone(), costs);
        if !process.is_running() {
            exited.push(process.pid);
            continue;
        }
        if let Some(identity) = identity {
            binaries.entry(identity).or_insert(examined);
        }
        servers.push(server);
    }
    (servers, exited)
}

fn describe(process: &Process, examined: Examined, costs: &Costs) -> Server {
    let same_binary_as = (examined.pid != process.pid).then_some(examined.pid);
    let (resolved, refusal) = match examined.outcome {
        Ok(resolved) => (Some(resolved), None),
        Err(reason) => (None, Some(reason)),
    };
    let tracing = resolved.as_ref().map(|resolved| tracing(process, resolved, costs));
    let process = process.clone();
    Server {
        pid: process.pid,
        inner_pid: process.inner_pid,
        binary: process.binary,
        deleted: process.deleted,
        version: resolved.as_ref().and_then(|resolved| resolved.version.clone()),
        build_id: resolved.as_ref().and_then(|resolved| resolved.build_id.clone()),
        listen: process.listen,
        place: process.cgroup,
        uid: process.uid,
        user: process.user,
        threads: process.threads,
        seccomp: process.seccomp,
        namespaces: process.namespaces,
        resolution_ms: examined.ms,
        same_binary_as,
        tracing,
        options: process.options,
        refusal,
    }
}

/// What would be attached, and the limits.
fn tracing(process: &Process, resolved: &Resolved, costs: &Costs) -> Tracing {
    let (located, unread) = requests::locate(process, resolved, &target::load_bias(process));
    let mut notes = [&resolved.notes[..], &unread].concat();
    notes.extend(resolved.event_notes.iter().map(|note| format!("With --detail full: {note}")));
    let commands = resolved.commands.iter().filter(|_| located.is_none());
    let mut probes: Vec<_> = commands.chain(&resolved.lookups).map(|point| probe(point, costs)).collect();
    if located.is_some()
        && let Some(requests) = &resolved.requests
    {
        let read = "The request is read at the lookup: the connection's unread input starts with it.".to_owned();
        for probe in &mut probes {
            probe.proof.push(read.clone());
            probe.proof.extend(requests.proof.iter().cloned());
        }
    }
    let limits = limits::of(&process.options, resolved, located.is_some(), costs);
    notes.retain(|note| limits.iter().all(|limit| limit.what != *note));
    Tracing {
        probes,
        full_probes: resolved.events.iter().map(|point| probe(point, costs)).collect(),
        limits,
        steps: resolved.steps.clone(),
        notes,
    }
}

fn probe(point: &Point, costs: &Costs) -> Probe {
    Probe {
        name: point.kind,
        function: point.function.clone(),
        offset: point.offset,
        instruction: point.instruction.clone(),
        found_by: point.found_by,
        proof: point.proof.clone(),
        emulated: point.emulated,
        expected_cost_us: costs.expected_us(point.emulated),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::cost::ELSEWHERE;

    #[test]
    fn servers_that_exit_during_the_examination_are_left_out() {
        // No process has this pid.
        let pid = u32::MAX - 1;
        let process = Process::sample(pid, &["127.0.0.1:1"]);
        let (servers, exited) = resolve(vec![process], &Selection::default(), &ELSEWHERE);
        assert_eq!((servers, exited), (Vec::new(), vec![pid]));
    }
}
