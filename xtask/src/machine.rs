//! Facts about this machine and the day, for reports.

use std::fs;
use std::num::NonZero;
use std::process::Command;
use std::thread;

use anyhow::{Context, Result};

use crate::process;

/// The processor and its number of cores.
pub fn processor() -> Result<String> {
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    Ok(format!("{}, {cores} cores", value("/proc/cpuinfo", "model name")?))
}

/// The distribution.
pub fn system() -> Result<String> {
    value("/etc/os-release", "PRETTY_NAME")
}

/// The kernel's release.
pub fn kernel() -> Result<String> {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").context("cannot read the kernel's release")?;
    Ok(release.trim().to_owned())
}

/// The machine's memory, bytes.
pub fn memory() -> Result<u64> {
    let total = value("/proc/meminfo", "MemTotal")?;
    let kib: u64 = total.split_whitespace().next().and_then(|kib| kib.parse().ok()).context("no MemTotal")?;
    Ok(kib * 1024)
}

/// Today, in UTC: YYYY-MM-DD.
pub fn date() -> Result<String> {
    Ok(process::output(Command::new("date").args(["--utc", "+%F"]))?.trim().to_owned())
}

/// The value of the first line `KEY=value` or `key : value` of a file.
fn value(file: &str, key: &str) -> Result<String> {
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {file}"))?;
    let line = text.lines().find_map(|line| line.strip_prefix(key)).with_context(|| format!("{file} has no {key}"))?;
    Ok(line.trim_start_matches(['=', ':', ' ', '\t']).trim_matches('"').to_owned())
}
