//! The privileges and kernel features that tracing needs, and explanations for the user when one is missing.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;

use aya::programs::ProgramError;

use crate::error::{Failure, with_causes};
use crate::kernel::{NEEDED, filesystems};

/// Capabilities that tracing uses: bit number (`include/uapi/linux/capability.h`), name and purpose.
pub(crate) const CAPABILITIES: [(u32, &str, &str); 4] = [
    (SYS_ADMIN, "CAP_SYS_ADMIN", "attaches uprobes, where CAP_PERFMON is not enough; stands in for the next two"),
    (BPF, "CAP_BPF", "loads eBPF programs and maps"),
    (PERFMON, "CAP_PERFMON", "lets eBPF programs read the traced process"),
    (19, "CAP_SYS_PTRACE", "examines processes of other users"),
];

const SYS_ADMIN: u32 = 21;
const PERFMON: u32 = 38;
const BPF: u32 = 39;

/// A kind of namespace that affects tracing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NamespaceKind {
    /// For tracing, the kernel ignores capabilities in a namespace other than the initial one.
    User,
    /// eBPF programs see process ids of the initial namespace.
    Pid,
}

/// Whether this process is in the initial namespace, which the host booted with; `None` if that is unknown.
pub(crate) fn is_in_initial(namespace: NamespaceKind) -> Option<bool> {
    // Inode numbers of `include/linux/proc_ns.h`.
    let (path, inode) = match namespace {
        NamespaceKind::User => ("/proc/self/ns/user", 0xefff_fffd),
        NamespaceKind::Pid => ("/proc/self/ns/pid", 0xefff_fffc),
    };
    fs::metadata(path).ok().map(|metadata| metadata.ino() == inode)
}

/// Checks that this process may trace, and that the necessary file systems are mounted.
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
             need CAP_SYS_ADMIN on most kernels, and reading another user's process needs CAP_SYS_PTRACE. Run mctop as root (sudo \
             mctop …). In a container, add these capabilities and the host's PID namespace (--pid=host), or run mctop on the host.",
            missing.join(", ")
        )));
    }
    filesystems::check()
}

/// Whether a set of capabilities may be enough to load eBPF programs and attach uprobes. Whether uprobes need more than CAP_PERFMON
/// depends on the kernel, and shows only when one is attached.
pub(crate) const fn may_suffice(held: u64) -> bool {
    let both = 1 << BPF | 1 << PERFMON;
    held & (1 << SYS_ADMIN) != 0 || held & both == both
}

/// This process's effective capabilities, one bit each.
pub(crate) fn held() -> u64 {
    rustix::thread::capabilities(None).map_or(0, |sets| sets.effective.bits())
}

/// Whether an error says that the kernel does not support attach cookies.
pub(super) fn lacks_cookies(error: &anyhow::Error) -> bool {
    let mut causes = error.chain().filter_map(|cause| cause.downcast_ref::<ProgramError>());
    causes.any(|error| matches!(error, ProgramError::AttachCookieNotSupported))
}

/// Number of lines quoted from the end of the verifier's log. The lines before describe its path through the program.
const VERIFIER_LINES: usize = 4;

/// The failure of an eBPF program that the kernel's verifier has rejected, or does not understand.
pub(super) fn rejected_by_verifier(name: &str, error: &io::Error, log: &str) -> Failure {
    let lines: Vec<&str> = log.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let last = &lines[lines.len().saturating_sub(VERIFIER_LINES)..];
    Failure::privilege(format!(
        "This kernel, Linux {}, rejects mctop's eBPF program {name}: {error}. Its verifier says: {}. {NEEDED} If this kernel meets \
         these requirements, that is a bug in mctop: please report it with the output of mctop doctor.",
        rustix::system::uname().release().to_string_lossy(),
        last.join(" / ")
    ))
}

/// Turns the error of a step into one with advice: a refusal means a missing privilege, an unknown call or program type a missing
/// kernel feature.
pub(crate) fn explain(error: anyhow::Error, step: &str) -> anyhow::Error {
    let code = error.chain().find_map(|cause| cause.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error));
    let reason = with_causes(&error);
    if lacks_cookies(&error) {
        return Failure::privilege(format!("This kernel cannot {step}: {reason}. {NEEDED}")).into();
    }
    match code {
        Some(libc::EPERM | libc::EACCES) => Failure::privilege(format!(
            "The kernel refused to {step}: {reason}. Run mctop as root with CAP_SYS_ADMIN, CAP_BPF and CAP_PERFMON. If it already is \
             root, bpf() or perf_event_open() is forbidden by kernel lockdown (/sys/kernel/security/lockdown must not say \
             confidentiality), a container's seccomp profile or a security module."
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
    use crate::error::exit_code;
    #[test]
    fn capabilities_agree_with_proc() {
        let status = procfs::process::Process::myself().unwrap().status().unwrap();
        assert_eq!(held(), status.capeff);
    }

    #[test]
    fn sys_admin_or_both_bpf_and_perfmon_may_suffice() {
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
        let unsupported = anyhow::Error::new(ProgramError::AttachCookieNotSupported).context("cannot attach");
        let explained = explain(unsupported, "attach the lookup probe");
        assert_eq!(exit_code(&explained), 3);
        assert!(explained.to_string().contains("Linux 5.15"), "{explained}");
        assert!(!lacks_cookies(&ProgramError::AlreadyAttached.into()));
    }

    #[test]
    fn a_rejection_by_the_verifier_is_not_blamed_on_privileges() {
        let log = "0: (bf) r6 = r1\n1: (95) exit\na\n\nb\nc\ncombined stack size of 2 calls is 544. Too large\n";
        let failure = rejected_by_verifier("lookup", &io::Error::from_raw_os_error(libc::EACCES), log);
        let text = &failure.message;
        assert!(text.contains("program lookup") && text.contains("says: a / b / c / combined stack"), "{text}");
        assert!(!text.contains("exit") && !text.contains("CAP_") && text.contains("bug in mctop"), "{text}");
        assert_eq!(failure.kind.exit_code(), 3);
    }

    #[test]
    fn a_refusal_is_a_missing_privilege() {
        let refused = explain(io::Error::from_raw_os_error(libc::EPERM).into(), "load a program");
        assert_eq!(exit_code(&refused), 3);
        let other = explain(io::Error::from_raw_os_error(libc::ENOMEM).into(), "load a program");
        assert_eq!(exit_code(&other), 1);
    }
}
