//! The results as a table for a terminal, and as Markdown for the repository.

use super::guest::KernelFindings;
use crate::markdown::{head, row};

/// What the columns are.
const HEADINGS: [&str; 4] = [
    "kernel",
    "origin",
    "eBPF programs loaded, with the number of verified instructions if the kernel reports it",
    "live tests",
];

/// The figures in one sentence.
#[must_use]
pub fn summary(findings: &[KernelFindings]) -> String {
    let supported: Vec<&KernelFindings> = findings.iter().filter(|findings| findings.is_supported).collect();
    let good = supported.iter().filter(|findings| findings.failures().is_empty()).count();
    let refused = findings.iter().filter(|findings| !findings.is_supported && findings.failures().is_empty()).count();
    format!(
        "The live tests pass on {good} of {} supported kernels. mctop refuses {refused} of {} that are too old, and says why.",
        supported.len(),
        findings.len() - supported.len(),
    )
}

/// One row of the table.
#[must_use]
pub fn cells(findings: &KernelFindings) -> Vec<String> {
    let described = |(name, instructions): &(String, Option<u64>)| match instructions {
        Some(instructions) => format!("{name} {instructions}"),
        None => name.clone(),
    };
    let programs: Vec<String> = findings.programs.iter().map(described).collect();
    let (loaded, tests) = match &findings.refusal {
        Some((code, message)) => (format!("refused with exit code {code}: {message}"), "–".to_owned()),
        None => {
            let all = findings.tests.passed + findings.tests.failed.len() as u64;
            (programs.join(", "), format!("{} of {all} passed", findings.tests.passed))
        }
    };
    vec![findings.release.clone(), findings.origin.clone(), loaded, tests]
}

/// The document.
#[must_use]
pub fn markdown(findings: &[KernelFindings], failures: &[String]) -> String {
    let mut text = String::from("# Kernels\n\n<!-- Written by `cargo xtask kernels`; edits are lost. -->\n\n");
    text.push_str(&summary(findings));
    text.push_str(
        "\n\nEach kernel was booted in a virtual machine, with the committed eBPF object and Debian's memcached. The tests are the live \
         tests that use all of mctop's eBPF programs and maps.\n\n",
    );
    text.push_str(&head(&HEADINGS));
    for findings in findings {
        text.push_str(&row(&cells(findings)));
    }
    for failure in failures {
        text.push_str(&format!("\n- Failed: {failure}\n"));
    }
    text
}
