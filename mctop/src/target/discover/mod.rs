//! Finds running memcached servers.

mod binary;
pub(crate) mod cgroup;
mod content;
mod finder;
mod listeners;
pub(crate) mod namespaces;
pub(crate) mod options;
pub(crate) mod process;
mod server_identity;
mod watch;

use std::path::PathBuf;

pub(crate) use binary::FileIdentity;
use cgroup::CgroupInfo;
pub use finder::Finder;
pub(crate) use finder::processes;
use namespaces::Namespace;
use options::ServerOptions;

use super::points::SitePreference;
use crate::error::Failure;

pub(crate) use server_identity::ServerIdentity;
pub(crate) use watch::ServerWatcher;

/// Which servers to watch: those with the given PIDs, else those on the given ports, else every memcached that is found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// PIDs.
    pub pids: Vec<u32>,
    /// TCP or UDP ports that they listen on. Several servers can have the same port, in different network namespaces or
    /// by `SO_REUSEPORT`.
    pub ports: Vec<u16>,
    /// A debug file with the symbols of the servers' binary.
    pub debug_file: Option<PathBuf>,
    /// Which kinds of lookup sites may be used.
    pub site: SitePreference,
}

impl Selection {
    /// Whether the user named servers; then a missing one is an error.
    #[must_use]
    pub fn is_explicit(&self) -> bool {
        !self.pids.is_empty() || !self.ports.is_empty()
    }

    /// The failure to report when the servers in `exited` have exited during their examination and `others` servers remain.
    /// If the user named PIDs, each of them must be there; otherwise it is enough that one server remains.
    #[must_use]
    pub fn failure_if_missing(&self, exited: &[u32], others: usize) -> Option<Failure> {
        if exited.is_empty() || others > 0 && self.pids.is_empty() {
            return None;
        }
        Some(if self.is_explicit() { finder::exited_failure(exited) } else { finder::no_server_failure(0) })
    }
}

/// A running memcached server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// PID in our PID namespace.
    pub pid: u32,
    /// PID in the process's own PID namespace, if that is a different one.
    pub inner_pid: Option<u32>,
    /// A path by which the *running* binary can be opened and probed, even if its file was replaced.
    pub image: PathBuf,
    /// Path of the binary as the process sees it.
    pub binary: String,
    /// Whether the binary was deleted or replaced since the server started.
    pub deleted: bool,
    /// Where it listens: `127.0.0.1:11211`, `[::]:11211`, `udp 0.0.0.0:11211`, `unix:/path`.
    pub listen: Vec<String>,
    /// When it started, in clock ticks since boot. Distinguishes it from a later process with the same PID.
    pub start_ticks: u64,
    /// How many threads it has.
    pub threads: u64,
    /// Effective user.
    pub uid: u32,
    /// The name of that user in our `/etc/passwd`.
    pub user: Option<String>,
    /// Seccomp mode: 0 off, 1 strict, 2 filter; `None` if the kernel does not report it.
    pub seccomp: Option<u32>,
    /// Its container, systemd unit and control group.
    pub cgroup: CgroupInfo,
    /// The namespaces that it does not share with us; `None` if we may not read them.
    pub namespaces: Option<Vec<Namespace>>,
    /// Inode of its network namespace; `None` if we may not read it.
    pub network: Option<u64>,
    /// The options of its command line that affect tracing.
    pub options: ServerOptions,
}

impl Process {
    /// The identity of its binary, equal for servers that run the same unmodified file.
    #[must_use]
    pub fn identity(&self) -> Option<FileIdentity> {
        std::fs::metadata(&self.image).ok().as_ref().map(FileIdentity::of)
    }

    /// Whether it is still running; a later process with the same PID does not count.
    #[must_use]
    pub fn is_running(&self) -> bool {
        process::is_running(self.pid, self.start_ticks)
    }

    /// Whether it is in our network namespace, so that we can connect to its addresses.
    #[must_use]
    pub fn is_in_our_network(&self) -> bool {
        self.namespaces.as_ref().is_some_and(|foreign| !foreign.contains(&Namespace::Net))
    }

    /// TCP and UDP ports that it listens on.
    pub fn ports(&self) -> impl Iterator<Item = u16> {
        self.listen.iter().filter_map(|address| listeners::port_of(address))
    }
}

#[cfg(test)]
impl Process {
    /// A server from Debian's package that listens at these addresses, for tests.
    pub fn sample(pid: u32, listen: &[&str]) -> Self {
        Self {
            pid,
            inner_pid: None,
            image: format!("/proc/{pid}/exe").into(),
            binary: "/usr/bin/memcached".into(),
            deleted: false,
            listen: listen.iter().map(|&address| address.to_owned()).collect(),
            start_ticks: 0,
            threads: 10,
            uid: 0,
            user: None,
            seccomp: None,
            cgroup: CgroupInfo::default(),
            namespaces: None,
            network: None,
            options: ServerOptions::default(),
        }
    }
}

/// Finds the selected servers, ordered by PID.
///
/// # Errors
/// A [`Failure`] of kind "no target" if a selected process does not exist or is not memcached, if no memcached listens on a
/// selected port, or if there is no memcached at all; of kind "privilege" if a process may not be examined.
pub fn discover(selection: &Selection) -> anyhow::Result<Vec<Process>> {
    Finder::default().find(selection)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exited_servers_that_matter() {
        let text = |selection: &Selection, exited: &[u32], others| {
            selection
                .failure_if_missing(exited, others)
                .map(|failure| failure.message.split('.').next().map(str::to_owned))
        };
        let message = |text: &str| Some(Some(text.to_owned()));
        let all = Selection::default();
        let by_port = Selection { ports: vec![1], ..all.clone() };
        let named = Selection { pids: vec![7, 8], ..all.clone() };
        for selection in [&all, &by_port, &named] {
            assert_eq!(text(selection, &[], 0), None);
        }
        assert_eq!(text(&all, &[7], 1), None);
        assert_eq!(text(&all, &[7], 0), message("No memcached server was found among the running processes"));
        assert_eq!(text(&by_port, &[7], 1), None);
        assert_eq!(text(&by_port, &[7], 0), message("Process 7 has exited"));
        assert_eq!(text(&named, &[7], 1), message("Process 7 has exited"));
        assert_eq!(text(&named, &[7, 8], 0), message("Processes 7, 8 have exited"));
    }
}
