//! The privileges of this process.

use serde::Serialize;

use crate::probe::privilege::{self, NamespaceKind, is_in_initial};

/// A capability that mctop uses (capabilities(7)).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Capability {
    /// Name of the capability.
    pub name: &'static str,
    /// Whether it is in the effective set of this process.
    pub held: bool,
    /// What mctop needs it for.
    pub purpose: &'static str,
}

/// The privileges of this process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Privileges {
    /// Effective user id.
    pub uid: u32,
    /// The capabilities that mctop uses.
    pub capabilities: Vec<Capability>,
    /// Whether the capabilities held may suffice to load eBPF programs and attach uprobes.
    pub sufficient: bool,
    /// Whether this process is in the host's user namespace. Capabilities in other user namespaces do not permit tracing.
    pub initial_user_namespace: Option<bool>,
    /// Whether this process is in the host's PID namespace. Processes outside of its PID namespace are invisible to it.
    pub initial_pid_namespace: Option<bool>,
}

impl Privileges {
    /// Reads the privileges of this process.
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
    pub(crate) fn holds(&self, name: &str) -> bool {
        self.capabilities.iter().any(|capability| capability.name == name && capability.held)
    }

    /// Names of the capabilities that are not held.
    pub(crate) fn missing(&self) -> Vec<&'static str> {
        self.capabilities.iter().filter(|capability| !capability.held).map(|capability| capability.name).collect()
    }
}

/// The capabilities that mctop uses. Each is a bit of `held`, as in `/proc/self/status`.
pub(crate) fn of(held: u64) -> Vec<Capability> {
    let capabilities = privilege::CAPABILITIES.iter();
    capabilities.map(|&(bit, name, purpose)| Capability { name, held: held >> bit & 1 == 1, purpose }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_are_bits_of_the_effective_set() {
        let held: Vec<_> = of(1 << 38 | 1 << 19).into_iter().filter(|c| c.held).map(|c| c.name).collect();
        assert_eq!(held, ["CAP_PERFMON", "CAP_SYS_PTRACE"]);
        assert!(of(u64::MAX).iter().all(|capability| capability.held));
        assert!(of(0).iter().all(|capability| !capability.held));
    }
}
