//! The file systems by which mctop learns of processes and of the kernel's uprobes. Tracefs is not among them: uprobes are attached
//! as perf events, and tracepoints by name. Neither need they be writable.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use procfs::process::Process;
use rustix::fs::{FsWord, PROC_SUPER_MAGIC, statfs};
use serde::Serialize;

use crate::error::Failure;

/// Where the kernel shows the kind of perf event that uprobes are attached by.
const UPROBES: &str = "/sys/bus/event_source/devices/uprobe/type";
/// The type of `/sys` in statfs(2), `SYSFS_MAGIC` in `include/uapi/linux/magic.h`.
const SYSFS_MAGIC: FsWord = 0x6265_6572;

/// What is wrong with a file system that tracing needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// `/proc` is not mounted.
    NoProc,
    /// `/proc` is of another PID namespace than mctop.
    ForeignProc,
    /// `/sys` is not mounted.
    NoSys,
    /// `/sys` is mounted, and shows no uprobes.
    NoUprobes,
}

impl Fault {
    /// Whether processes cannot be looked through.
    #[must_use]
    pub const fn hides_processes(self) -> bool {
        matches!(self, Self::NoProc | Self::ForeignProc)
    }

    /// What is wrong, a sentence.
    #[must_use]
    pub fn what(self) -> String {
        match self {
            Self::NoProc => "/proc is not mounted: mctop finds servers there.".to_owned(),
            Self::ForeignProc => {
                "/proc is of another PID namespace than mctop: the numbers that it has for processes are not \
                 those by which probes are attached."
                    .to_owned()
            }
            Self::NoSys => format!("/sys is not mounted: the kernel shows there how uprobes are attached ({UPROBES})."),
            Self::NoUprobes => format!("The kernel offers no uprobes: there is no {UPROBES}."),
        }
    }

    /// What to do about it, a sentence.
    #[must_use]
    pub const fn fix(self) -> &'static str {
        match self {
            Self::NoProc => "Mount it: mount -t proc proc /proc.",
            Self::ForeignProc => {
                "Mount the one of this namespace (mount -t proc proc /proc), or run mctop in the namespace of the servers (in a \
                 container: --pid=host)."
            }
            Self::NoSys => "Mount it: mount -t sysfs sysfs /sys; in a container, mount the host's (-v /sys:/sys:ro).",
            Self::NoUprobes => {
                "Boot a kernel with CONFIG_UPROBE_EVENTS; in a container, mount all of the host's /sys (-v /sys:/sys:ro)."
            }
        }
    }
}

/// Whether any of what is wrong keeps processes from being looked through.
#[must_use]
pub fn hide_processes(faults: &[Fault]) -> bool {
    faults.iter().any(|fault| fault.hides_processes())
}

/// What is wrong here, what other things depend on first.
#[must_use]
pub fn faults() -> Vec<Fault> {
    let own_number = fs::read_link("/proc/self").ok().and_then(|link| link.to_str()?.parse::<u32>().ok());
    let sys = statfs("/sys").ok().map(|status| status.f_type);
    judge(proc(own_number), Path::new(UPROBES).exists(), sys == Some(SYSFS_MAGIC))
}

/// What is wrong with `/proc`, given the number that this process has there.
fn proc(own_number: Option<u32>) -> Option<Fault> {
    match own_number {
        Some(number) if number == std::process::id() => None,
        // A process that its namespace does not have.
        None if statfs("/proc").is_ok_and(|status| status.f_type == PROC_SUPER_MAGIC) => Some(Fault::ForeignProc),
        None => Some(Fault::NoProc),
        Some(_) => Some(Fault::ForeignProc),
    }
}

fn judge(proc: Option<Fault>, has_uprobes: bool, is_sysfs: bool) -> Vec<Fault> {
    let sys = match (has_uprobes, is_sysfs) {
        (true, _) => None,
        (false, true) => Some(Fault::NoUprobes),
        (false, false) => Some(Fault::NoSys),
    };
    proc.into_iter().chain(sys).collect()
}

/// Checks that nothing is wrong.
///
/// # Errors
/// A [`Failure`] that says what is, and what to do about it: a kernel feature is missing.
pub fn check() -> Result<(), Failure> {
    match faults().first() {
        None => Ok(()),
        Some(fault) => {
            Err(Failure::privilege(format!("Tracing is not possible here. {} {}", fault.what(), fault.fix())))
        }
    }
}

/// How `/proc` hides the processes of others (`hidepid` in proc(5)) from those without `CAP_SYS_PTRACE`, if it does.
#[must_use]
pub fn hidepid() -> Option<String> {
    let mounts = Process::myself().and_then(|process| process.mountinfo()).ok()?;
    // The last one mounted there is the one that is seen.
    let proc = mounts.into_iter().rfind(|mount| mount.mount_point == Path::new("/proc"))?;
    hiding(&proc.super_options)
}

/// Older kernels show numbers: 0 to 2, and 4.
fn hiding(options: &HashMap<String, Option<String>>) -> Option<String> {
    let mode = options.get("hidepid")?.as_deref()?;
    (!matches!(mode, "0" | "off")).then(|| format!("hidepid={mode}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing() {
        assert_eq!(judge(None, true, true), []);
        // A container may have no more of it than that.
        assert_eq!(judge(None, true, false), []);
        assert_eq!(judge(None, false, true), [Fault::NoUprobes]);
        assert_eq!(judge(None, false, false), [Fault::NoSys]);
        assert_eq!(judge(Some(Fault::NoProc), false, false), [Fault::NoProc, Fault::NoSys]);
        assert_eq!(proc(Some(std::process::id())), None);
        assert_eq!(proc(Some(u32::MAX)), Some(Fault::ForeignProc));
    }

    #[test]
    fn the_tests_have_a_proc() {
        assert!(!faults().iter().any(|fault| matches!(fault, Fault::NoProc | Fault::ForeignProc)));
    }

    #[test]
    fn what_is_wrong_is_said_in_sentences() {
        for fault in [Fault::NoProc, Fault::ForeignProc, Fault::NoSys, Fault::NoUprobes] {
            assert!(fault.what().ends_with('.') && fault.fix().ends_with('.'), "{fault:?}");
        }
    }

    #[test]
    fn processes_that_are_hidden() {
        let hiding = |mode: &str| hiding(&HashMap::from([("hidepid".to_owned(), Some(mode.to_owned()))]));
        assert_eq!(hiding("invisible"), Some("hidepid=invisible".to_owned()));
        assert_eq!(hiding("2"), Some("hidepid=2".to_owned()));
        assert_eq!((hiding("off"), hiding("0")), (None, None));
        assert_eq!(super::hiding(&HashMap::new()), None);
    }
}
