//! The judgement.

use serde::Serialize;

use super::capabilities::Privileges;
use super::cost::Costs;
use super::kernel::Kernel;
use super::problems;
use super::servers::Search;
use super::trial::Programs;
use crate::error::{Failure, FailureKind};
use crate::kernel::filesystems::Fault;
use crate::probe::room::Room;

/// Everything that was looked at.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Facts {
    /// Name of this host.
    pub host: String,
    /// Its kernel.
    pub kernel: Kernel,
    /// What is wrong with the file systems that tracing needs.
    pub faults: Vec<Fault>,
    /// How `/proc` hides other users' processes from those who may not examine them, if it does.
    pub hidepid: Option<String>,
    /// What we may do.
    pub privileges: Privileges,
    /// The memory that is asked for, and what limits it.
    pub room: Room,
    /// What hits of probes cost.
    pub costs: Costs,
    /// Whether the eBPF programs load and attach.
    pub programs: Programs,
    /// The servers.
    pub search: Search,
}

/// Whether tracing would work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    /// It would.
    Works,
    /// A privilege or kernel feature is missing.
    NotPermitted,
    /// There is not enough memory for what is asked for.
    NoMemory,
    /// There is no memcached, or none that can be traced.
    NoTarget,
}

/// How bad a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Severity {
    /// Nothing, or this server, can be traced.
    Error,
    /// Something is not seen, or costs more.
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
    /// Memory for the kernel's tables and mctop's own.
    Memory,
    /// A server, or finding it.
    Servers,
}

/// A problem and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// What it is about.
    pub area: Area,
    /// The server that it is about.
    pub pid: Option<u32>,
    /// What is wrong.
    pub what: String,
    /// What to do, a sentence.
    pub fix: String,
}

impl Problem {
    /// What is wrong, behind the server that it is about.
    #[must_use]
    pub(crate) fn text(&self) -> String {
        self.pid.map_or_else(|| self.what.clone(), |pid| format!("Process {pid}: {}", self.what))
    }
}

/// The facts and what follows from them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Diagnosis {
    /// What was looked at.
    pub facts: Facts,
    /// What is wrong, errors first.
    pub problems: Vec<Problem>,
    /// Whether tracing would work.
    pub verdict: Verdict,
}

impl Diagnosis {
    /// Judges the facts.
    #[must_use]
    pub(crate) fn of(facts: Facts) -> Self {
        let mut problems = problems::of(&facts);
        problems.sort_by_key(|problem| problem.severity);
        let verdict = verdict(&facts, &problems);
        Self { facts, problems, verdict }
    }

    /// How many servers can be traced, privileges apart.
    #[must_use]
    pub(crate) fn traceable(&self) -> usize {
        traceable(&self.facts.search)
    }

    /// The failure with which a command that traces would end; none when it would not.
    #[must_use]
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
    #[must_use]
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
    // Of servers that were named, every one must be traced.
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
