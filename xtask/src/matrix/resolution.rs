//! The probe points that mctop finds in a binary: the output of `mctop-devtools resolve`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use mctop_test_support::expected::{Expected, Site, offers_proxy, offers_tls};
use serde::Deserialize;

use crate::interrupt;
use crate::workspace::Workspace;

/// The longest that a resolution of any file may take, in seconds; after it, it is killed.
const TIME_MAX: &str = "30";

/// The most address space that it may use, in bytes.
const MEMORY_MAX: u64 = 2 << 30;

/// Exit code for a file that cannot be traced.
const REFUSED: i32 = 4;

/// How often it is timed; the median is reported.
const RUNS: usize = 5;

/// The probe points of a binary, or why it was refused.
#[derive(Clone, Debug, Deserialize)]
pub struct Resolution {
    /// How long it took, in milliseconds.
    pub milliseconds: f64,
    /// Why the binary cannot be traced.
    pub refused: Option<String>,
    /// memcached's version.
    pub version: Option<String>,
    /// Address of `current_time`.
    pub clock: Option<u64>,
    /// Whether an item's flags are 16 bits wide.
    #[serde(default)]
    pub wide_item_flags: bool,
    /// How requests are read at lookups, where that is proved.
    pub requests: Option<Requests>,
    /// Lookup probes.
    #[serde(default)]
    pub lookups: Vec<ResolvedPoint>,
    /// Command probes.
    #[serde(default)]
    pub commands: Vec<ResolvedPoint>,
    /// Probes on the ends of storage commands and on evictions.
    #[serde(default)]
    pub events: Vec<ResolvedPoint>,
    /// The build-id.
    pub build_id: Option<String>,
    /// What could not be found.
    #[serde(default)]
    pub notes: Vec<String>,
}

/// How requests are read at lookups.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Requests {
    /// Displacement in a connection of the address of its unread input.
    pub input: u32,
    /// Whether requests are cut into tokens in place.
    pub cut: bool,
    /// Addresses of variables that may point to the table of connections; none where the connection is at hand.
    pub tables: Vec<u64>,
}

/// A probe point.
#[derive(Clone, Debug, Deserialize)]
pub struct ResolvedPoint {
    /// The function it lies in.
    pub function: String,
    /// How that function was found.
    pub found_by: String,
    /// What the probe sees.
    pub kind: String,
    /// The kind of site.
    pub site: String,
    /// Virtual address.
    pub address: u64,
    /// Offset in the file.
    pub offset: u64,
    /// The instruction there.
    pub instruction: String,
    /// Whether the kernel emulates it.
    pub emulated: bool,
    /// The operands by name.
    pub operands: BTreeMap<String, String>,
    /// Facts that prove it.
    pub proof: Vec<String>,
}

impl ResolvedPoint {
    /// Everything that must be the same with and without symbols.
    fn place(&self) -> (u64, u64, &str, &str, bool, &BTreeMap<String, String>) {
        (self.address, self.offset, &self.site, &self.instruction, self.emulated, &self.operands)
    }
}

impl Resolution {
    /// What the build offers; `help` is the text that memcached prints.
    #[must_use]
    pub fn offered(&self, help: &str) -> Expected {
        let kinds = |points: &[ResolvedPoint], kind: &str| points.iter().any(|point| point.kind == kind);
        let first = self.lookups.first();
        Expected {
            site: match first.map(|point| &*point.site) {
                Some("exact") => Site::Exact,
                Some("early") => Site::Early,
                _ => Site::EntryAndReturn,
            },
            requests: self.requests.is_some(),
            commands: !self.commands.is_empty(),
            stores: kinds(&self.events, "store"),
            evictions: kinds(&self.events, "eviction"),
            clock: self.clock.is_some(),
            clients: self.lookups.iter().all(|point| point.operands.get("descriptor").is_some_and(|at| at != "absent")),
            tls: offers_tls(help),
            proxy: offers_proxy(help),
            stripped: self.build_id.is_some() && first.is_some_and(|point| point.found_by == "recovered"),
        }
    }

    /// The differences from the resolution of the same code with symbols.
    #[must_use]
    pub fn differences(&self, twin: &Self) -> Vec<String> {
        let mut differences = Vec::new();
        let mut compare = |what: &str, here: String, there: String| {
            if here != there {
                differences.push(format!("{what}: {here} stripped, {there} with symbols"));
            }
        };
        let places =
            |points: &[ResolvedPoint]| format!("{:x?}", points.iter().map(ResolvedPoint::place).collect::<Vec<_>>());
        compare("lookup probes", places(&self.lookups), places(&twin.lookups));
        compare("command probes", places(&self.commands), places(&twin.commands));
        compare("event probes", places(&self.events), places(&twin.events));
        // Symbols leave the right one of several tables.
        let requests = |found: &Self, tables: &[u64]| {
            let tables: Vec<u64> = found
                .requests
                .iter()
                .flat_map(|found| &found.tables)
                .filter(|table| tables.contains(table))
                .copied()
                .collect();
            let rest = found.requests.as_ref().map(|found| (found.input, found.cut));
            format!("{rest:x?} {tables:x?}")
        };
        let tables = twin.requests.iter().flat_map(|twin| twin.tables.clone()).collect::<Vec<_>>();
        compare("requests", requests(self, &tables), requests(twin, &tables));
        compare("clock", format!("{:x?}", self.clock), format!("{:x?}", twin.clock));
        compare("width of item flags", self.wide_item_flags.to_string(), twin.wide_item_flags.to_string());
        compare("version", format!("{:?}", self.version), format!("{:?}", twin.version));
        differences
    }
}

/// `mctop-devtools resolve`, built like a release.
#[derive(Debug)]
pub struct Resolver {
    program: PathBuf,
}

impl Resolver {
    /// Builds it.
    pub fn build(workspace: &Workspace) -> Result<Self> {
        let mut build = workspace.cargo();
        build.args(["build", "--release", "--locked", "--package", "mctop-devtools"]);
        crate::process::succeed(&mut build)?;
        Ok(Self { program: workspace.target.join("release/mctop-devtools") })
    }

    /// Resolves a file several times, for a median time.
    ///
    /// # Errors
    /// As [`Self::once`].
    pub fn timed(&self, file: &Path) -> Result<Resolution> {
        let mut runs = (0..RUNS).map(|_| self.once(file)).collect::<Result<Vec<_>>>()?;
        runs.sort_by(|a, b| a.milliseconds.total_cmp(&b.milliseconds));
        runs.into_iter().nth(RUNS / 2).context("nothing was run")
    }

    /// Resolves a file.
    ///
    /// # Errors
    /// When it crashes, exceeds the limits on time and memory, or prints something else than a resolution.
    pub fn once(&self, file: &Path) -> Result<Resolution> {
        let mut command = Command::new("timeout");
        command.args(["--foreground", "--signal=KILL", TIME_MAX, "prlimit", &format!("--as={MEMORY_MAX}"), "--"]);
        command.arg(&self.program).arg("resolve").arg(file).env("RUST_BACKTRACE", "0").stdin(Stdio::null());
        let output = command.output().context("cannot start timeout(1)")?;
        interrupt::check()?;
        let (status, said) =
            (output.status, String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned());
        let resolution: Resolution = serde_json::from_str(said.trim())
            .with_context(|| format!("resolving {} ended with {status} and printed: {said}", file.display()))?;
        let expected = if resolution.refused.is_some() { REFUSED } else { 0 };
        if status.code() != Some(expected) {
            bail!("resolving {} ended with {status} and printed: {said}", file.display());
        }
        Ok(resolution)
    }
}

/// The reason in mctop's refusal, without the name of the file and the advice.
#[must_use]
pub fn clause(reason: &str) -> &str {
    let reason = reason.split_once("cannot be traced: ").map_or(reason, |(_, reason)| reason);
    reason.split_once(". mctop ").map_or(reason, |(reason, _)| reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_compared() {
        let twin = resolution(0x1000, 7, "symtab");
        let requests = Requests { input: 0xb0, cut: true, tables: vec![8] };
        let other = Resolution { requests: Some(requests), ..twin.clone() };
        assert_eq!(other.differences(&twin).len(), 1);
    }

    fn resolution(offset: u64, clock: u64, found_by: &str) -> Resolution {
        let json = format!(
            r#"{{"milliseconds":1.5,"version":"1.6.18","clock":{clock},"wide_item_flags":true,"notes":[],"commands":[],
                "lookups":[{{"function":"do_item_get","kind":"lookup","found_by":"{found_by}","site":"exact","address":{offset},"offset":{offset},
                "instruction":"je","emulated":true,"operands":{{"key":"r12"}},"proof":["{found_by}"]}}]}}"#
        );
        serde_json::from_str(&json).unwrap()
    }

    #[test]
    fn how_it_was_found_makes_no_difference_and_the_rest_does() {
        let twin = resolution(0x1000, 7, "symtab");
        assert!(resolution(0x1000, 7, "recovered").differences(&twin).is_empty());
        assert_eq!(resolution(0x1001, 7, "recovered").differences(&twin).len(), 1);
        assert_eq!(resolution(0x1000, 8, "recovered").differences(&twin).len(), 1);
    }

    #[test]
    fn a_refusal_is_understood() {
        let refused: Resolution = serde_json::from_str(r#"{"path":"/x","milliseconds":0.1,"refused":"no"}"#).unwrap();
        assert_eq!(refused.refused.as_deref(), Some("no"));
    }

    #[test]
    fn the_reason_is_the_middle_of_a_refusal() {
        let full =
            "/x/memcached cannot be traced: it has no code. mctop attaches only where it can prove what it would read.";
        assert_eq!(clause(full), "it has no code");
        let needs = "/x cannot be traced: it is a script. mctop needs the x86-64 ELF executable of a memcached server.";
        assert_eq!(clause(needs), "it is a script");
        assert_eq!(clause("cannot read /x"), "cannot read /x");
    }
}
