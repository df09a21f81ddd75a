//! How the running kernel probes the return of a function, and whether a process under seccomp survives that: tried on a process of
//! mctop's own.
//!
//! The kernel makes a probed function return to code of its own in the process. On x86-64 that code was a breakpoint first; from
//! Linux 6.11 on it makes a system call (`uretprobe`), which a seccomp filter that does not know it answers by killing the process;
//! from 6.14 on, and on older kernels into which that was ported, seccomp lets the call pass ("seccomp: passthrough uretprobe
//! systemcall without filtering"). No version says which of these a distribution's kernel does.

#[cfg(target_arch = "x86_64")]
mod trial;

use std::sync::OnceLock;

use crate::error::told;

/// What a try has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReturnProbes {
    /// Whether a process under a seccomp filter that knows of no such probes survives them.
    pub pass_seccomp: bool,
    /// Whether they are by the system call. Who has that has also "x86/shstk: Make return uprobe work with shadow stack", which
    /// precedes it in the series that brought both.
    pub by_system_call: bool,
}

/// Those of the running kernel: tried once, which takes some tenths of a second, and only when somebody asks.
///
/// # Errors
/// Why they could not be tried, as a clause.
pub fn tried() -> Result<ReturnProbes, String> {
    static TRIED: OnceLock<Result<ReturnProbes, String>> = OnceLock::new();
    TRIED.get_or_init(|| try_returns().map_err(|error| told(&error))).clone()
}

#[cfg(target_arch = "x86_64")]
use trial::try_returns;

/// Other machines have no such system call, and servers of another machine than this one do not run here.
#[cfg(not(target_arch = "x86_64"))]
fn try_returns() -> anyhow::Result<ReturnProbes> {
    anyhow::bail!("this machine is not an x86-64")
}
