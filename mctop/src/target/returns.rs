//! Decides whether the return of a server's function may be probed. Depending on the kernel, a return probe can kill a server
//! that runs under seccomp or with a shadow stack.

use std::fs;

use super::discover::Process;
use super::elf::Machine;
use crate::kernel::returns::{self, ReturnProbeMethod};

/// What decides whether return probes are safe for a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnProbeSafety {
    /// How the kernel probes returns. `None` means the running kernel, which is tested only if that matters.
    pub kernel: Option<ReturnProbeMethod>,
    /// Seccomp mode of the server, 0 for off. Unknown counts as filtered.
    pub seccomp: Option<u32>,
    /// Whether the server runs with a shadow stack.
    pub shadow_stack: bool,
}

impl Default for ReturnProbeSafety {
    /// For a binary without a running server: nothing can be harmed.
    fn default() -> Self {
        Self { kernel: None, seccomp: Some(0), shadow_stack: false }
    }
}

impl ReturnProbeSafety {
    /// For a running server.
    #[must_use]
    pub fn of_process(process: &Process) -> Self {
        let status = fs::read_to_string(format!("/proc/{}/status", process.pid)).unwrap_or_default();
        Self { kernel: None, seccomp: process.seccomp, shadow_stack: has_shadow_stack(&status) }
    }

    /// Checks whether the return of a function may be probed.
    ///
    /// # Errors
    /// Why not, as a clause.
    pub fn check(&self, machine: Machine) -> Result<(), String> {
        let is_filtered = self.seccomp != Some(0);
        // Only x86-64 kernels use a system call for return probes; others use a breakpoint.
        if machine != Machine::X86_64 || !is_filtered && !self.shadow_stack {
            return Ok(());
        }
        let mode = self.seccomp.map_or("an unknown mode".to_owned(), |mode| format!("mode {mode}"));
        let kernel = self.kernel.map_or_else(returns::return_probe_method, Ok).map_err(|reason| {
            let where_it_runs =
                if is_filtered { format!("under seccomp ({mode})") } else { "with a shadow stack".into() };
            format!("the server runs {where_it_runs}, and mctop could not test whether return probes would kill it: {reason}")
        })?;
        if is_filtered && !kernel.passes_seccomp {
            return Err(format!(
                "the server runs under seccomp ({mode}), which may kill it for the system call that return probes make on this \
                 kernel, as a test process of mctop has shown; from Linux 6.14 on, seccomp allows that call"
            ));
        }
        // This is not tested, because a test would need a processor and a C library with shadow stacks.
        if self.shadow_stack && !kernel.uses_system_call {
            return Err("the server runs with a shadow stack, which does not work with the breakpoints that this kernel uses for \
                        return probes; Linux 6.11 and later support it"
                .into());
        }
        Ok(())
    }
}

fn has_shadow_stack(status: &str) -> bool {
    status
        .lines()
        .find_map(|line| line.strip_prefix("x86_Thread_features:"))
        .is_some_and(|features| features.split_whitespace().any(|feature| feature == "shstk"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Linux 5.15 to 6.10; 6.11 to 6.13; 6.14 and later, unless the distribution changed its kernel.
    const BY_BREAKPOINT: ReturnProbeMethod = ReturnProbeMethod { passes_seccomp: true, uses_system_call: false };
    const BY_SYSTEM_CALL: ReturnProbeMethod = ReturnProbeMethod { passes_seccomp: false, uses_system_call: true };
    const EXEMPT: ReturnProbeMethod = ReturnProbeMethod { passes_seccomp: true, uses_system_call: true };

    fn refusal(kernel: ReturnProbeMethod, seccomp: Option<u32>, shadow_stack: bool) -> Option<String> {
        ReturnProbeSafety { kernel: Some(kernel), seccomp, shadow_stack }.check(Machine::X86_64).err()
    }

    #[test]
    fn under_seccomp() {
        for seccomp in [Some(1), Some(2), None] {
            assert_eq!(refusal(BY_BREAKPOINT, seccomp, false), None);
            assert_eq!(refusal(EXEMPT, seccomp, false), None);
            let reason = refusal(BY_SYSTEM_CALL, seccomp, false).unwrap();
            assert!(reason.contains("under seccomp") && reason.contains("has shown"), "{reason}");
        }
        assert_eq!(refusal(BY_SYSTEM_CALL, Some(0), false), None);
        let arm = ReturnProbeSafety { kernel: Some(BY_SYSTEM_CALL), seccomp: Some(2), shadow_stack: false };
        assert!(arm.check(Machine::Aarch64).is_ok());
    }

    #[test]
    fn with_a_shadow_stack() {
        assert!(refusal(BY_BREAKPOINT, Some(0), true).unwrap().contains("shadow stack"));
        assert_eq!(refusal(BY_SYSTEM_CALL, Some(0), true), None);
        assert_eq!(refusal(EXEMPT, Some(2), true), None);
        assert!(has_shadow_stack("Name:\tx\nx86_Thread_features:\tshstk wrss\n"));
        assert!(!has_shadow_stack("Name:\tx\nx86_Thread_features:\t\n"));
        assert!(!has_shadow_stack("Name:\tshstk\n"));
    }
}
