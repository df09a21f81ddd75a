//! What the kernel offers and forbids.

use std::fs;
use std::path::Path;

use rustix::system::Uname;
use serde::Serialize;

use crate::kernel::filesystems::FilesystemFault;

const BTF: &str = "/sys/kernel/btf/vmlinux";
const LOCKDOWN: &str = "/sys/kernel/security/lockdown";
const JIT: &str = "/proc/sys/net/core/bpf_jit_enable";
const UNPRIVILEGED_BPF: &str = "/proc/sys/kernel/unprivileged_bpf_disabled";
const PERF_PARANOID: &str = "/proc/sys/kernel/perf_event_paranoid";

/// The mode of kernel lockdown, which restricts even root (kernel_lockdown(7)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Lockdown {
    /// No restrictions.
    None,
    /// Forbids changing the running kernel. It does not affect tracing.
    Integrity,
    /// Also forbids reading the kernel's memory, for which eBPF programs may be refused.
    Confidentiality,
}

/// The kernel. Facts that could not be read are none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Kernel {
    /// Its release.
    pub release: String,
    /// The machine's architecture, as in `uname -m`.
    pub architecture: String,
    /// Whether uprobe programs get attach cookies; none if that was not tried. It does not follow from the release, because
    /// distributions backport features.
    pub attach_cookies: Option<bool>,
    /// Whether it describes its types (BTF). mctop does not require it.
    pub btf: bool,
    /// Whether uprobes can be attached as perf events.
    pub uprobes: bool,
    /// Whether eBPF programs are compiled (JIT) instead of interpreted.
    pub jit: Option<bool>,
    /// The mode of kernel lockdown.
    pub lockdown: Option<Lockdown>,
    /// `kernel.unprivileged_bpf_disabled`: whether eBPF without privileges is allowed (0) or forbidden (1 and 2). Root is exempt.
    pub unprivileged_bpf_disabled: Option<i32>,
    /// `kernel.perf_event_paranoid`. Root is exempt.
    pub perf_event_paranoid: Option<i32>,
}

impl Kernel {
    /// Reads the facts. `faults` are those of the file systems, `attach_cookies` is the result of a trial.
    pub(crate) fn read(system: &Uname, faults: &[FilesystemFault], attach_cookies: Option<bool>) -> Self {
        Self {
            attach_cookies,
            release: system.release().to_string_lossy().into_owned(),
            architecture: system.machine().to_string_lossy().into_owned(),
            btf: Path::new(BTF).exists(),
            uprobes: !faults.iter().any(|fault| matches!(fault, FilesystemFault::NoSys | FilesystemFault::NoUprobes)),
            jit: number(JIT).map(|value| value != 0),
            lockdown: fs::read_to_string(LOCKDOWN).ok().as_deref().and_then(lockdown),
            unprivileged_bpf_disabled: number(UNPRIVILEGED_BPF),
            perf_event_paranoid: number(PERF_PARANOID),
        }
    }
}

fn number(path: &str) -> Option<i32> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// The mode in brackets, as in `none [integrity] confidentiality`.
fn lockdown(text: &str) -> Option<Lockdown> {
    let (_, rest) = text.split_once('[')?;
    match rest.split_once(']')?.0 {
        "none" => Some(Lockdown::None),
        "integrity" => Some(Lockdown::Integrity),
        "confidentiality" => Some(Lockdown::Confidentiality),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lockdown_mode_is_the_one_in_brackets() {
        assert_eq!(lockdown("[none] integrity confidentiality\n"), Some(Lockdown::None));
        assert_eq!(lockdown("none [integrity] confidentiality\n"), Some(Lockdown::Integrity));
        assert_eq!(lockdown("none integrity [confidentiality]\n"), Some(Lockdown::Confidentiality));
        assert_eq!(lockdown("none integrity confidentiality\n"), None);
        assert_eq!(lockdown("["), None);
    }
}
