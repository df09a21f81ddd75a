//! The matrix as a table for a terminal, and as Markdown for the repository.

mod markdown;
mod table;

use super::controls::Verdict;
use super::machine::Machine;
use super::subject::Findings;

pub use markdown::markdown;
pub use table::{HEADINGS, cells};

/// Everything that was found out.
#[derive(Debug)]
pub struct Report {
    /// Where and when.
    pub machine: Machine,
    /// The memcached servers.
    pub findings: Vec<Findings>,
    /// What crashed, hung or could not be run with one of them.
    pub broken: Vec<String>,
    /// The negative controls.
    pub verdicts: Vec<Verdict>,
    /// What could not be had, and why.
    pub unavailable: Vec<String>,
}

impl Report {
    /// Everything that is wrong, one line each.
    #[must_use]
    pub fn failures(&self) -> Vec<String> {
        let findings = self.findings.iter().flat_map(|findings| {
            findings.failures().into_iter().map(|failure| format!("{}: {failure}", findings.subject.name))
        });
        let verdicts = self.verdicts.iter().filter_map(|verdict| {
            let what = verdict.outcome.as_ref().err()?;
            Some(format!("negative control {}: {what}", verdict.name))
        });
        findings.chain(verdicts).chain(self.broken.iter().cloned()).collect()
    }

    /// The figures in one paragraph.
    #[must_use]
    pub fn summary(&self) -> String {
        let traced: Vec<&Findings> =
            self.findings.iter().filter(|findings| findings.resolution.refused.is_none()).collect();
        let compared = traced.iter().filter(|findings| findings.contradictions.is_some()).count();
        let equal =
            traced.iter().filter(|findings| findings.contradictions.as_ref().is_some_and(Vec::is_empty)).count();
        let live = traced.iter().filter(|findings| findings.live.as_ref().is_some_and(|live| live.is_good())).count();
        let milliseconds = traced.iter().map(|findings| findings.resolution.milliseconds);
        let slowest = milliseconds.fold(0.0, f64::max);
        let refused = self.verdicts.iter().filter(|verdict| verdict.outcome.is_ok()).count();
        format!(
            "{} binaries of memcached: {} traced, {} refused. {equal} of the {compared} with symbols to compare agree with \
             them in everything. The live tests pass on {live} of {}. Finding the probe points took {slowest:.0} ms at most. \
             {refused} of {} negative controls were refused with a reason.",
            self.findings.len(),
            traced.len(),
            self.findings.len() - traced.len(),
            traced.len(),
            self.verdicts.len()
        )
    }
}
