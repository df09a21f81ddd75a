//! Finds running memcached servers.

mod binary;
pub mod cgroup;
mod content;
mod finder;
mod listeners;
pub mod options;
pub(crate) mod process;
mod stand;
pub mod surroundings;
mod watch;

use std::path::PathBuf;

pub use binary::Identity;
use cgroup::Place;
pub use finder::{Denied, Finder, Survey, processes};
use options::Options;
use surroundings::Namespace;

use super::options::Preference;
use crate::error::Failure;

pub use stand::Stand;
pub use watch::Watch;

/// Which servers are wanted: by process number or else by port; without either, every memcached that is found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Process numbers.
    pub pids: Vec<u32>,
    /// TCP or UDP ports that they listen on. Several servers may share a number, in different namespaces or by
    /// `SO_REUSEPORT`.
    pub ports: Vec<u16>,
    /// A debug file with the symbols of their binary.
    pub debug_file: Option<PathBuf>,
    /// Which lookup sites of it may be taken.
    pub site: Preference,
}

impl Selection {
    /// Whether it names servers: one of them missing is an error then.
    #[must_use]
    pub fn is_explicit(&self) -> bool {
        !self.pids.is_empty() || !self.ports.is_empty()
    }

    /// The failure that it is when servers have `exited` while they were examined, and so many others are left: one that was
    /// named by its process is missed in any case. Otherwise one that exits is as if it had never been there.
    #[must_use]
    pub fn missed(&self, exited: &[u32], others: usize) -> Option<Failure> {
        if exited.is_empty() || others > 0 && self.pids.is_empty() {
            return None;
        }
        Some(if self.is_explicit() { finder::exited(exited) } else { finder::none(0) })
    }
}

/// A running memcached server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Process number.
    pub pid: u32,
    /// Process number in its own namespace, where that is another.
    pub inner_pid: Option<u32>,
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
    /// That user's name here.
    pub user: Option<String>,
    /// Seccomp mode: 0 off, 1 strict, 2 filter; none when the kernel does not tell.
    pub seccomp: Option<u32>,
    /// Its container, unit and control group.
    pub place: Place,
    /// The namespaces that it does not share with us; none when that may not be read.
    pub namespaces: Option<Vec<Namespace>>,
    /// The inode of its network namespace; none when that may not be read.
    pub network: Option<u64>,
    /// What its command line says that matters.
    pub options: Options,
}

impl Process {
    /// Its binary: the same for servers that run the same file, as long as nothing is written to it.
    #[must_use]
    pub fn identity(&self) -> Option<Identity> {
        std::fs::metadata(&self.image).ok().as_ref().map(Identity::of)
    }

    /// Whether it still runs; another one that got its number does not count.
    #[must_use]
    pub fn runs(&self) -> bool {
        process::runs(self.pid, self.start_ticks)
    }

    /// Whether its addresses are ours.
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
    /// One of Debian's package that listens at these addresses, for tests.
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
            place: Place::default(),
            namespaces: None,
            network: None,
            options: Options::default(),
        }
    }
}

/// Finds the selected servers, by process number.
///
/// # Errors
/// A [`Failure`]: no target when a selected process is gone or no memcached, when nothing listens on a selected
/// port, or when there is no memcached at all; privilege when a process may not be examined.
pub fn discover(selection: &Selection) -> anyhow::Result<Vec<Process>> {
    Finder::default().find(selection)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_missed() {
        let text = |selection: &Selection, exited: &[u32], others| {
            selection.missed(exited, others).map(|failure| failure.message.split('.').next().map(str::to_owned))
        };
        let said = |text: &str| Some(Some(text.to_owned()));
        let all = Selection::default();
        let by_port = Selection { ports: vec![1], ..all.clone() };
        let named = Selection { pids: vec![7, 8], ..all.clone() };
        for selection in [&all, &by_port, &named] {
            assert_eq!(text(selection, &[], 0), None);
        }
        assert_eq!(text(&all, &[7], 1), None);
        assert_eq!(text(&all, &[7], 0), said("No memcached server was found among the running processes"));
        assert_eq!(text(&by_port, &[7], 1), None);
        assert_eq!(text(&by_port, &[7], 0), said("Process 7 has exited"));
        assert_eq!(text(&named, &[7], 1), said("Process 7 has exited"));
        assert_eq!(text(&named, &[7, 8], 0), said("Processes 7, 8 have exited"));
    }
}
