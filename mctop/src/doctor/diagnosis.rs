//! The diagnosis: what the facts mean for tracing.

use serde::Serialize;

use super::Facts;
use super::problems::{self, Area, Problem, Severity};
use super::servers::Search;
use crate::error::{Failure, FailureKind};

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
