//! `cargo xtask matrix`: many builds of memcached, each resolved, compared with its symbols and watched live.

mod build;
mod controls;
mod given;
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
use crate::test;
use crate::workspace::Workspace;
use build::Compilers;
use live::{Memcached, Tests};
use machine::MatrixMachine;
use plan::{MatrixPlan, Stock};
use report::{HEADINGS, MatrixReport};
use resolution::Resolver;
use subject::{Findings, TestSubject};

/// Where the report is kept.
const DOCUMENT: &str = "docs/compatibility.md";

/// The fewest memcached binaries of the whole matrix.
const MINIMUM: usize = 30;

/// Arguments of `cargo xtask matrix`.
#[derive(clap::Args)]
pub struct MatrixArgs {
    /// Only the stock package and three stripped builds of one version, in a few minutes
    #[arg(long)]
    reduced: bool,
    /// Keep the trees that memcached is compiled in
    #[arg(long)]
    keep: bool,
    /// Try these memcached binaries instead of the declared ones: old releases, a distribution's builds, …
    #[arg(long, value_name = "PATH", num_args = 1.., conflicts_with_all = ["reduced", "keep", "filter"])]
    binary: Vec<PathBuf>,
    /// Also write the results of those binaries into their own section of the document
    #[arg(long, requires = "binary")]
    record: bool,
    /// Try only binaries whose name contains one of these, and no negative controls (bookworm-package, 1.6.18-gcc-O3-stripped, …)
    filter: Vec<String>,
}

/// Runs the command; writes the document when nothing was left out.
///
/// # Errors
/// When something that all builds need is missing; failures of single builds are an exit code.
pub fn run(args: &MatrixArgs) -> Result<ExitCode> {
    if std::env::consts::ARCH != "x86_64" {
        bail!("the matrix consists of x86-64 binaries, and this machine has another architecture");
    }
    test::demand_live()?;
    let workspace = Workspace::find()?;
    let below = workspace.target.join("matrix");
    let logs = below.join("logs");
    fs::create_dir_all(&logs).with_context(|| format!("cannot create {}", logs.display()))?;
    if args.binary.is_empty() {
        declared(args, &workspace, &below, &logs)
    } else {
        given(args, &workspace, &below, &logs)
    }
}

/// Tries the declared builds.
fn declared(args: &MatrixArgs, workspace: &Workspace, below: &Path, logs: &Path) -> Result<ExitCode> {
    let compilers = Compilers::find()?;
    let plan = MatrixPlan { reduced: args.reduced, keep: args.keep, filter: args.filter.clone() };
    let stock = plan.fetch(&compilers, below)?;
    let resolver = Resolver::build(workspace)?;
    let tests = Tests::build(workspace)?;

    let whole = !args.reduced && args.filter.is_empty();
    let own = [workspace.target.join("debug/mctop"), workspace.target.join("release/mctop-devtools")];
    let verdicts =
        if args.filter.is_empty() { controls(&stock, &own, &below.join("controls"), &resolver)? } else { Vec::new() };
    let (findings, broken) = attempt(stock.subjects, &resolver, &tests, logs)?;
    let machine = MatrixMachine::ask(Some(&compilers))?;
    let report = MatrixReport { machine, findings, broken, verdicts, unavailable: stock.unavailable };
    if whole {
        let path = workspace.path(DOCUMENT);
        let document = report::markdown(&report, &below.display().to_string());
        // Binaries that are not at hand in this run keep their section.
        let before = fs::read_to_string(&path).unwrap_or_default();
        let document = report::given_of(&before).map_or(document.clone(), |kept| report::with_given(&document, kept));
        fs::create_dir_all(path.parent().context("the document has no directory")?)
            .and_then(|()| fs::write(&path, document))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    let mut failures = Vec::new();
    if args.reduced && !report.unavailable.is_empty() {
        failures.push("the reduced matrix is not complete".into());
    }
    if whole && report.findings.len() < MINIMUM {
        failures.push(format!("{} binaries of memcached were tried; {MINIMUM} are needed", report.findings.len()));
    }
    Ok(conclude(&report, failures, logs))
}

/// Tries binaries that are given by their paths.
fn given(args: &MatrixArgs, workspace: &Workspace, below: &Path, logs: &Path) -> Result<ExitCode> {
    let subjects = given::subjects(&args.binary, below)?;
    let resolver = Resolver::build(workspace)?;
    let tests = Tests::build(workspace)?;
    let (findings, broken) = attempt(subjects, &resolver, &tests, logs)?;
    let machine = MatrixMachine::ask(None)?;
    let report = MatrixReport { machine, findings, broken, verdicts: Vec::new(), unavailable: Vec::new() };
    let section = report::given(&report, &below.display().to_string());
    println!("{section}");
    if args.record {
        let path = workspace.path(DOCUMENT);
        let before = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        fs::write(&path, report::with_given(&before, &section))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(conclude(&report, Vec::new(), logs))
}

/// Findings, and what crashed, hung or could not be run.
type AttemptResults = (Vec<Findings>, Vec<String>);

/// Tries each and prints its row.
fn attempt(subjects: Vec<TestSubject>, resolver: &Resolver, tests: &Tests, logs: &Path) -> Result<AttemptResults> {
    let (mut findings, mut broken) = (Vec::new(), Vec::new());
    println!("{}", HEADINGS.join(" | "));
    let all: Vec<Memcached> = subjects.iter().map(|subject| subject.memcached.clone()).collect();
    if all.len() < 2 {
        println!("matrix: NOT TESTED, because there is only one memcached: two builds at once");
    }
    for subject in subjects {
        interrupt::check()?;
        let name = subject.name.clone();
        let second = all.iter().find(|other| **other != subject.memcached);
        match Findings::of(subject, second, resolver, tests, logs) {
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
    Ok((findings, broken))
}

/// Checks the negative controls and prints the results.
fn controls(stock: &Stock, own: &[PathBuf], below: &Path, resolver: &Resolver) -> Result<Vec<controls::ControlResult>> {
    let mut all = controls::others(stock.apt.as_ref(), own, below)?;
    if let Some(subject) = stock.subjects.iter().find(|subject| subject.kind != subject::BinaryOrigin::Unstripped) {
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

/// Prints the conclusion; `failures` are those of the run itself.
fn conclude(report: &MatrixReport, failures: Vec<String>, logs: &Path) -> ExitCode {
    for what in &report.unavailable {
        println!("matrix: not available: {what}");
    }
    let mut failures = [report.failures(), failures].concat();
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
    println!("matrix: the output of the live tests is in {}", logs.display());
    ExitCode::FAILURE
}
