//! What surrounds a process: namespaces other than ours, its number in its own, and its user.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::MetadataExt;

use rustix::thread::CapabilitySet;
use serde::Serialize;

/// Most bytes of our password file that are read.
const PASSWD_MAX: u64 = 1 << 20;

/// A kind of namespace (namespaces(7)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Namespace {
    /// Mounts: the binary's path leads elsewhere here.
    Mnt,
    /// Process numbers: it knows itself by another.
    Pid,
    /// Network: its addresses are not ours.
    Net,
    /// Users: its root is not ours.
    User,
}

impl Namespace {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Mnt, Self::Pid, Self::Net, Self::User];

    /// The kernel's name of it.
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

/// The namespaces that a process does not share with us; none when that may not be read.
#[must_use]
pub fn foreign_namespaces(pid: u32) -> Option<Vec<Namespace>> {
    let mut foreign = Vec::new();
    for namespace in Namespace::ALL {
        let of = |process: &str| fs::read_link(format!("/proc/{process}/ns/{}", namespace.name())).ok();
        if of(&pid.to_string())? != of("self")? {
            foreign.push(namespace);
        }
    }
    Some(foreign)
}

/// The inode of a process's network namespace; none when that may not be read.
#[must_use]
pub fn network(pid: u32) -> Option<u64> {
    fs::metadata(format!("/proc/{pid}/ns/{}", Namespace::Net.name())).ok().map(|metadata| metadata.ino())
}

/// Seconds since a process started at a time in clock ticks since boot; none when that is yet to come.
#[must_use]
pub fn running_for(start_ticks: u64) -> Option<u64> {
    let uptime = rustix::time::clock_gettime(rustix::time::ClockId::Boottime).tv_sec.cast_unsigned();
    uptime.checked_sub(start_ticks / rustix::param::clock_ticks_per_second())
}

/// Whether mctop has the capability that it takes to examine processes of other users.
#[must_use]
pub fn may_trace() -> bool {
    rustix::thread::capabilities(None).is_ok_and(|sets| sets.effective.contains(CapabilitySet::SYS_PTRACE))
}

/// The number of a process in its own namespace, by the `NSpid` numbers of its status from ours inwards; none when that
/// is the number we know it by.
#[must_use]
pub fn inner_pid(numbers: Option<&[i32]>) -> Option<u32> {
    match numbers? {
        [] | [_] => None,
        [.., inner] => u32::try_from(*inner).ok(),
    }
}

/// Names of users, by our own `/etc/passwd`. Users of a container may have the same numbers and other names.
#[derive(Debug, Default)]
pub struct Users {
    names: Vec<(u32, String)>,
}

impl Users {
    /// Reads our password file; nobody has a name when it cannot be read.
    #[must_use]
    pub fn read() -> Self {
        let mut bytes = Vec::new();
        let read = File::open("/etc/passwd").and_then(|file| file.take(PASSWD_MAX).read_to_end(&mut bytes));
        if read.is_ok() { Self::parse(&String::from_utf8_lossy(&bytes)) } else { Self::default() }
    }

    /// Reads the lines of passwd(5).
    fn parse(text: &str) -> Self {
        let names = text.lines().filter_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            Some((fields.nth(1)?.parse().ok()?, name.to_owned()))
        });
        Self { names: names.collect() }
    }

    /// The first name of a user.
    #[must_use]
    pub fn name(&self, uid: u32) -> Option<&str> {
        self.names.iter().find(|(number, _)| *number == uid).map(|(_, name)| name.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_have_names() {
        let users =
            Users::parse("root:x:0:0:root:/root:/bin/sh\n+::::::\nmemcache:x:105:109::/:/x\nalias:x:0:0::/:\nbad:x:y");
        assert_eq!(users.name(0), Some("root"));
        assert_eq!(users.name(105), Some("memcache"));
        assert_eq!(users.name(7), None);
    }

    #[test]
    fn the_innermost_number() {
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
