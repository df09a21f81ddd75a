//! How the running kernel probes the return of a function, and whether a process under seccomp survives that. Both are tested on a
//! child process.
//!
//! The kernel makes a probed function return to a trampoline that it puts into the process. On x86-64 the trampoline is a breakpoint
//! up to Linux 6.10. From 6.11 on it makes a system call (`uretprobe`), and a seccomp filter that does not know this call kills the
//! process. From 6.14 on, seccomp lets the call pass ("seccomp: passthrough uretprobe systemcall without filtering"). Distributions
//! backport these changes, so the version number does not tell what a kernel does.

#[cfg(target_arch = "x86_64")]
mod trial;

use std::sync::OnceLock;

use crate::error::with_causes;

/// How the kernel probes returns, as a test has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReturnProbeMethod {
    /// Whether a process survives return probes under a seccomp filter that does not allow for them.
    pub passes_seccomp: bool,
    /// Whether return probes use the system call. Such a kernel also has "x86/shstk: Make return uprobe work with shadow stack",
    /// an earlier patch of the same series.
    pub uses_system_call: bool,
}

/// The method of the running kernel. The first call tests it, which takes a few tenths of a second.
///
/// # Errors
/// Why it could not be tested, as a clause.
pub fn return_probe_method() -> Result<ReturnProbeMethod, String> {
    static METHOD: OnceLock<Result<ReturnProbeMethod, String>> = OnceLock::new();
    METHOD.get_or_init(|| test_return_probes().map_err(|error| with_causes(&error))).clone()
}

#[cfg(target_arch = "x86_64")]
use trial::test_return_probes;

/// Other architectures do not have this system call.
#[cfg(not(target_arch = "x86_64"))]
fn test_return_probes() -> anyhow::Result<ReturnProbeMethod> {
    anyhow::bail!("this machine is not an x86-64")
}
