//! What tracing needs of the kernel, and explaining its absence.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;

use super::cookie;
use crate::error::{Failure, with_causes};
use crate::kernel::{NEEDED, filesystems};

/// Capabilities that tracing uses, by bit number (`include/uapi/linux/capability.h`), and what for.
pub(crate) const CAPABILITIES: [(u32, &str, &str); 4] = [
    (SYS_ADMIN, "CAP_SYS_ADMIN", "attaches uprobes, where CAP_PERFMON is not enough; stands in for the next two"),
    (BPF, "CAP_BPF", "loads eBPF programs and maps"),
    (PERFMON, "CAP_PERFMON", "lets eBPF programs read the traced process"),
    (19, "CAP_SYS_PTRACE", "examines processes of other users"),
];

const SYS_ADMIN: u32 = 21;
const PERFMON: u32 = 38;
const BPF: u32 = 39;

/// A kind of namespace that matters to tracing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Namespace {
    /// Capabilities in another than the host's are none to the kernel.
    User,
    /// Process numbers in another than the host's are not the kernel's.
    Pid,
}

/// Whether this process is in the namespace that the host boots with; none where that cannot be told.
#[must_use]
pub(crate) fn is_in_initial(namespace: Namespace) -> Option<bool> {
    // Inode numbers of `include/linux/proc_ns.h`.
    let (path, inode) = match namespace {
        Namespace::User => ("/proc/self/ns/user", 0xefff_fffd),
        Namespace::Pid => ("/proc/self/ns/pid", 0xefff_fffc),
    };
    fs::metadata(path).ok().map(|metadata| metadata.ino() == inode)
}

/// Checks that this process may trace at all, and that the file systems are there that it takes, before anything is looked for.
///
/// # Errors
/// A [`Failure`] that names the capabilities, or the file system, that are missing.
pub(crate) fn check() -> Result<(), Failure> {
    let held = held();
    if !may_suffice(held) {
        let missing: Vec<&str> =
            CAPABILITIES.iter().filter(|(bit, ..)| held & (1 << bit) == 0).map(|(_, name, _)| *name).collect();
        return Err(Failure::privilege(format!(
            "Tracing is not permitted here: this process lacks {}. Loading eBPF programs needs CAP_BPF and CAP_PERFMON, uprobes \
             need CAP_SYS_ADMIN on most kernels, and reading another user's process needs CAP_SYS_PTRACE. Run it as root (sudo \
             mctop …); in a container, run it on the host or add these capabilities and the host's pid namespace (--pid=host).",
            missing.join(", ")
        )));
    }
    filesystems::check()
}

/// Whether a set of capabilities, each a bit, may be enough to load eBPF programs and attach uprobes. Whether CAP_PERFMON is enough
/// for the latter differs from kernel to kernel, and shows when one is attached.
#[must_use]
pub(crate) const fn may_suffice(held: u64) -> bool {
    let lesser = 1 << BPF | 1 << PERFMON;
    held & (1 << SYS_ADMIN) != 0 || held & lesser == lesser
}

/// The capabilities in this process's effective set, each a bit.
#[must_use]
pub(crate) fn held() -> u64 {
    rustix::thread::capabilities(None).map_or(0, |sets| sets.effective.bits())
}

/// Turns the failure of a step into one that says what to do: a refusal is a missing privilege, an unknown call or program
/// type a missing kernel feature.
#[must_use]
pub(crate) fn explain(error: anyhow::Error, step: &str) -> anyhow::Error {
    let code = error.chain().find_map(|cause| cause.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error));
    let reason = with_causes(&error);
    if cookie::is_unknown(&error) {
        return Failure::privilege(format!("This kernel cannot {step}: {reason}. {NEEDED}")).into();
    }
    match code {
        Some(libc::EPERM | libc::EACCES) => Failure::privilege(format!(
            "The kernel refused to {step}: {reason}. Run mctop as root with CAP_SYS_ADMIN, CAP_BPF and CAP_PERFMON; if it is \
             root already, kernel lockdown (/sys/kernel/security/lockdown must not say confidentiality), a container's \
             seccomp profile or a security module forbids bpf() or perf_event_open()."
        ))
        .into(),
        Some(libc::ENOSYS | libc::EOPNOTSUPP) => Failure::privilege(format!(
            "This kernel cannot {step}: {reason}. {NEEDED}"
        ))
        .into(),
        _ => error.context(format!("cannot {step}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_are_those_that_the_kernel_shows() {
        let status = procfs::process::Process::myself().unwrap().status().unwrap();
        assert_eq!(held(), status.capeff);
    }

    #[test]
    fn capabilities_that_may_suffice() {
        for (held, may) in [
            (1 << SYS_ADMIN, true),
            (1 << BPF | 1 << PERFMON, true),
            (1 << BPF, false),
            (1 << PERFMON, false),
            (!(1 << SYS_ADMIN | 1 << BPF), false),
            (0, false),
        ] {
            assert_eq!(may_suffice(held), may, "{held:#x}");
        }
    }

    #[test]
    fn a_kernel_without_cookies_lacks_a_feature() {
        let unknown = explain(aya::programs::ProgramError::AttachCookieNotSupported.into(), "attach the lookup probe");
        assert_eq!(crate::error::exit_code(&unknown), 3);
        assert!(unknown.to_string().contains("Linux 5.15"), "{unknown}");
    }

    #[test]
    fn a_refusal_is_a_missing_privilege() {
        let refused = explain(io::Error::from_raw_os_error(libc::EPERM).into(), "load a program");
        assert_eq!(crate::error::exit_code(&refused), 3);
        let other = explain(io::Error::from_raw_os_error(libc::ENOMEM).into(), "load a program");
        assert_eq!(crate::error::exit_code(&other), 1);
    }
}
