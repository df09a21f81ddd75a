//! Finds the addresses at which a process listens, by looking up its sockets in the tables of its network namespace.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::PathBuf;
use std::rc::Rc;

use procfs::net::{TcpState, UnixState};
use procfs::process::Process as Proc;

/// Addresses of the sockets that accept requests, by inode.
type SocketTable = HashMap<u64, String>;

/// Looks up listening sockets, and reads the tables of each network namespace only once.
#[derive(Debug, Default)]
pub(crate) struct Listeners {
    namespaces: HashMap<PathBuf, Rc<SocketTable>>,
}

impl Listeners {
    /// The addresses at which a process listens, TCP first. Empty if we may not read its file descriptors.
    pub(crate) fn of_process(&mut self, pid: u32, proc: &Proc) -> Vec<String> {
        let Ok(namespace) = fs::read_link(format!("/proc/{pid}/ns/net")) else { return Vec::new() };
        let table = Rc::clone(self.namespaces.entry(namespace).or_insert_with(|| Rc::new(table(proc))));
        let mut listen: Vec<String> = sockets(pid).iter().filter_map(|inode| table.get(inode).cloned()).collect();
        listen.sort_unstable_by_key(|address| (rank(address), address.clone()));
        listen.dedup();
        listen
    }
}

/// Sorts TCP before UDP before Unix sockets.
fn rank(address: &str) -> u8 {
    match address {
        udp if udp.starts_with("udp ") => 1,
        unix if unix.starts_with("unix:") => 2,
        _ => 0,
    }
}

/// Inodes of the sockets that a process holds.
fn sockets(pid: u32) -> HashSet<u64> {
    let Ok(descriptors) = fs::read_dir(format!("/proc/{pid}/fd")) else { return HashSet::new() };
    descriptors
        .filter_map(|descriptor| {
            let link = fs::read_link(descriptor.ok()?.path()).ok()?;
            link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
        })
        .collect()
}

/// Listening sockets in the network namespace of a process. Tables that cannot be read are skipped, because IPv6 may be off.
fn table(proc: &Proc) -> SocketTable {
    let mut table = SocketTable::new();
    for entry in [proc.tcp(), proc.tcp6()].into_iter().flatten().flatten() {
        if entry.state == TcpState::Listen {
            table.insert(entry.inode, entry.local_address.to_string());
        }
    }
    for entry in [proc.udp(), proc.udp6()].into_iter().flatten().flatten() {
        // A connected UDP socket belongs to a client.
        if entry.remote_address.port() == 0 {
            table.insert(entry.inode, format!("udp {}", entry.local_address));
        }
    }
    for entry in proc.unix().into_iter().flatten() {
        // Accepted connections have their listener's path, too; only the listener is unconnected.
        if let (UnixState::UNCONNECTED, Some(path)) = (entry.state, entry.path) {
            table.insert(entry.inode, format!("unix:{}", path.display()));
        }
    }
    table
}

/// Which processes use a TCP or UDP port in our network namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PortUse {
    /// The port is not in use.
    Unused,
    /// These processes.
    Processes {
        /// PID and name of the first process.
        first: (u32, String),
        /// Number of further processes.
        others: usize,
    },
    /// A process whose sockets we may not read.
    Unknown,
}

impl PortUse {
    /// Examines the sockets of every process, which takes a few milliseconds. Tables that cannot be read are skipped.
    pub(super) fn of(port: u16) -> Self {
        let sockets = Proc::myself().map(|proc| table(&proc)).unwrap_or_default();
        let sockets: HashSet<u64> =
            sockets.into_iter().filter(|(_, address)| port_of(address) == Some(port)).map(|(inode, _)| inode).collect();
        if sockets.is_empty() {
            return Self::Unused;
        }
        let mut users = procfs::process::all_processes().into_iter().flatten().flatten().filter_map(|proc| {
            let pid = u32::try_from(proc.pid).ok()?;
            let is_user = !self::sockets(pid).is_disjoint(&sockets);
            is_user.then(|| Some((pid, proc.stat().ok()?.comm)))?
        });
        match users.next() {
            Some(first) => Self::Processes { first, others: users.count() },
            None => Self::Unknown,
        }
    }
}

/// The port of an address in a [`SocketTable`].
pub(super) fn port_of(address: &str) -> Option<u16> {
    (!address.starts_with("unix:")).then(|| address.rsplit(':').next()?.parse().ok())?
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener, UdpSocket};

    use super::*;

    #[test]
    fn processes_that_use_a_port() {
        let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let ports = [tcp.local_addr().unwrap().port(), udp.local_addr().unwrap().port()];
        for port in ports {
            let PortUse::Processes { first, others } = PortUse::of(port) else { panic!("nobody uses {port}") };
            // Children of other tests inherit the sockets until they exec.
            assert!(first.0 == std::process::id() || others > 0, "{first:?}");
        }
        drop((tcp, udp));
        assert!(ports.into_iter().any(|port| PortUse::of(port) == PortUse::Unused));
    }

    #[test]
    fn ports_of_addresses() {
        assert_eq!(port_of("127.0.0.1:11211"), Some(11211));
        assert_eq!(port_of("udp [::]:11311"), Some(11311));
        assert_eq!(port_of("unix:/run/a:11411"), None);
    }
}
