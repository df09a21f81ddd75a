//! `cargo xtask test`: all tests, also those that need root, eBPF or a server, and one line that sums them up.
//!
//! Plain `cargo test` ignores tests that need something of the machine, each with the reason `needs A, B and C`. This command runs
//! those whose requirements are met, says which are not tested and why, and fails for them in continuous integration.

mod summary;

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use mctop_test_support::requirements::Requirement;

use crate::memcached;
use crate::process;
use crate::workspace::Workspace;
use summary::{Ignored, Summary};

/// Arguments of `cargo xtask test`.
#[derive(clap::Args)]
pub struct Args {
    /// Leave out the tests that need root, eBPF, a server or a browser
    #[arg(long)]
    quick: bool,
    /// Run only tests whose name contains one of these
    filter: Vec<String>,
}

/// Runs the command; the last line of its standard output is `N passed, N failed, N skipped`.
pub fn run(args: &Args) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    let in_ci = std::env::var_os("CI").is_some_and(|value| value == "true");
    let mut summary = Summary::default();
    cargo_test(&workspace, &[], &args.filter, &mut summary)?;
    let ignored = std::mem::take(&mut summary.ignored);
    let Sorted { ready, lacking, unknown } = sort(ignored, args.quick);
    for test in unknown {
        eprintln!("test: {} never runs: its reason {:?} names no known requirement", test.name, test.reason);
        summary.failed += 1;
    }
    if !ready.is_empty() {
        let names: Vec<String> = ready.into_iter().map(|test| test.name).collect();
        cargo_test(&workspace, &["--ignored", "--exact"], &names, &mut summary)?;
    }
    for (requirement, (why, tests)) in lacking {
        eprintln!("test: NOT TESTED: {tests} tests that need {requirement}: {why}");
        if in_ci && !args.quick && !requirement.is_optional() {
            summary.failed += tests;
        } else {
            summary.skipped += tests;
        }
    }
    println!("{summary}");
    Ok(if summary.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs tests by cargo, and adds up their results.
fn cargo_test(workspace: &Workspace, options: &[&str], names: &[String], summary: &mut Summary) -> Result<()> {
    let mut command = workspace.cargo();
    command.args(["test", "--workspace", "--locked", "--no-fail-fast", "--"]).args(options).args(names);
    let failed = summary.failed;
    let status = process::lines(&mut command, |line| {
        println!("{line}");
        summary.read(line);
    })?;
    if !status.success() && summary.failed == failed {
        eprintln!("test: cargo failed ({status}) before or between the tests");
        summary.failed += 1;
    }
    Ok(())
}

/// Ignored tests by what they need.
#[derive(Debug, Default)]
struct Sorted {
    /// All that they need is here.
    ready: Vec<Ignored>,
    /// The first requirement of tests that is not met, why not, and how many they are.
    lacking: BTreeMap<Requirement, (String, u64)>,
    /// They do not say what they need.
    unknown: Vec<Ignored>,
}

/// Sorts ignored tests; in a quick run, nothing that they need is looked for.
fn sort(ignored: Vec<Ignored>, quick: bool) -> Sorted {
    let missing: BTreeMap<Requirement, String> = Requirement::ALL
        .into_iter()
        .filter_map(|each| Some((each, if quick { "this is a quick run".into() } else { missing(each)? })))
        .collect();
    let mut sorted = Sorted::default();
    for test in ignored {
        let Some(needs) = Requirement::parse(&test.reason) else {
            sorted.unknown.push(test);
            continue;
        };
        match needs.iter().find_map(|need| missing.get_key_value(need)) {
            None => sorted.ready.push(test),
            Some((need, why)) => sorted.lacking.entry(*need).or_insert_with(|| (why.clone(), 0)).1 += 1,
        }
    }
    sorted
}

/// Why a requirement is not met; memcached is installed first where that is possible.
fn missing(requirement: Requirement) -> Option<String> {
    if requirement == Requirement::Memcached
        && let Err(error) = memcached::find()
    {
        return Some(format!("{error:#}"));
    }
    requirement.missing()
}

/// Fails unless programs with real eBPF on a real server can run here.
///
/// # Errors
/// Everything that is missing.
pub fn demand_live() -> Result<()> {
    let reasons: Vec<String> =
        [Requirement::Root, Requirement::Ebpf].into_iter().filter_map(Requirement::missing).collect();
    if !reasons.is_empty() {
        bail!("mctop cannot watch a server here: {}", reasons.join("; "));
    }
    memcached::find().map(drop).context("mctop cannot watch a server here")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_sorted_by_what_they_need() {
        let test = |reason: &str| Ignored { name: "a".into(), reason: reason.into() };
        let all = || vec![test("needs root and eBPF"), test("needs Chromium"), test("slow"), test("")];
        let quick = sort(all(), true);
        assert_eq!((quick.ready.len(), quick.unknown.len()), (0, 2));
        let lacking: Vec<(Requirement, u64)> =
            quick.lacking.into_iter().map(|(need, (_, tests))| (need, tests)).collect();
        assert_eq!(lacking, [(Requirement::Root, 1), (Requirement::Chromium, 1)]);
    }
}
