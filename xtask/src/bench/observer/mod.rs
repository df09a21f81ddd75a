//! The observers that are compared: mctop, an empty probe, and other tools that see the requested keys.

pub mod child;
mod fetchers;
mod packets;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use super::tools::Tools;
use super::usage;
use child::{ReadyOn, Watcher};
use fetchers::Fetchers;
use packets::Packets;

/// Size of bpftrace's maps, as large as mctop's tables; its default of 4,096 would lose keys here.
const BPFTRACE_KEYS: &str = "65536";

/// A way to watch a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Observer {
    /// No observer.
    Unobserved,
    /// A program of two instructions at mctop's lookup probe.
    Empty,
    /// mctop at its lowest level of detail.
    MctopLookup,
    /// mctop at its highest level of detail.
    Mctop,
    /// bpftrace, counting by key at the entry of the lookup function.
    BpftraceCount,
    /// bpftrace, counting by key and outcome at entry and return of the lookup function.
    BpftraceOutcome,
    /// memcached's own `watch fetchers`.
    Fetchers,
    /// tcpdump on the loopback interface, its packets read for requests.
    Packets,
}

impl Observer {
    /// All, in the order of reports.
    pub const ALL: [Self; 8] = [
        Self::Unobserved,
        Self::Empty,
        Self::MctopLookup,
        Self::Mctop,
        Self::BpftraceCount,
        Self::BpftraceOutcome,
        Self::Fetchers,
        Self::Packets,
    ];

    /// Its name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unobserved => "nobody",
            Self::Empty => "empty program",
            Self::MctopLookup => "mctop lookup",
            Self::Mctop => "mctop full",
            Self::BpftraceCount => "bpftrace count by key",
            Self::BpftraceOutcome => "bpftrace entry+uretprobe hit/miss",
            Self::Fetchers => "watch fetchers",
            Self::Packets => "tcpdump",
        }
    }
}

/// The watched process.
#[derive(Clone, Debug)]
pub struct WatchedProcess {
    /// Process id.
    pub pid: u32,
    /// Its binary's path.
    pub binary: PathBuf,
    /// Where it listens, if it is a memcached.
    pub address: Option<SocketAddr>,
    /// Offset of the lookup probe in its file.
    pub lookup: u64,
    /// The lookup function, as an address or a symbol for bpftrace.
    pub entry: Option<String>,
    /// bpftrace's names of the arguments that are the key and its length.
    pub arguments: [&'static str; 2],
}

/// A running observer.
#[derive(Debug)]
pub enum Watching {
    /// No observer.
    Unobserved,
    /// A child process.
    Child(Observer, Watcher),
    /// A thread that reads from a connection.
    Fetchers(Fetchers),
    /// tcpdump, and a thread that reads its output.
    Packets(Packets),
}

/// An observer's result.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Number of operations counted.
    pub operations: Option<u64>,
    /// Losses that it reports.
    pub lost: Option<String>,
    /// mctop's JSON; null for others.
    pub document: Value,
}

impl Observer {
    /// Starts to watch.
    pub fn start(self, tools: &Tools, subject: &WatchedProcess) -> Result<Watching> {
        let pid = subject.pid.to_string();
        let image = format!("/proc/{pid}/exe");
        let offset = subject.lookup.to_string();
        let at = ["--pid", &pid, "--image", &image, "--offset", &offset];
        let devtool = |what: &str| {
            let mut command = Command::new(&tools.devtools);
            command.arg(what).args(at);
            Watcher::start(&mut command, ReadyOn::Stdout, "ready")
        };
        let watcher = match self {
            Self::Unobserved => return Ok(Watching::Unobserved),
            Self::Fetchers => {
                return Fetchers::start(subject.address.context("only memcached has it")?).map(Watching::Fetchers);
            }
            Self::Packets => {
                let tcpdump = tools.tcpdump.as_ref().context("tcpdump is not installed")?;
                return Packets::start(tcpdump, subject.address.context("it has no port")?).map(Watching::Packets);
            }
            Self::Empty => devtool("empty")?,
            Self::MctopLookup if subject.address.is_none() => devtool("lookup")?,
            Self::MctopLookup => mctop(tools, &pid, &["--detail", "lookup"])?,
            Self::Mctop => {
                subject.address.context("mctop watches memcached only")?;
                mctop(tools, &pid, &["--detail", "full"])?
            }
            Self::BpftraceCount => {
                let [key, len] = subject.arguments;
                let entry = subject.entry.as_ref().context("the lookup function's entry is not known")?;
                let place = format!("uprobe:{}:{entry}", subject.binary.display());
                bpftrace(tools, &pid, &format!("{place} {{ @calls[str({key}, {len})] = count(); }}"))?
            }
            Self::BpftraceOutcome => {
                let [key, len] = subject.arguments;
                let entry = subject.entry.as_ref().context("the lookup function's entry is not known")?;
                let place = format!("probe:{}:{entry}", subject.binary.display());
                bpftrace(
                    tools,
                    &pid,
                    &format!(
                        "u{place} {{ @key[tid] = {key}; @len[tid] = {len}; }} uret{place} /@key[tid]/ {{ \
                         @calls[str(@key[tid], @len[tid]), retval != 0] = count(); delete(@key[tid]); delete(@len[tid]); }}"
                    ),
                )?
            }
        };
        Ok(Watching::Child(self, watcher))
    }
}

/// `mctop dump`, until it is interrupted.
fn mctop(tools: &Tools, pid: &str, options: &[&str]) -> Result<Watcher> {
    let mut command = Command::new(&tools.mctop);
    command.args(["dump", "--verbose", "--duration", "3600", "--format", "json", "--limit", "20000", "--pid", pid]);
    Watcher::start(command.args(options), ReadyOn::Stderr, "watching for")
}

fn bpftrace(tools: &Tools, pid: &str, program: &str) -> Result<Watcher> {
    let bpftrace = tools.bpftrace.as_ref().context("bpftrace is not installed")?;
    // bpftrace reports attaching too early; an interval probe fires only after all probes are attached.
    let ready = "interval:ms:50 /!@ready/ { @ready = 1; printf(\"ready\\n\"); }";
    let mut command = Command::new(bpftrace);
    command.env("BPFTRACE_MAP_KEYS_MAX", BPFTRACE_KEYS).args(["--unsafe", "-f", "json", "-p", pid, "-e"]);
    Watcher::start(command.arg(format!("{program} {ready}")), ReadyOn::Stdout, "ready")
}

impl Watching {
    /// CPU time of the observer's own process or thread so far, in nanoseconds.
    pub fn cpu_ns(&self) -> Result<u64> {
        match self {
            Self::Unobserved => Ok(0),
            Self::Child(_, watcher) => usage::cpu_ns(watcher.pid()),
            Self::Fetchers(fetchers) => Ok(fetchers.cpu_ns()),
            Self::Packets(packets) => usage::cpu_ns(packets.pid()),
        }
    }

    /// Process id of a child process.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        match self {
            Self::Child(_, watcher) => Some(watcher.pid()),
            Self::Packets(packets) => Some(packets.pid()),
            Self::Unobserved | Self::Fetchers(_) => None,
        }
    }

    /// Stops the observer.
    pub fn end(self) -> Result<Seen> {
        match self {
            Self::Unobserved => Ok(Seen::default()),
            Self::Fetchers(fetchers) => Ok(fetchers.end()),
            Self::Packets(packets) => packets.end(),
            Self::Child(observer, watcher) => {
                let ended = watcher.end()?;
                let mut seen = Seen::default();
                match observer {
                    Observer::Mctop | Observer::MctopLookup if ended.out.contains("\"totals\"") => {
                        let document: Value =
                            serde_json::from_str(&ended.out).context("mctop printed something that is not JSON")?;
                        seen.operations = document.pointer("/totals/calls").and_then(Value::as_u64);
                        seen.document = document;
                    }
                    Observer::MctopLookup => {
                        let last = ended.out.lines().last().unwrap_or_default();
                        seen.operations = serde_json::from_str::<Value>(last)?.get("calls").and_then(Value::as_u64);
                    }
                    Observer::BpftraceCount | Observer::BpftraceOutcome => {
                        seen.operations = Some(sum_of_calls(&ended.out));
                        seen.lost = lost_by_bpftrace(&ended.error);
                    }
                    _ => {}
                }
                Ok(seen)
            }
        }
    }
}

/// The sum over bpftrace's map `@calls`, in its JSON lines.
fn sum_of_calls(out: &str) -> u64 {
    let maps = out.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    maps.filter_map(|line| line.pointer("/data/@calls").and_then(Value::as_object).cloned())
        .flat_map(|calls| calls.into_iter().filter_map(|(_, count)| count.as_u64()))
        .sum()
}

fn lost_by_bpftrace(error: &str) -> Option<String> {
    let line = error.lines().find(|line| line.to_lowercase().contains("lost") || line.contains("Map full"))?;
    Some(line.trim().to_owned())
}
