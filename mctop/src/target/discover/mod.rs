//! Finds running memcached servers.

mod binary;
mod content;
mod listeners;
mod process;
mod watch;

use std::fs;
use std::path::PathBuf;

use anyhow::Context;

use crate::error::Failure;
use binary::Binaries;
use listeners::Listeners;
use process::{Examined, examine};
pub use watch::Watch;

/// Name of the server's process, which only decides what is said of processes that cannot be examined.
const USUAL_NAME: &str = "memcached";

/// Which servers are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Process numbers; none means every memcached that is found.
    pub pids: Vec<u32>,
}

/// A running memcached server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Process number.
    pub pid: u32,
    /// A path through which the *running* binary can be opened and probed, whatever now lies under its name.
    pub image: PathBuf,
    /// Path of the binary as the process sees it.
    pub binary: String,
    /// Whether the binary was deleted or replaced since the server started.
    pub deleted: bool,
    /// Where it listens: `127.0.0.1:11211`, `[::]:11211`, `udp 0.0.0.0:11211`, `unix:/path`.
    pub listen: Vec<String>,
    /// When it started, in clock ticks since boot: tells it from a later process of the same number.
    pub start_ticks: u64,
    /// How many threads it has.
    pub threads: u64,
    /// Effective user.
    pub uid: u32,
    /// Seccomp mode: 0 off, 1 strict, 2 filter; none when the kernel does not tell.
    pub seccomp: Option<u32>,
}

/// Finds the selected servers, by process number.
///
/// # Errors
/// A [`Failure`]: no target when a selected process is gone or no memcached, or when there is none at all; privilege
/// when a process may not be examined.
pub fn discover(selection: &Selection) -> anyhow::Result<Vec<Process>> {
    Finder::default().find(selection)
}

/// Finds servers again and again: it remembers which files are memcached.
#[derive(Debug, Default)]
pub struct Finder {
    binaries: Binaries,
}

impl Finder {
    /// Finds the selected servers, as [`discover`] does.
    ///
    /// # Errors
    /// Those of [`discover`].
    pub fn find(&mut self, selection: &Selection) -> anyhow::Result<Vec<Process>> {
        let mut pids = selection.pids.clone();
        pids.sort_unstable();
        pids.dedup();
        let mut listeners = Listeners::default();
        if pids.is_empty() { self.every(&mut listeners) } else { self.selected(&pids, &mut listeners) }
    }

    fn selected(&mut self, pids: &[u32], listeners: &mut Listeners) -> anyhow::Result<Vec<Process>> {
        let mut found = Vec::new();
        for &pid in pids {
            match examine(pid, &mut self.binaries, listeners)? {
                Examined::Server(process) => found.push(*process),
                Examined::Gone => {
                    return Err(Failure::no_target(format!(
                        "There is no process {pid}, or it has ended. Run mctop without --pid to have it look for memcached."
                    ))
                    .into());
                }
                Examined::Thread(leader) => {
                    return Err(Failure::no_target(format!(
                        "{pid} is a thread of process {leader}, not a process. Name the process: --pid {leader}."
                    ))
                    .into());
                }
                Examined::Other(name) => {
                    return Err(Failure::no_target(format!(
                        "Process {pid} ({name}) is not a memcached server, which is told by the messages in its binary. Run \
                         mctop without --pid to have it look for memcached."
                    ))
                    .into());
                }
                Examined::Denied(name) => return Err(denied(pid, &name).into()),
            }
        }
        Ok(found)
    }

    fn every(&mut self, listeners: &mut Listeners) -> anyhow::Result<Vec<Process>> {
        let (mut found, mut denied_names) = (Vec::new(), Vec::new());
        for pid in pids()? {
            let examined = examine(pid, &mut self.binaries, listeners).unwrap_or_else(|error| {
                log::debug!("process {pid} is left out: {error:#}");
                Examined::Gone
            });
            match examined {
                Examined::Server(process) => found.push(*process),
                Examined::Denied(name) => denied_names.push((pid, name)),
                Examined::Gone | Examined::Thread(_) | Examined::Other(_) => {}
            }
        }
        let usual = denied_names.iter().find(|(_, name)| name == USUAL_NAME);
        match (found.is_empty(), usual) {
            (false, Some((pid, name))) => log::warn!("{}", denied(*pid, name)),
            (false, None) => {}
            (true, Some((pid, name))) => return Err(denied(*pid, name).into()),
            (true, None) => return Err(none(denied_names.len()).into()),
        }
        Ok(found)
    }
}

/// The numbers of all processes, ascending; threads are not among them.
fn pids() -> anyhow::Result<Vec<u32>> {
    let entries = fs::read_dir("/proc").context("cannot list /proc, where processes are found")?;
    let mut pids: Vec<u32> =
        entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).filter(|&pid| pid != 0).collect();
    pids.sort_unstable();
    Ok(pids)
}

fn denied(pid: u32, name: &str) -> Failure {
    Failure::privilege(format!(
        "Process {pid} ({name}) may not be examined: opening its binary was denied, which takes the CAP_SYS_PTRACE \
         capability for processes of other users and for those that changed user. Run mctop as root, for example with \
         sudo."
    ))
}

fn none(denied: usize) -> Failure {
    let hint = match denied {
        0 => "Start one, or run mctop where it runs: processes of another PID namespace cannot be seen.".to_owned(),
        _ => format!(
            "{denied} of them may not be examined, which takes the CAP_SYS_PTRACE capability; run mctop as root, for \
             example with sudo, to include them."
        ),
    };
    Failure::no_target(format!("No memcached server was found among the running processes. {hint}"))
}
