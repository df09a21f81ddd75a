//! The namespaces of a process, its PID in its own namespace, its age, and the name of its user.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::MetadataExt;

use rustix::thread::CapabilitySet;
use serde::Serialize;

/// At most this many bytes of `/etc/passwd` are read.
const PASSWD_MAX: u64 = 1 << 20;

/// A kind of namespace (namespaces(7)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Namespace {
    /// Mount namespace: the binary's path means another file in ours.
    Mnt,
    /// PID namespace: the process has another PID there.
    Pid,
    /// Network namespace: its addresses are not ours.
    Net,
    /// User namespace: its user IDs are not ours.
    User,
}

impl Namespace {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::Mnt, Self::Pid, Self::Net, Self::User];

    /// The kernel's name for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mnt => "mnt",
            Self::Pid => "pid",
            Self::Net => "net",
            Self::User => "user",
        }
    }
}

/// The namespaces that a process does not share with us; `None` if we may not read them.
pub(crate) fn foreign_namespaces(pid: u32) -> Option<Vec<Namespace>> {
    let mut foreign = Vec::new();
    for namespace in Namespace::ALL {
        let of = |process: &str| fs::read_link(format!("/proc/{process}/ns/{}", namespace.name())).ok();
        if of(&pid.to_string())? != of("self")? {
            foreign.push(namespace);
        }
    }
    Some(foreign)
}

/// The inode of a process's network namespace; `None` if we may not read it.
pub(crate) fn network(pid: u32) -> Option<u64> {
    fs::metadata(format!("/proc/{pid}/ns/{}", Namespace::Net.name())).ok().map(|metadata| metadata.ino())
}

/// Seconds since `start_ticks`, which is in clock ticks since boot; `None` if that is in the future.
pub(crate) fn running_for(start_ticks: u64) -> Option<u64> {
    let uptime = rustix::time::clock_gettime(rustix::time::ClockId::Boottime).tv_sec.cast_unsigned();
    uptime.checked_sub(start_ticks / rustix::param::clock_ticks_per_second())
}

/// Whether mctop has the capability to examine processes of other users.
pub(crate) fn may_trace() -> bool {
    rustix::thread::capabilities(None).is_ok_and(|sets| sets.effective.contains(CapabilitySet::SYS_PTRACE))
}

/// The PID of a process in its own namespace. `numbers` is `NSpid` of its status: its PIDs from our namespace to the
/// innermost one. `None` if it is in our namespace.
pub(crate) fn inner_pid(numbers: Option<&[i32]>) -> Option<u32> {
    match numbers? {
        [] | [_] => None,
        [.., inner] => u32::try_from(*inner).ok(),
    }
}

/// Names of users from our `/etc/passwd`. Inside a container the same user ID may have another name.
#[derive(Debug, Default)]
pub(crate) struct Users {
    names: Vec<(u32, String)>,
}

impl Users {
    /// Reads `/etc/passwd`; if that fails, there are no names.
    pub(crate) fn read() -> Self {
        let mut bytes = Vec::new();
        let read = File::open("/etc/passwd").and_then(|file| file.take(PASSWD_MAX).read_to_end(&mut bytes));
        if read.is_ok() { Self::parse(&String::from_utf8_lossy(&bytes)) } else { Self::default() }
    }

    /// Parses the lines of passwd(5).
    fn parse(text: &str) -> Self {
        let names = text.lines().filter_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            Some((fields.nth(1)?.parse().ok()?, name.to_owned()))
        });
        Self { names: names.collect() }
    }

    /// The first name that the file has for a user ID.
    pub(crate) fn name(&self, uid: u32) -> Option<&str> {
        self.names.iter().find(|(number, _)| *number == uid).map(|(_, name)| name.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_users() {
        let users =
            Users::parse("root:x:0:0:root:/root:/bin/sh\n+::::::\nmemcache:x:105:109::/:/x\nalias:x:0:0::/:\nbad:x:y");
        assert_eq!(users.name(0), Some("root"));
        assert_eq!(users.name(105), Some("memcache"));
        assert_eq!(users.name(7), None);
    }

    #[test]
    fn the_innermost_pid() {
        assert_eq!(inner_pid(Some(&[4242, 17, 1])), Some(1));
        assert_eq!(inner_pid(Some(&[4242])), None);
        assert_eq!(inner_pid(Some(&[])), None);
        assert_eq!(inner_pid(None), None);
    }

    #[test]
    fn our_own_namespaces_are_not_foreign() {
        assert_eq!(foreign_namespaces(std::process::id()), Some(Vec::new()));
        assert_eq!(foreign_namespaces(u32::MAX), None);
    }
}
