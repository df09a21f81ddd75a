//! The machine, load and commit of a measurement.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::Bench;
use super::report::BenchMachine;
use super::tools::Tools;
use crate::{machine, process};

/// Describes this machine and the versions of the tools.
pub fn describe(bench: &Bench) -> Result<BenchMachine> {
    let tools = &bench.tools;
    let mut versions = vec![
        format!("memcached {}", bench.points.version.as_deref().unwrap_or("of unknown version")),
        Tools::version(&tools.mctop),
    ];
    versions.extend([&tools.bpftrace, &tools.tcpdump].into_iter().flatten().map(|tool| Tools::version(tool)));
    Ok(BenchMachine {
        processor: machine::processor()?,
        system: machine::system()?,
        kernel: machine::kernel()?,
        memory: machine::memory()?,
        versions,
    })
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
