//! What tracing needs of the kernel, and explaining its absence.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;

use crate::error::Failure;

/// Capabilities that tracing uses, by bit number (`include/uapi/linux/capability.h`), and what for.
pub const CAPABILITIES: [(u32, &str, &str); 4] = [
    (SYS_ADMIN, "CAP_SYS_ADMIN", "attaches uprobes; stands in for the next two"),
    (39, "CAP_BPF", "loads eBPF programs and maps"),
    (38, "CAP_PERFMON", "lets eBPF programs read the traced process"),
    (19, "CAP_SYS_PTRACE", "examines processes of other users"),
];

const SYS_ADMIN: u32 = 21;

/// A kind of namespace that matters to tracing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Namespace {
    /// Capabilities in another than the host's are none to the kernel.
    User,
    /// Process numbers in another than the host's are not the kernel's.
    Pid,
}

/// Whether this process is in the namespace that the host boots with; none where that cannot be told.
#[must_use]
pub fn is_in_initial(namespace: Namespace) -> Option<bool> {
    // Inode numbers of `include/linux/proc_ns.h`.
    let (path, inode) = match namespace {
        Namespace::User => ("/proc/self/ns/user", 0xefff_fffd),
        Namespace::Pid => ("/proc/self/ns/pid", 0xefff_fffc),
    };
    fs::metadata(path).ok().map(|metadata| metadata.ino() == inode)
}

/// Checks that this process may trace at all, before anything is looked for.
///
/// # Errors
/// A [`Failure`] that names the capabilities that are missing.
pub fn check() -> Result<(), Failure> {
    let status = fs::read_to_string("/proc/self/status").map_err(|error| {
        Failure::privilege(format!(
            "cannot read /proc/self/status: {error}. mctop needs /proc to find servers; mount it."
        ))
    })?;
    let held = effective_capabilities(&status);
    if is_sufficient(held) {
        return Ok(());
    }
    let missing: Vec<&str> =
        CAPABILITIES.iter().filter(|(bit, ..)| held & (1 << bit) == 0).map(|(_, name, _)| *name).collect();
    Err(Failure::privilege(format!(
        "Tracing is not permitted here: this process lacks {}. Loading eBPF programs needs CAP_BPF and CAP_PERFMON, uprobes need \
         CAP_SYS_ADMIN, and reading another user's process needs CAP_SYS_PTRACE. Run it as root (sudo mctop); in a \
         container, run it on the host or add these capabilities and the host's pid namespace (--pid=host).",
        missing.join(", ")
    )))
}

/// Whether a set of capabilities, each a bit, is enough to load eBPF programs and attach uprobes.
#[must_use]
pub const fn is_sufficient(held: u64) -> bool {
    held & (1 << SYS_ADMIN) != 0
}

/// The effective capabilities in a `/proc/PID/status`, each a bit; none when it does not tell.
#[must_use]
pub fn effective_capabilities(status: &str) -> u64 {
    status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))
        .and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok())
        .unwrap_or(0)
}

/// Turns the failure of a step into one that says what to do: a refusal is a missing privilege, an unknown call or program
/// type a missing kernel feature.
#[must_use]
pub fn explain(error: anyhow::Error, step: &str) -> anyhow::Error {
    let code = error.chain().find_map(|cause| cause.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error));
    let reason = format!("{error:#}");
    match code {
        Some(libc::EPERM | libc::EACCES) => Failure::privilege(format!(
            "The kernel refused to {step}: {reason}. Run mctop as root with CAP_SYS_ADMIN, CAP_BPF and CAP_PERFMON; if it is \
             root already, kernel lockdown (/sys/kernel/security/lockdown must not say confidentiality), a container's \
             seccomp profile or a security module forbids bpf() or perf_event_open()."
        ))
        .into(),
        Some(libc::ENOSYS | libc::EOPNOTSUPP) => Failure::privilege(format!(
            "This kernel cannot {step}: {reason}. mctop needs Linux 5.15 or newer, built with CONFIG_BPF_SYSCALL, \
             CONFIG_BPF_EVENTS and CONFIG_UPROBE_EVENTS."
        ))
        .into(),
        _ => error.context(format!("cannot {step}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_are_read() {
        assert_eq!(effective_capabilities("Name:\tx\nCapEff:\t0000000000200000\n"), 1 << SYS_ADMIN);
        assert_eq!(effective_capabilities("Name:\tx\n"), 0);
    }

    #[test]
    fn a_refusal_is_a_missing_privilege() {
        let refused = explain(io::Error::from_raw_os_error(libc::EPERM).into(), "load a program");
        assert_eq!(crate::error::exit_code(&refused), 3);
        let other = explain(io::Error::from_raw_os_error(libc::ENOMEM).into(), "load a program");
        assert_eq!(crate::error::exit_code(&other), 1);
    }
}
