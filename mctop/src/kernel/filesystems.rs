//! Checks the file systems that mctop needs, `/proc` and `/sys`. Neither must be writable. Tracefs is not needed: uprobes are
//! attached as perf events, and tracepoints by name.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use procfs::process::Process;
use rustix::fs::{FsWord, PROC_SUPER_MAGIC, statfs};
use serde::Serialize;

use crate::error::Failure;

/// Where the kernel shows the perf event type of uprobes.
const UPROBES: &str = "/sys/bus/event_source/devices/uprobe/type";
/// The type of `/sys` in statfs(2), `SYSFS_MAGIC` in `include/uapi/linux/magic.h`.
const SYSFS_MAGIC: FsWord = 0x6265_6572;

/// A problem with a file system that tracing needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FilesystemFault {
    /// `/proc` is not mounted.
    NoProc,
    /// `/proc` belongs to another PID namespace than mctop's.
    ForeignProc,
    /// `/sys` is not mounted.
    NoSys,
    /// `/sys` is mounted, but does not show uprobes.
    NoUprobes,
}

impl FilesystemFault {
    /// Whether processes cannot be searched.
    pub(crate) const fn hides_processes(self) -> bool {
        matches!(self, Self::NoProc | Self::ForeignProc)
    }

    /// The problem, as a sentence.
    pub(crate) fn problem(self) -> String {
        match self {
            Self::NoProc => "/proc is not mounted, and mctop needs it to find servers.".to_owned(),
            Self::ForeignProc => {
                "/proc belongs to another PID namespace than mctop, so the PIDs in it cannot be used to attach probes."
                    .to_owned()
            }
            Self::NoSys => format!("/sys is not mounted, and mctop needs it to attach uprobes ({UPROBES})."),
            Self::NoUprobes => format!("The kernel does not offer uprobes: there is no {UPROBES}."),
        }
    }

    /// How to fix it, as a sentence.
    pub(crate) const fn fix(self) -> &'static str {
        match self {
            Self::NoProc => "Mount it: mount -t proc proc /proc.",
            Self::ForeignProc => {
                "Mount the /proc of this namespace (mount -t proc proc /proc), or run mctop in the PID namespace of the servers (in a \
                 container: --pid=host)."
            }
            Self::NoSys => "Mount it: mount -t sysfs sysfs /sys; in a container, mount the host's (-v /sys:/sys:ro).",
            Self::NoUprobes => {
                "Boot a kernel with CONFIG_UPROBE_EVENTS; in a container, mount all of the host's /sys (-v /sys:/sys:ro)."
            }
        }
    }
}

/// Whether any of the faults keeps mctop from searching processes.
pub(crate) fn hide_processes(faults: &[FilesystemFault]) -> bool {
    faults.iter().any(|fault| fault.hides_processes())
}

/// The faults on this host, the most fundamental one first.
pub(crate) fn faults() -> Vec<FilesystemFault> {
    let own_number = fs::read_link("/proc/self").ok().and_then(|link| link.to_str()?.parse::<u32>().ok());
    let sys = statfs("/sys").ok().map(|status| status.f_type);
    judge(proc(own_number), Path::new(UPROBES).exists(), sys == Some(SYSFS_MAGIC))
}

/// The fault of `/proc`, if any; `own_number` is the PID of this process there.
fn proc(own_number: Option<u32>) -> Option<FilesystemFault> {
    match own_number {
        Some(number) if number == std::process::id() => None,
        // `/proc/self` is missing because this process is not in the PID namespace of `/proc`.
        None if statfs("/proc").is_ok_and(|status| status.f_type == PROC_SUPER_MAGIC) => {
            Some(FilesystemFault::ForeignProc)
        }
        None => Some(FilesystemFault::NoProc),
        Some(_) => Some(FilesystemFault::ForeignProc),
    }
}

fn judge(proc: Option<FilesystemFault>, has_uprobes: bool, is_sysfs: bool) -> Vec<FilesystemFault> {
    let sys = match (has_uprobes, is_sysfs) {
        (true, _) => None,
        (false, true) => Some(FilesystemFault::NoUprobes),
        (false, false) => Some(FilesystemFault::NoSys),
    };
    proc.into_iter().chain(sys).collect()
}

/// Checks that there are no faults.
///
/// # Errors
/// A [`Failure`] with the first fault and its fix.
pub(crate) fn check() -> Result<(), Failure> {
    match faults().first() {
        None => Ok(()),
        Some(fault) => {
            Err(Failure::privilege(format!("Tracing is not possible here. {} {}", fault.problem(), fault.fix())))
        }
    }
}

/// The `hidepid` option of `/proc` (proc(5)), if it hides processes of other users from users without `CAP_SYS_PTRACE`.
pub(crate) fn hidepid() -> Option<String> {
    let mounts = Process::myself().and_then(|process| process.mountinfo()).ok()?;
    // The last mount hides earlier ones.
    let proc = mounts.into_iter().rfind(|mount| mount.mount_point == Path::new("/proc"))?;
    hiding(&proc.super_options)
}

/// The `hidepid` option among mount options. Older kernels show numbers: 0 to 2, and 4.
fn hiding(options: &HashMap<String, Option<String>>) -> Option<String> {
    let mode = options.get("hidepid")?.as_deref()?;
    (!matches!(mode, "0" | "off")).then(|| format!("hidepid={mode}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_of_file_systems() {
        assert_eq!(judge(None, true, true), []);
        // A container may only have this one file of /sys.
        assert_eq!(judge(None, true, false), []);
        assert_eq!(judge(None, false, true), [FilesystemFault::NoUprobes]);
        assert_eq!(judge(None, false, false), [FilesystemFault::NoSys]);
        assert_eq!(
            judge(Some(FilesystemFault::NoProc), false, false),
            [FilesystemFault::NoProc, FilesystemFault::NoSys]
        );
        assert_eq!(proc(Some(std::process::id())), None);
        assert_eq!(proc(Some(u32::MAX)), Some(FilesystemFault::ForeignProc));
    }

    #[test]
    fn the_tests_have_proc() {
        assert!(!faults().iter().any(|fault| matches!(fault, FilesystemFault::NoProc | FilesystemFault::ForeignProc)));
    }

    #[test]
    fn faults_are_described_in_sentences() {
        for fault in
            [FilesystemFault::NoProc, FilesystemFault::ForeignProc, FilesystemFault::NoSys, FilesystemFault::NoUprobes]
        {
            assert!(fault.problem().ends_with('.') && fault.fix().ends_with('.'), "{fault:?}");
        }
    }

    #[test]
    fn options_that_hide_processes() {
        let hiding = |mode: &str| hiding(&HashMap::from([("hidepid".to_owned(), Some(mode.to_owned()))]));
        assert_eq!(hiding("invisible"), Some("hidepid=invisible".to_owned()));
        assert_eq!(hiding("2"), Some("hidepid=2".to_owned()));
        assert_eq!((hiding("off"), hiding("0")), (None, None));
        assert_eq!(super::hiding(&HashMap::new()), None);
    }
}
