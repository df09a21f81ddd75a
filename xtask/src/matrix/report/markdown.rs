//! The report as docs/compatibility.md.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write};

use super::{HEADINGS, MatrixReport, cells};
use crate::markdown::{head, one_line, row};

/// The heading of the last section, on binaries that were given by their paths.
const GIVEN: &str = "## Binaries given by path\n";

/// The report as Markdown, without the name of the build directory.
#[must_use]
pub fn markdown(report: &MatrixReport, private: &str) -> String {
    MarkdownDocument(report).to_string().replace(private, "…")
}

/// The report on binaries that were given by their paths, as a section.
#[must_use]
pub fn given(report: &MatrixReport, private: &str) -> String {
    GivenSection(report).to_string().replace(private, "…")
}

/// The section of a document on binaries that were given by their paths.
#[must_use]
pub fn given_of(document: &str) -> Option<&str> {
    document.find(GIVEN).and_then(|at| document.get(at..))
}

/// A document with that section replaced.
#[must_use]
pub fn with_given(document: &str, section: &str) -> String {
    let rest = given_of(document).and_then(|given| document.strip_suffix(given)).unwrap_or(document);
    format!("{}\n\n{section}", rest.trim_end())
}

struct MarkdownDocument<'a>(&'a MatrixReport);

impl fmt::Display for MarkdownDocument<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(f, self.0)
    }
}

struct GivenSection<'a>(&'a MatrixReport);

impl fmt::Display for GivenSection<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_given(f, self.0)
    }
}

fn write_given(out: &mut impl Write, report: &MatrixReport) -> fmt::Result {
    let machine = &report.machine;
    writeln!(out, "{GIVEN}")?;
    writeln!(
        out,
        "Tested on {} by `cargo xtask matrix --binary PATH… --record` on {} ({}, kernel {}). The command does not build these \
         binaries, so only somebody who has them can repeat it. `cargo xtask matrix` without `--binary` leaves this section \
         unchanged. *origin* is the name of the file and the compiler named in it. Binaries with symbols were tested stripped and \
         compared with their symbols.\n",
        machine.date, machine.system, machine.processor, machine.kernel
    )?;
    writeln!(out, "{}\n", report.summary())?;
    findings(out, report, "###")?;
    section(out, "### What is wrong", &report.failures())
}

/// The table and its notes.
fn findings(out: &mut impl Write, report: &MatrixReport, level: &str) -> fmt::Result {
    out.write_str(&head(&HEADINGS))?;
    for findings in &report.findings {
        out.write_str(&row(&cells(findings)))?;
    }
    section(
        out,
        &format!("{level} What the live tests skip, because that memcached does not have it"),
        &left_out(report),
    )?;
    section(out, &format!("{level} What mctop notes about its probe points"), &notes(report))
}

fn write(out: &mut impl Write, report: &MatrixReport) -> fmt::Result {
    let machine = &report.machine;
    writeln!(out, "# Compatibility\n")?;
    writeln!(out, "<!-- Written by `cargo xtask matrix`; edits are lost. -->\n")?;
    writeln!(out, "{}\n", report.summary())?;
    writeln!(
        out,
        "Made on {} by `cargo xtask matrix` on {} ({}, kernel {}), with {}. To repeat it, run the command as root on Debian; \
         packages and sources come from Debian's mirrors.\n",
        machine.date,
        machine.system,
        machine.processor,
        machine.kernel,
        machine.compilers.join(" and ")
    )?;
    writeln!(
        out,
        "Packages run with their own libraries in a separate root file system. The other binaries are memcached releases, compiled \
         with the given options. The columns:\n\n\
         - *lookup probe* and *command probe*: where mctop attaches, by symbol and file offset, the kind of site, the instruction, \
         and how the function was found\n\
         - *requests*: whether the request of a lookup is read at the lookup, or by the command probe\n\
         - *events*: the probes that `--detail full` adds\n\
         - *emulated*: whether the kernel emulates the probed instructions, which costs a fifth to a tenth of single-stepping them\n\
         - *proofs*: the number of independent facts that prove the places\n\
         - *ms*: median time to find them in a release build\n\
         - *equal to symbols*: whether the places are in the functions that the symbol table names, and everything about them is \
         the same with and without symbols\n\
         - *live tests*: `tests/live`, which compares every count of mctop, with real eBPF on the running server, with what was \
         sent and with memcached's own counters\n\
\nWhat each version and build must offer is declared in `tests/support/src/expected.rs`; a deviation is a failure.\n"
    )?;
    findings(out, report, "##")?;
    let failures = report.failures();
    section(out, "## What is wrong", &failures)?;
    section(out, "## What was not available", &report.unavailable)?;
    writeln!(out, "\n## Negative controls\n")?;
    writeln!(out, "mctop must refuse each of these files, within 30 seconds and 2 GiB of address space.\n")?;
    out.write_str(&head(&["file", "why mctop refuses it"]))?;
    for verdict in &report.verdicts {
        let outcome = match &verdict.outcome {
            Ok(reason) => reason.clone(),
            Err(what) => format!("NOT REFUSED: {what}"),
        };
        out.write_str(&row(&[&verdict.name, &outcome]))?;
    }
    Ok(())
}

/// What tests left out, with the versions, or else the binaries, that do not have it.
fn left_out(report: &MatrixReport) -> Vec<String> {
    let mut left_out: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for findings in &report.findings {
        for line in findings.live.iter().flat_map(|live| &live.left_out) {
            let (of, what) = line.split_once(": ").unwrap_or(("", line));
            let is_version = of.starts_with(|first: char| first.is_ascii_digit());
            left_out.entry(what).or_default().insert(if is_version { of } else { &findings.subject.name });
        }
    }
    let one = |(what, of): (&str, BTreeSet<&str>)| format!("{what} ({})", Vec::from_iter(of).join(", "));
    left_out.into_iter().map(one).collect()
}

/// Each note with the binaries that have it.
fn notes(report: &MatrixReport) -> Vec<String> {
    let mut notes: BTreeMap<&String, Vec<&str>> = BTreeMap::new();
    for findings in &report.findings {
        for note in &findings.resolution.notes {
            notes.entry(note).or_default().push(&findings.subject.name);
        }
    }
    notes.into_iter().map(|(note, names)| format!("{note} ({})", names.join(", "))).collect()
}

fn section<'a>(out: &mut impl Write, heading: &str, items: impl IntoIterator<Item = &'a String>) -> fmt::Result {
    let mut items = items.into_iter().peekable();
    if items.peek().is_some() {
        writeln!(out, "\n{heading}\n")?;
    }
    for item in items {
        writeln!(out, "- {}", one_line(item))?;
    }
    Ok(())
}
