//! What live tests need of the machine.

use std::fmt;
use std::fs;
use std::path::Path;

use anyhow::{Result, bail};

use crate::setup;

/// The kernel's kind of perf event that uprobes are attached by.
const UPROBE_EVENTS: &str = "/sys/bus/event_source/devices/uprobe/type";

/// Capabilities needed, with their numbers (capabilities(7)): attaching uprobes, and reading another user's `/proc/PID/exe`.
const CAPABILITIES: [(&str, u32); 2] = [("CAP_SYS_ADMIN", 21), ("CAP_SYS_PTRACE", 19)];

/// Why tests with real eBPF cannot run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocker(pub String);

impl fmt::Display for Blocker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What the kernel or our privileges lack.
#[must_use]
pub fn of_ebpf() -> Vec<Blocker> {
    let mut blockers = Vec::new();
    if !Path::new(UPROBE_EVENTS).exists() {
        blockers.push(Blocker(format!(
            "this kernel offers no uprobes ({UPROBE_EVENTS} is missing; CONFIG_UPROBE_EVENTS, or a container without /sys)"
        )));
    }
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let lacking = lacking_capabilities(&status);
    if !lacking.is_empty() {
        blockers.push(Blocker(format!("missing privilege: {}; run as root", lacking.join(", "))));
    }
    blockers
}

/// The needed capabilities that are not in the effective set of a `/proc/PID/status`.
fn lacking_capabilities(status: &str) -> Vec<&'static str> {
    let effective = status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0);
    CAPABILITIES.iter().filter(|(_, number)| effective >> number & 1 == 0).map(|(name, _)| *name).collect()
}

/// Fails unless live tests can run here.
///
/// # Errors
/// Everything that is missing.
pub fn demand_live() -> Result<()> {
    let blockers = of_ebpf();
    if !blockers.is_empty() {
        let reasons: Vec<String> = blockers.iter().map(ToString::to_string).collect();
        bail!("the live tests cannot run here: {}", reasons.join("; "));
    }
    setup::memcached().map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_effective_capabilities() {
        assert!(lacking_capabilities("Name:\tx\nCapEff:\t000001ffffffffff\n").is_empty());
        assert_eq!(lacking_capabilities("CapEff:\t0000000000080000\n"), ["CAP_SYS_ADMIN"]);
        assert_eq!(lacking_capabilities("CapEff:\t0000000000000000\n").len(), 2);
        assert_eq!(lacking_capabilities("").len(), 2);
    }
}
