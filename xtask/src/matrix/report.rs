//! The matrix as a table for a terminal, and as Markdown for the repository.

mod markdown;
mod table;

use super::controls::ControlResult;
use super::machine::MatrixMachine;
use super::subject::Findings;

pub use markdown::{given, given_of, markdown, with_given};
pub use table::{HEADINGS, cells};

/// The results of a run.
#[derive(Debug)]
pub struct MatrixReport {
    /// Where and when.
    pub machine: MatrixMachine,
    /// The memcached servers.
    pub findings: Vec<Findings>,
    /// Servers that crashed, hung or could not be run.
    pub broken: Vec<String>,
    /// The negative controls.
    pub verdicts: Vec<ControlResult>,
    /// What was not available, and why.
    pub unavailable: Vec<String>,
}

impl MatrixReport {
    /// All failures, one line each.
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
        let controls = match self.verdicts.len() {
            0 => String::new(),
            all => format!(" {refused} of {all} negative controls were refused with a reason."),
        };
        format!(
            "{} memcached binaries: {} traced, {} refused. {equal} of the {compared} that can be compared with their symbols \
             agree with them completely. The live tests pass on {live} of {}. Finding the probe points took at most \
             {slowest:.0} ms.{controls}",
            self.findings.len(),
            traced.len(),
            self.findings.len() - traced.len(),
            traced.len()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::live::TestOutcome;
    use crate::matrix::subject::{BinaryOrigin, TestSubject};

    fn findings(resolution: &str, contradictions: &[&str], failed: &[&str]) -> Findings {
        let subject = TestSubject {
            name: "1.6.9-x-stripped".into(),
            version: "1.6.9+dfsg".into(),
            origin: "gcc | -O2".into(),
            kind: BinaryOrigin::Stripped,
            memcached: crate::matrix::live::Memcached { start: vec!["/x".into()], file: "/x".into() },
            twin: None,
            expected: None,
        };
        let live = TestOutcome {
            passed: 8,
            failed: failed.iter().map(ToString::to_string).collect(),
            left_out: vec!["1.6.9: gat".into(), "/x/y: TLS".into()],
        };
        Findings {
            subject,
            resolution: serde_json::from_str(resolution).unwrap(),
            places: vec!["do_item_get+0x10".into()],
            contradictions: Some(contradictions.iter().map(ToString::to_string).collect()),
            live: Some(live),
        }
    }

    fn report(findings: Findings, outcome: Result<String, String>) -> MatrixReport {
        let machine = MatrixMachine {
            processor: "cpu".into(),
            system: "Debian".into(),
            kernel: "6.1".into(),
            compilers: vec!["gcc 12".into()],
            date: "2026-01-01".into(),
        };
        let verdicts = vec![ControlResult { name: "bash".into(), outcome }];
        MatrixReport {
            machine,
            findings: vec![findings],
            broken: Vec::new(),
            verdicts,
            unavailable: vec!["sid".into()],
        }
    }

    const FOUND: &str = r#"{"milliseconds":12.34,"version":"1.6.9","clock":1,"notes":["A note."],"commands":[],"requests":{"input":176,"cut":true,"tables":[]},
        "lookups":[{"function":"do_item_get","kind":"lookup","found_by":"recovered","site":"exact","address":16,"offset":4096,
        "instruction":"je 0x10","emulated":true,"operands":{},"proof":["a","b"]}]}"#;

    #[test]
    fn a_good_report() {
        let good = report(findings(FOUND, &[], &[]), Ok("it is a shell".into()));
        assert!(good.failures().is_empty(), "{:?}", good.failures());
        let document = markdown(&good, "/x");
        let row = "| 1.6.9+dfsg | gcc \\| -O2 | stripped | do_item_get+0x10 at 0x1000, exact (je), recovered | none | read at lookups | none | all | 2 \
                   | 12.3 | yes | 8 of 8 passed |";
        for expected in [
            row,
            "| bash | it is a shell |",
            "- A note. (1.6.9-x-stripped)",
            "- gat (1.6.9)",
            "- TLS (1.6.9-x-stripped)",
            "- sid",
            "1 traced, 0 refused",
        ] {
            assert!(document.contains(expected), "no {expected} in {document}");
        }
        assert!(!document.contains("## What is wrong"));
    }

    #[test]
    fn binaries_given_by_path_have_a_section_of_their_own() {
        let section = |milliseconds: &str| {
            let found = FOUND.replace("12.34", milliseconds);
            given(&report(findings(&found, &[], &[]), Ok("no".into())), "/x")
        };
        let declared = markdown(&report(findings(FOUND, &[], &[]), Ok("it is a shell".into())), "/x");
        assert_eq!(given_of(&declared), None);
        let (first, second) = (section("98.76"), section("76.54"));
        assert!(first.contains("| 98.8 | yes |") && first.contains("\n### What mctop notes"), "{first}");
        let both = with_given(&declared, &first);
        assert!(both.starts_with(declared.trim_end()) && given_of(&both) == Some(&*first), "{both}");
        // Another run replaces only it.
        assert_eq!(with_given(&both, &second), with_given(&declared, &second));
    }

    #[test]
    fn everything_wrong_is_a_failure() {
        let failures = |findings, outcome| report(findings, outcome).failures().len();
        assert_eq!(failures(findings(FOUND, &["the clock is wrong"], &[]), Ok("no".into())), 1);
        assert_eq!(failures(findings(FOUND, &[], &["exact::x"]), Ok("no".into())), 1);
        assert_eq!(failures(findings(FOUND, &[], &[]), Err("resolved".into())), 1);
        assert_eq!(failures(findings(&FOUND.replace("1.6.9", "1.6.8"), &[], &[]), Ok("no".into())), 1);
        assert_eq!(failures(findings(r#"{"milliseconds":1,"refused":"no code"}"#, &[], &[]), Ok("no".into())), 1);
    }
}
