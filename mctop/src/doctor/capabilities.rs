//! What this process may do.

use serde::Serialize;

use crate::probe::privilege::{self, NamespaceKind, is_in_initial};

/// A capability that tracing uses (capabilities(7)).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Capability {
    /// Its name.
    pub name: &'static str,
    /// Whether it is in the effective set.
    pub held: bool,
    /// What it is used for.
    pub purpose: &'static str,
}

/// Privileges of this process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Privileges {
    /// Effective user.
    pub uid: u32,
    /// The capabilities that matter.
    pub capabilities: Vec<Capability>,
    /// Whether those held may be enough to load eBPF programs and attach uprobes, so that it is worth a trial.
    pub sufficient: bool,
    /// Whether this process is in the host's user namespace: capabilities in another are none to the kernel.
    pub initial_user_namespace: Option<bool>,
    /// Whether this process is in the host's PID namespace: from another it does not see the servers outside.
    pub initial_pid_namespace: Option<bool>,
}

impl Privileges {
    /// Reads those of this process.
    #[must_use]
    pub(crate) fn read() -> Self {
        let held = privilege::held();
        Self {
            uid: rustix::process::geteuid().as_raw(),
            capabilities: of(held),
            sufficient: privilege::may_suffice(held),
            initial_user_namespace: is_in_initial(NamespaceKind::User),
            initial_pid_namespace: is_in_initial(NamespaceKind::Pid),
        }
    }

    /// Whether a capability is held.
    #[must_use]
    pub(crate) fn holds(&self, name: &str) -> bool {
        self.capabilities.iter().any(|capability| capability.name == name && capability.held)
    }

    /// Names of those that are not held.
    #[must_use]
    pub(crate) fn missing(&self) -> Vec<&'static str> {
        self.capabilities.iter().filter(|capability| !capability.held).map(|capability| capability.name).collect()
    }
}

/// The capabilities that matter, by a set in which each is a bit.
#[must_use]
pub(crate) fn of(held: u64) -> Vec<Capability> {
    let capabilities = privilege::CAPABILITIES.iter();
    capabilities.map(|&(bit, name, purpose)| Capability { name, held: held >> bit & 1 == 1, purpose }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_are_told_apart() {
        let held: Vec<_> = of(1 << 38 | 1 << 19).into_iter().filter(|c| c.held).map(|c| c.name).collect();
        assert_eq!(held, ["CAP_PERFMON", "CAP_SYS_PTRACE"]);
        assert!(of(u64::MAX).iter().all(|capability| capability.held));
        assert!(of(0).iter().all(|capability| !capability.held));
    }
}
