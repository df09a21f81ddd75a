//! Examines one process: whether it is a memcached server, and its properties.

use std::fs::File;
use std::io::{self, Read};
use std::time::Duration;

use anyhow::Context;
use procfs::ProcError;
use procfs::process::Process as Proc;

use super::binary::Binaries;
use super::cgroup::{self, CgroupInfo};
use super::listeners::Listeners;
use super::namespaces::{Users, foreign_namespaces, inner_pid, network, running_for};
use super::{Process, options};

/// The flag of kernel threads, which have no binary: `PF_KTHREAD` in `include/linux/sched.h`.
const KERNEL_THREAD: u32 = 0x0020_0000;
/// At most this many bytes of a `/proc/PID/cgroup` are read.
const CGROUP_MAX: u64 = 64 << 10;

/// What a PID refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ExaminedProcess {
    /// A memcached server.
    Server(Box<Process>),
    /// There is no process with that PID.
    Absent,
    /// A process that exited while it was examined, or a zombie.
    Exited,
    /// A thread of the process with this PID.
    Thread(u32),
    /// A process of this name that is not a memcached server, or a kernel thread.
    Other(String),
    /// A process of this name that we may not examine.
    Denied(String),
}

/// Examines a process.
///
/// # Errors
/// If its binary or state cannot be read for another reason than its exit or missing privileges.
pub(crate) fn examine(
    pid: u32,
    binaries: &mut Binaries,
    listeners: &mut Listeners,
    users: &Users,
) -> anyhow::Result<ExaminedProcess> {
    let Some(proc) = i32::try_from(pid).ok().and_then(|pid| Proc::new(pid).ok()) else {
        return Ok(ExaminedProcess::Absent);
    };
    let (stat, status) = match (proc.stat(), proc.status()) {
        (Ok(stat), Ok(status)) => (stat, status),
        (Err(error), _) | (_, Err(error)) => return unreadable(pid, error),
    };
    if let Ok(leader) = u32::try_from(status.tgid)
        && leader != pid
    {
        return Ok(ExaminedProcess::Thread(leader));
    }
    if is_dead(stat.state) {
        return Ok(ExaminedProcess::Exited);
    }
    // Without privileges, kernel threads look like processes that may not be examined.
    if stat.flags & KERNEL_THREAD != 0 {
        return Ok(ExaminedProcess::Other(stat.comm));
    }
    let binary = match binaries.of_process(pid) {
        Ok(Some(binary)) => binary,
        Ok(None) => return Ok(ExaminedProcess::Other(stat.comm)),
        Err(error) => {
            return match error.kind() {
                // A process has no executable once it starts to exit. Only kernel threads never have one.
                _ if is_gone(&error) || !is_running(pid, stat.starttime) => Ok(ExaminedProcess::Exited),
                io::ErrorKind::PermissionDenied => Ok(ExaminedProcess::Denied(stat.comm)),
                _ => Err(error).with_context(|| format!("cannot read the binary of process {pid} ({})", stat.comm)),
            };
        }
    };
    let listen = listeners.of_process(pid, &proc);
    let (cgroup, namespaces, options) = (cgroup_info(pid), foreign_namespaces(pid), options::of_process(pid));
    // Another process may have taken over the PID while this one was read.
    if !is_running(pid, stat.starttime) {
        return Ok(ExaminedProcess::Exited);
    }
    Ok(ExaminedProcess::Server(Box::new(Process {
        pid,
        inner_pid: inner_pid(status.nspid.as_deref()),
        image: binary.image,
        binary: binary.path,
        deleted: binary.deleted,
        listen,
        start_ticks: stat.starttime,
        threads: status.threads,
        uid: status.euid,
        user: users.name(status.euid).map(str::to_owned),
        seccomp: status.seccomp,
        cgroup,
        namespaces,
        network: network(pid),
        options,
    })))
}

/// Whether the process with this PID that started at `start_ticks`, in clock ticks since boot, is still running.
pub(crate) fn is_running(pid: u32, start_ticks: u64) -> bool {
    let stat = i32::try_from(pid).ok().and_then(|pid| Proc::new(pid).and_then(|proc| proc.stat()).ok());
    stat.is_some_and(|stat| stat.starttime == start_ticks && !is_dead(stat.state))
}

/// Whether a process in this state (proc(5)) has exited.
const fn is_dead(state: char) -> bool {
    matches!(state, 'Z' | 'X' | 'x')
}

/// How long a process has been running; `None` if it has exited.
pub(crate) fn age(pid: u32) -> Option<Duration> {
    let stat = Proc::new(i32::try_from(pid).ok()?).and_then(|proc| proc.stat()).ok()?;
    Some(Duration::from_secs(running_for(stat.starttime).unwrap_or_default()))
}

/// The control group of a process; empty if it cannot be read.
fn cgroup_info(pid: u32) -> CgroupInfo {
    let mut bytes = Vec::new();
    let read = File::open(format!("/proc/{pid}/cgroup")).and_then(|file| file.take(CGROUP_MAX).read_to_end(&mut bytes));
    if read.is_ok() { cgroup::parse(&String::from_utf8_lossy(&bytes)) } else { CgroupInfo::default() }
}

fn unreadable(pid: u32, error: ProcError) -> anyhow::Result<ExaminedProcess> {
    match error {
        ProcError::NotFound(_) => Ok(ExaminedProcess::Exited),
        ProcError::PermissionDenied(_) => Ok(ExaminedProcess::Denied("unknown".into())),
        ProcError::Io(error, _) if is_gone(&error) => Ok(ExaminedProcess::Exited),
        error => Err(error).with_context(|| format!("cannot read the state of process {pid}")),
    }
}

/// Whether an error means that the process has exited.
fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(libc::ESRCH)
}
