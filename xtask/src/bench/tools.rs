//! The programs that take part, and those that cannot be had here.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::process;
use crate::server;
use crate::workspace::Workspace;

/// Where the programs are.
#[derive(Clone, Debug)]
pub struct Tools {
    /// mctop, a release build.
    pub mctop: PathBuf,
    /// `mctop-gauge`, likewise.
    pub gauge: PathBuf,
    /// memcached.
    pub memcached: PathBuf,
    /// bpftrace, if it is installed.
    pub bpftrace: Option<PathBuf>,
    /// tcpdump, if it is installed.
    pub tcpdump: Option<PathBuf>,
    /// perf, if it is installed.
    pub perf: Option<PathBuf>,
}

/// Where memcached is probed; what `mctop-gauge points` prints.
#[derive(Clone, Debug)]
pub struct Points {
    /// File offset of the lookup probe.
    pub lookup: u64,
    /// Its instruction.
    pub instruction: String,
    /// Address of the entry of the lookup function, as bpftrace takes it.
    pub entry: Option<String>,
    /// memcached's version.
    pub version: Option<String>,
}

impl Tools {
    /// Finds them; mctop and the gauge must have been built.
    ///
    /// # Errors
    /// When there is no memcached.
    pub fn find(workspace: &Workspace) -> Result<Self> {
        let mctop = workspace.target.join("release/mctop");
        Ok(Self {
            gauge: workspace.target.join("release/mctop-gauge"),
            memcached: server::program().context("memcached is not installed; run cargo xtask setup")?,
            bpftrace: on_path("bpftrace"),
            tcpdump: on_path("tcpdump"),
            perf: on_path("perf"),
            mctop,
        })
    }

    /// One answer of the gauge, as JSON.
    ///
    /// # Errors
    /// When it fails.
    pub fn gauge(&self, arguments: &[&str]) -> Result<Value> {
        let text = process::output(Command::new(&self.gauge).args(arguments))?;
        serde_json::from_str(text.trim()).context("mctop-gauge printed something that is not JSON")
    }

    /// Where memcached is probed.
    ///
    /// # Errors
    /// When mctop cannot trace it.
    pub fn points(&self) -> Result<Points> {
        let points = self.gauge(&["points", &self.memcached.display().to_string()])?;
        let number = |path: &str| points.pointer(path).and_then(Value::as_u64);
        let text = |path: &str| points.pointer(path).and_then(Value::as_str).map(str::to_owned);
        Ok(Points {
            lookup: number("/lookup/offset").context("memcached has no lookup probe")?,
            instruction: text("/lookup/instruction").unwrap_or_default(),
            entry: number("/entry/address").map(|address| format!("{address:#x}")),
            version: text("/version"),
        })
    }

    /// The first line a tool says of its version.
    #[must_use]
    pub fn version(program: &Path) -> String {
        let said = process::probe(Command::new(program).arg("--version")).unwrap_or_default();
        said.lines().next().unwrap_or("of unknown version").trim().to_owned()
    }
}

/// Why a tool that issue threads and incident reports name is not among the observers.
pub const NOT_HERE: [&str; 1] = [
    "memkeys and other packet-sniffing tools for memcached: not in Debian, crates.io, PyPI or npm; tcpdump with a counter of \
     requests stands in for them",
];

fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let sbin = [PathBuf::from("/usr/sbin"), PathBuf::from("/usr/bin")];
    std::env::split_paths(&path).chain(sbin).map(|directory| directory.join(name)).find(|program| program.is_file())
}
