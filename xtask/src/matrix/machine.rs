//! Where and when the matrix was run.

use std::fs;
use std::num::NonZero;
use std::process::Command;
use std::thread;

use anyhow::{Context, Result};

use super::build::Compilers;
use crate::process;

/// The machine and the day of a run.
#[derive(Clone, Debug)]
pub struct MatrixMachine {
    /// Processor and number of cores.
    pub processor: String,
    /// Distribution.
    pub system: String,
    /// Kernel release.
    pub kernel: String,
    /// Compilers, with their versions.
    pub compilers: Vec<String>,
    /// Day, in UTC: YYYY-MM-DD.
    pub date: String,
}

impl MatrixMachine {
    /// Reads the facts of this machine.
    pub fn ask(compilers: Option<&Compilers>) -> Result<Self> {
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        let model = value("/proc/cpuinfo", "model name")?;
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").context("cannot read the kernel's release")?;
        Ok(Self {
            processor: format!("{model}, {cores} cores"),
            system: value("/etc/os-release", "PRETTY_NAME")?,
            kernel: kernel.trim().to_owned(),
            compilers: compilers
                .into_iter()
                .flat_map(Compilers::all)
                .map(|compiler| compiler.version.clone())
                .collect(),
            date: process::output(Command::new("date").args(["--utc", "+%F"]))?.trim().to_owned(),
        })
    }
}

/// The value of the first line `KEY=value` or `key : value` of a file.
fn value(file: &str, key: &str) -> Result<String> {
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {file}"))?;
    let line = text.lines().find_map(|line| line.strip_prefix(key)).with_context(|| format!("{file} has no {key}"))?;
    Ok(line.trim_start_matches(['=', ':', ' ', '\t']).trim_matches('"').to_owned())
}
