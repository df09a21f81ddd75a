//! The diagnosis: what the facts mean for tracing.

use serde::Serialize;

use super::capabilities::Privileges;
use super::cost::Costs;
use super::kernel::Kernel;
use super::problems;
use super::servers::Search;
use super::trial::Programs;
use crate::error::{Failure, FailureKind};
use crate::kernel::filesystems::Fault;
use crate::probe::memory_check::MemoryCheck;

/// Everything that was examined.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Facts {
    /// Name of this host.
    pub host: String,
    /// The kernel.
    pub kernel: Kernel,
    /// Faults of the file systems that tracing needs.
    pub faults: Vec<Fault>,
    /// The mount option by which `/proc` hides other users' processes, if it is set.
    pub hidepid: Option<String>,
    /// The privileges of this process.
    pub privileges: Privileges,
    /// The requested memory, and its limits.
    pub room: MemoryCheck,
    /// The expected cost of traps.
    pub costs: Costs,
    /// Whether the eBPF programs load and attach.
    pub programs: Programs,
    /// The servers found.
    pub search: Search,
}

/// Whether tracing works here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    /// It works.
    Works,
    /// A privilege or kernel feature is missing.
    NotPermitted,
    /// There is not enough memory.
    NoMemory,
    /// There is no memcached server, or none that can be traced.
    NoTarget,
}

/// Severity of a problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Severity {
    /// Nothing can be traced, or not this server.
    Error,
    /// Something cannot be seen, or costs more.
    Warning,
}

/// What a problem is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Area {
    /// The kernel.
    Kernel,
    /// Privileges of this process.
    Privileges,
    /// The eBPF programs.
    Programs,
    /// Memory for the kernel's and mctop's tables.
    Memory,
    /// A server, or the search for servers.
    Servers,
}

/// A problem and its fix.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Problem {
    /// Its severity.
    pub severity: Severity,
    /// The area it belongs to.
    pub area: Area,
    /// The server concerned.
    pub pid: Option<u32>,
    /// What is wrong, in a sentence.
    pub what: String,
    /// What to do, in a sentence.
    pub fix: String,
}

impl Problem {
    /// What is wrong, with the server concerned in front.
    pub(crate) fn text(&self) -> String {
        self.pid.map_or_else(|| self.what.clone(), |pid| format!("Process {pid}: {}", self.what))
    }
}

/// The facts and their consequences.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Diagnosis {
    /// The facts.
    pub facts: Facts,
    /// The problems, errors first.
    pub problems: Vec<Problem>,
    /// Whether tracing works here.
    pub verdict: Verdict,
}

impl Diagnosis {
    /// Derives the diagnosis from the facts.
    pub(crate) fn of(facts: Facts) -> Self {
        let mut problems = problems::of(&facts);
        problems.sort_by_key(|problem| problem.severity);
        let verdict = verdict(&facts, &problems);
        Self { facts, problems, verdict }
    }

    /// Number of servers that can be traced, given the privileges.
    pub(crate) fn traceable(&self) -> usize {
        traceable(&self.facts.search)
    }

    /// The failure of a command that traces; none if tracing works.
    pub(crate) fn failure(&self) -> Option<Failure> {
        let kind = match self.verdict {
            Verdict::Works => return None,
            Verdict::NotPermitted => FailureKind::Privilege,
            Verdict::NoMemory => FailureKind::Runtime,
            Verdict::NoTarget => FailureKind::NoTarget,
        };
        let problem = self.problems.iter().find(|problem| problem.severity == Severity::Error);
        let reason = problem.map(|problem| format!(" {} {}", problem.text(), problem.fix)).unwrap_or_default();
        Some(Failure::new(kind, format!("Tracing would not work.{reason}")))
    }

    /// The exit code.
    pub(crate) fn exit_code(&self) -> u8 {
        self.failure().map_or(0, |failure| failure.kind.exit_code())
    }
}

fn traceable(search: &Search) -> usize {
    search.servers.iter().filter(|server| server.tracing.is_some()).count()
}

fn verdict(facts: &Facts, problems: &[Problem]) -> Verdict {
    let errors = || problems.iter().filter(|problem| problem.severity == Severity::Error);
    let blocked = errors().any(|problem| !matches!(problem.area, Area::Servers | Area::Memory));
    let lacks_memory = errors().any(|problem| problem.area == Area::Memory);
    let search = &facts.search;
    let traceable = traceable(search);
    // If servers were named, all of them must be traceable.
    let enough = !search.explicit || traceable == search.servers.len();
    let hidden = search.servers.is_empty() && !search.likely.is_empty();
    match &search.failure {
        _ if blocked => Verdict::NotPermitted,
        _ if lacks_memory => Verdict::NoMemory,
        Some((FailureKind::Privilege, _)) => Verdict::NotPermitted,
        Some(_) => Verdict::NoTarget,
        None if traceable > 0 && enough => Verdict::Works,
        None if hidden => Verdict::NotPermitted,
        None => Verdict::NoTarget,
    }
}
