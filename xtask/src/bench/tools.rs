//! The programs that are measured, and those that are unavailable.

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
    /// `mctop-devtools`, a release build.
    pub devtools: PathBuf,
    /// memcached.
    pub memcached: PathBuf,
    /// bpftrace, if it is installed.
    pub bpftrace: Option<PathBuf>,
    /// tcpdump, if it is installed.
    pub tcpdump: Option<PathBuf>,
    /// perf, if it is installed.
    pub perf: Option<PathBuf>,
}

/// Where memcached is probed; found by `mctop-devtools resolve`.
#[derive(Clone, Debug)]
pub struct Points {
    /// File offset of the lookup probe.
    pub lookup: u64,
    /// The instruction at the lookup probe.
    pub instruction: String,
    /// Address of the entry of the lookup function, as bpftrace takes it.
    pub entry: Option<String>,
    /// memcached's version.
    pub version: Option<String>,
}

impl Tools {
    /// Finds the programs; mctop and mctop-devtools must have been built.
    pub fn find(workspace: &Workspace) -> Result<Self> {
        let mctop = workspace.target.join("release/mctop");
        Ok(Self {
            devtools: workspace.target.join("release/mctop-devtools"),
            memcached: server::program().context("memcached is not installed; run cargo xtask setup")?,
            bpftrace: on_path("bpftrace"),
            tcpdump: on_path("tcpdump"),
            perf: on_path("perf"),
            mctop,
        })
    }

    /// What `mctop-devtools` prints with these arguments, as JSON.
    pub fn devtool(&self, arguments: &[&str]) -> Result<Value> {
        let text = process::output(Command::new(&self.devtools).args(arguments))?;
        serde_json::from_str(text.trim()).context("mctop-devtools printed something that is not JSON")
    }

    /// Where memcached is probed.
    pub fn points(&self) -> Result<Points> {
        let memcached = self.memcached.display().to_string();
        let found = self.devtool(&["resolve", &memcached])?;
        let whole = self.devtool(&["resolve", "--site", "entry-and-return", &memcached]).unwrap_or_default();
        let lookup = found.pointer("/lookups/0").context("memcached has no lookup probe")?;
        let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
        let entry = whole.get("lookups").and_then(Value::as_array).and_then(|points| {
            points.iter().find(|point| text(point, "kind").as_deref() == Some("lookup_enter"))?.get("address")?.as_u64()
        });
        Ok(Points {
            lookup: lookup.get("offset").and_then(Value::as_u64).context("the lookup probe has no offset")?,
            instruction: text(lookup, "instruction").unwrap_or_default(),
            entry: entry.map(|address| format!("{address:#x}")),
            version: text(&found, "version"),
        })
    }

    /// The first line of a tool's `--version`.
    #[must_use]
    pub fn version(program: &Path) -> String {
        let output = process::probe(Command::new(program).arg("--version")).unwrap_or_default();
        output.lines().next().unwrap_or("of unknown version").trim().to_owned()
    }
}

/// Why a tool that is often recommended is not among the observers.
pub const NOT_HERE: [&str; 1] = [
    "memkeys and other packet-sniffing tools for memcached: not in Debian, crates.io, PyPI or npm; tcpdump with a counter of \
     requests stands in for them",
];

fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let sbin = [PathBuf::from("/usr/sbin"), PathBuf::from("/usr/bin")];
    std::env::split_paths(&path).chain(sbin).map(|directory| directory.join(name)).find(|program| program.is_file())
}
