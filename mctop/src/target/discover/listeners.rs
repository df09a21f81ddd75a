//! Where a process listens: the sockets it holds, looked up in the tables of its network namespace.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::PathBuf;
use std::rc::Rc;

use procfs::net::{TcpState, UnixState};
use procfs::process::Process as Proc;

/// Sockets that accept requests, by inode; the text says where.
type Table = HashMap<u64, String>;

/// Looks listening sockets up; the tables of each network namespace are read once.
#[derive(Debug, Default)]
pub struct Listeners {
    namespaces: HashMap<PathBuf, Rc<Table>>,
}

impl Listeners {
    /// Where a process listens, TCP first. Nothing when its descriptors may not be read.
    pub fn of_process(&mut self, pid: u32, proc: &Proc) -> Vec<String> {
        let Ok(namespace) = fs::read_link(format!("/proc/{pid}/ns/net")) else { return Vec::new() };
        let table = Rc::clone(self.namespaces.entry(namespace).or_insert_with(|| Rc::new(table(proc))));
        let mut listen: Vec<String> = sockets(pid).iter().filter_map(|inode| table.get(inode).cloned()).collect();
        listen.sort_unstable_by_key(|address| (rank(address), address.clone()));
        listen.dedup();
        listen
    }
}

/// Order of protocols: TCP, UDP, unix.
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

/// Listening sockets of a process's network namespace. A table that cannot be read is left out: IPv6 may be off.
fn table(proc: &Proc) -> Table {
    let mut table = Table::new();
    for entry in [proc.tcp(), proc.tcp6()].into_iter().flatten().flatten() {
        if entry.state == TcpState::Listen {
            table.insert(entry.inode, entry.local_address.to_string());
        }
    }
    for entry in [proc.udp(), proc.udp6()].into_iter().flatten().flatten() {
        // A connected socket is somebody's client.
        if entry.remote_address.port() == 0 {
            table.insert(entry.inode, format!("udp {}", entry.local_address));
        }
    }
    for entry in proc.unix().into_iter().flatten() {
        // Accepted connections carry their listener's path too, but are connected.
        if let (UnixState::UNCONNECTED, Some(path)) = (entry.state, entry.path) {
            table.insert(entry.inode, format!("unix:{}", path.display()));
        }
    }
    table
}
