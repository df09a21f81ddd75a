//! What the kernel offers and forbids.

use std::fs;
use std::path::Path;

use rustix::system::Uname;
use serde::Serialize;

use crate::kernel::filesystems::Fault;

const BTF: &str = "/sys/kernel/btf/vmlinux";
const LOCKDOWN: &str = "/sys/kernel/security/lockdown";
const JIT: &str = "/proc/sys/net/core/bpf_jit_enable";
const UNPRIVILEGED_BPF: &str = "/proc/sys/kernel/unprivileged_bpf_disabled";
const PERF_PARANOID: &str = "/proc/sys/kernel/perf_event_paranoid";

/// How much the lockdown module forbids even root (kernel_lockdown(7)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Lockdown {
    /// Nothing.
    None,
    /// Changing the kernel. Tracing is left alone.
    Integrity,
    /// Also reading the kernel's memory, which is what eBPF programs may be refused for.
    Confidentiality,
}

/// The kernel; what could not be read is none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Kernel {
    /// Its release.
    pub release: String,
    /// The machine's architecture, as the kernel calls it.
    pub architecture: String,
    /// Whether the programs of uprobes are given attach cookies, as a trial has shown; none when there was none. The release
    /// does not tell.
    pub attach_cookies: Option<bool>,
    /// Whether it describes its own types. Nice to have; mctop does without.
    pub btf: bool,
    /// Whether it shows how uprobes are attached as perf events.
    pub uprobes: bool,
    /// Whether eBPF programs are compiled instead of interpreted.
    pub jit: Option<bool>,
    /// Lockdown mode.
    pub lockdown: Option<Lockdown>,
    /// `kernel.unprivileged_bpf_disabled`: 0 allowed, 1 and 2 forbidden. Tells who may load what without privilege; root
    /// always may.
    pub unprivileged_bpf_disabled: Option<i32>,
    /// `kernel.perf_event_paranoid`; root is exempt.
    pub perf_event_paranoid: Option<i32>,
}

impl Kernel {
    /// Reads it all, given what is wrong with the file systems that show it, and what the trial of cookies has shown.
    #[must_use]
    pub(crate) fn read(system: &Uname, faults: &[Fault], attach_cookies: Option<bool>) -> Self {
        Self {
            attach_cookies,
            release: system.release().to_string_lossy().into_owned(),
            architecture: system.machine().to_string_lossy().into_owned(),
            btf: Path::new(BTF).exists(),
            uprobes: !faults.iter().any(|fault| matches!(fault, Fault::NoSys | Fault::NoUprobes)),
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

/// The mode in brackets of `none [integrity] confidentiality`.
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
    fn lockdown_modes() {
        assert_eq!(lockdown("[none] integrity confidentiality\n"), Some(Lockdown::None));
        assert_eq!(lockdown("none [integrity] confidentiality\n"), Some(Lockdown::Integrity));
        assert_eq!(lockdown("none integrity [confidentiality]\n"), Some(Lockdown::Confidentiality));
        assert_eq!(lockdown("none integrity confidentiality\n"), None);
        assert_eq!(lockdown("["), None);
    }
}
