//! When the return of a server's function may be probed: not where the kernel's way to do so would kill the server.

use std::fs;

use super::discover::Process;
use super::elf::Machine;
use crate::kernel::returns::{self, ReturnProbes};

/// What decides it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Returns {
    /// How the kernel probes returns; none means the running one, which is tried when that matters.
    pub kernel: Option<ReturnProbes>,
    /// Seccomp mode of the server, 0 for none; unknown counts as filtered.
    pub seccomp: Option<u32>,
    /// Whether the server runs with a shadow stack.
    pub shadow_stack: bool,
}

impl Default for Returns {
    /// Of a binary without a server, where nothing could come to harm.
    fn default() -> Self {
        Self { kernel: None, seccomp: Some(0), shadow_stack: false }
    }
}

impl Returns {
    /// Of a running server.
    #[must_use]
    pub fn of_process(process: &Process) -> Self {
        let status = fs::read_to_string(format!("/proc/{}/status", process.pid)).unwrap_or_default();
        Self { kernel: None, seccomp: process.seccomp, shadow_stack: has_shadow_stack(&status) }
    }

    /// Whether the return of a function may be probed.
    ///
    /// # Errors
    /// Why not, as a clause.
    pub fn check(&self, machine: Machine) -> Result<(), String> {
        let is_filtered = self.seccomp != Some(0);
        // Only x86-64 has the system call; other machines trap.
        if machine != Machine::X86_64 || !is_filtered && !self.shadow_stack {
            return Ok(());
        }
        let mode = self.seccomp.map_or("an unknown mode".to_owned(), |mode| format!("mode {mode}"));
        let kernel = self.kernel.map_or_else(returns::tried, Ok).map_err(|reason| {
            let where_it_runs =
                if is_filtered { format!("under seccomp ({mode})") } else { "with a shadow stack".into() };
            format!("the server runs {where_it_runs}, and whether it would survive that could not be tried: {reason}")
        })?;
        if is_filtered && !kernel.pass_seccomp {
            return Err(format!(
                "the server runs under seccomp ({mode}), which on this kernel, as a process of mctop's own has shown, may kill it \
                 for the system call that a probed return makes; Linux 6.14 lets that call pass"
            ));
        }
        // A try would take a processor and a C library with shadow stacks, and could end in a way that tells nothing.
        if self.shadow_stack && !kernel.by_system_call {
            return Err("the server runs with a shadow stack, which this kernel's way to probe returns, by a breakpoint, does not \
                        agree with; Linux 6.11 keeps it right"
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

    /// Linux 5.15 to 6.10, 6.11 to 6.13, and from 6.14 on, unless their distributions changed them.
    const BY_BREAKPOINT: ReturnProbes = ReturnProbes { pass_seccomp: true, by_system_call: false };
    const BY_SYSTEM_CALL: ReturnProbes = ReturnProbes { pass_seccomp: false, by_system_call: true };
    const EXEMPT: ReturnProbes = ReturnProbes { pass_seccomp: true, by_system_call: true };

    fn refusal(kernel: ReturnProbes, seccomp: Option<u32>, shadow_stack: bool) -> Option<String> {
        Returns { kernel: Some(kernel), seccomp, shadow_stack }.check(Machine::X86_64).err()
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
        let arm = Returns { kernel: Some(BY_SYSTEM_CALL), seccomp: Some(2), shadow_stack: false };
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
