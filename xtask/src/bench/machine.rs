//! The machine, date and commit of a measurement.

use std::fs;
use std::num::NonZero;
use std::path::Path;
use std::process::Command;
use std::thread;

use anyhow::{Context, Result};

use super::Bench;
use super::report::BenchMachine;
use super::tools::Tools;
use crate::process;

/// Describes this machine and the versions of the tools.
pub fn describe(bench: &Bench) -> Result<BenchMachine> {
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let model = value("/proc/cpuinfo", "model name")?;
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").context("cannot read the kernel's release")?;
    let memory = value("/proc/meminfo", "MemTotal")?;
    let kib: u64 = memory.split_whitespace().next().and_then(|kib| kib.parse().ok()).context("no MemTotal")?;
    let tools = &bench.tools;
    let mut versions = vec![
        format!("memcached {}", bench.points.version.as_deref().unwrap_or("of unknown version")),
        Tools::version(&tools.mctop),
    ];
    versions.extend([&tools.bpftrace, &tools.tcpdump].into_iter().flatten().map(|tool| Tools::version(tool)));
    Ok(BenchMachine {
        processor: format!("{model}, {cores} cores"),
        system: value("/etc/os-release", "PRETTY_NAME")?,
        kernel: kernel.trim().to_owned(),
        memory: kib * 1024,
        versions,
    })
}

/// Today, in UTC.
///
/// # Errors
/// When `date` cannot be run.
pub fn date() -> Result<String> {
    Ok(process::output(Command::new("date").args(["--utc", "+%F"]))?.trim().to_owned())
}

/// The commit that is checked out, with `-dirty` when a tracked file outside docs/ differs from it.
///
/// # Errors
/// Outside a git repository.
pub fn commit(root: &Path) -> Result<String> {
    let git = |arguments: &[&str]| process::output(Command::new("git").current_dir(root).args(arguments));
    let commit = git(&["rev-parse", "--short=12", "HEAD"])?;
    let changed = git(&["status", "--porcelain", "--untracked-files=no", "--", ".", ":(exclude)docs"])?;
    Ok(format!("{}{}", commit.trim(), if changed.trim().is_empty() { "" } else { "-dirty" }))
}

/// Load average over one minute.
pub fn load() -> Result<f64> {
    let text = fs::read_to_string("/proc/loadavg").context("cannot read the load average")?;
    text.split_whitespace().next().and_then(|word| word.parse().ok()).context("/proc/loadavg has no number")
}

/// The value of the first line `KEY=value` or `key : value` of a file.
fn value(file: &str, key: &str) -> Result<String> {
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {file}"))?;
    let line = text.lines().find_map(|line| line.strip_prefix(key)).with_context(|| format!("{file} has no {key}"))?;
    Ok(line.trim_start_matches(['=', ':', ' ', '\t']).trim_matches('"').to_owned())
}
