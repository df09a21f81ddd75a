//! `cargo xtask matrix`: many builds of memcached, each resolved, compared with its symbols and watched live.

mod bounded;
mod build;
mod controls;
pub(crate) mod live;
mod machine;
mod plan;
mod report;
mod resolution;
mod subject;
mod truth;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use crate::interrupt;
use crate::test::requirements;
use crate::workspace::Workspace;
use build::Compilers;
use live::{Memcached, Tests};
use machine::Machine;
use plan::{Plan, Stock};
use report::{HEADINGS, Report};
use resolution::Resolver;
use subject::Findings;

/// Where the report is kept.
const DOCUMENT: &str = "docs/compatibility.md";

/// How many memcached binaries the whole matrix must have.
const MINIMUM: usize = 30;

/// Arguments of `cargo xtask matrix`.
#[derive(clap::Args)]
pub struct Args {
    /// Only the stock package and three stripped builds of one version, in a few minutes
    #[arg(long)]
    reduced: bool,
    /// Keep the trees that memcached is compiled in
    #[arg(long)]
    keep: bool,
    /// Only binaries, and no negative controls, whose name contains one of these (bookworm-package, 1.6.18-gcc-O3-stripped, …)
    filter: Vec<String>,
}

/// Runs the command; writes the document when nothing was left out.
///
/// # Errors
/// When something that everything needs is missing; what goes wrong with one memcached is an exit code.
pub fn run(args: &Args) -> Result<ExitCode> {
    if std::env::consts::ARCH != "x86_64" {
        bail!("the matrix is one of x86-64 binaries, and this machine is of another architecture");
    }
    requirements::demand_live()?;
    let workspace = Workspace::find()?;
    let below = workspace.target.join("matrix");
    let logs = below.join("logs");
    fs::create_dir_all(&logs).with_context(|| format!("cannot create {}", logs.display()))?;
    let compilers = Compilers::find()?;
    let plan = Plan { reduced: args.reduced, keep: args.keep, filter: args.filter.clone() };
    let stock = plan.fetch(&compilers, &below)?;
    let resolver = Resolver::build(&workspace)?;
    let tests = Tests::build(&workspace)?;

    let whole = !args.reduced && args.filter.is_empty();
    let own = [workspace.target.join("debug/mctop"), workspace.target.join("release/examples/resolve")];
    let verdicts =
        if args.filter.is_empty() { controls(&stock, &own, &below.join("controls"), &resolver)? } else { Vec::new() };
    let (mut findings, mut broken) = (Vec::new(), Vec::new());
    println!("{}", HEADINGS.join(" | "));
    let all: Vec<Memcached> = stock.subjects.iter().map(|subject| subject.memcached.clone()).collect();
    if all.len() < 2 {
        println!("matrix: NOT TESTED, because there is only one memcached: two builds at once");
    }
    for subject in stock.subjects {
        interrupt::check()?;
        let name = subject.name.clone();
        let second = all.iter().find(|other| **other != subject.memcached);
        match Findings::of(subject, second, &resolver, &tests, &logs) {
            Ok(found) => {
                println!("{}", report::cells(&found).join(" | "));
                findings.push(found);
            }
            Err(error) => {
                interrupt::check()?;
                println!("{name}: {error:#}");
                broken.push(format!("{name}: {error:#}"));
            }
        }
    }
    let report =
        Report { machine: Machine::ask(&compilers)?, findings, broken, verdicts, unavailable: stock.unavailable };
    if whole {
        let path = workspace.path(DOCUMENT);
        let private = below.display().to_string();
        fs::create_dir_all(path.parent().context("the document has no directory")?)
            .and_then(|()| fs::write(&path, report::markdown(&report, &private)))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(conclude(&report, args.reduced, whole, &logs))
}

/// Checks the negative controls and prints how they went.
fn controls(stock: &Stock, own: &[PathBuf], below: &Path, resolver: &Resolver) -> Result<Vec<controls::Verdict>> {
    let mut all = controls::others(stock.apt.as_ref(), own, below)?;
    if let Some(subject) = stock.subjects.iter().find(|subject| subject.kind != subject::Kind::Unstripped) {
        all.extend(controls::damaged(&subject.memcached.file, &below.join("damaged"))?);
    }
    all.extend(stock.controls.iter().cloned());
    let mut verdicts = Vec::new();
    for control in &all {
        let verdict = controls::check(control, resolver)?;
        match &verdict.outcome {
            Ok(reason) => println!("control {}: refused: {reason}", verdict.name),
            Err(what) => println!("control {}: NOT REFUSED: {what}", verdict.name),
        }
        verdicts.push(verdict);
    }
    Ok(verdicts)
}

/// Prints what the run comes to.
fn conclude(report: &Report, reduced: bool, whole: bool, logs: &Path) -> ExitCode {
    for what in &report.unavailable {
        println!("matrix: could not be had: {what}");
    }
    let mut failures = report.failures();
    if reduced && !report.unavailable.is_empty() {
        failures.push("the reduced matrix is not complete".into());
    }
    if whole && report.findings.len() < MINIMUM {
        failures.push(format!("{} binaries of memcached were tried; {MINIMUM} are needed", report.findings.len()));
    }
    if report.findings.is_empty() {
        failures.push("no memcached was tried".into());
    }
    for failure in &failures {
        println!("matrix: FAILED: {failure}");
    }
    println!("matrix: {}", report.summary());
    if failures.is_empty() {
        return ExitCode::SUCCESS;
    }
    println!("matrix: what the live tests said is in {}", logs.display());
    ExitCode::FAILURE
}
