//! When the return of a server's function may be probed. The kernel leads a probed function's return through code of its own
//! in the server; on x86-64 that code makes the system call `uretprobe` from Linux 6.11 on, which a seccomp filter that does
//! not know it answers by killing the server.

use std::fs;

use super::discover::Process;
use super::elf::Machine;
use super::version;

/// The system call came, and with it uretprobes that keep a shadow stack right.
const SYSTEM_CALL_SINCE: [u32; 3] = [6, 11, 0];
/// seccomp lets it pass ("seccomp: passthrough uretprobe systemcall without filtering"). Stable kernels of 6.12 and 6.13 may
/// have that too; their numbers do not tell for every distribution, so they are not relied on.
const EXEMPT_SINCE: [u32; 3] = [6, 14, 0];

/// What decides it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Returns {
    /// Release of the kernel, such as `6.12.9-arch1-1`; none means the running one.
    pub kernel: Option<String>,
    /// Seccomp mode of the server, 0 for none; unknown counts as filtered.
    pub seccomp: Option<u32>,
    /// Whether the server runs with a shadow stack.
    pub shadow_stack: bool,
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
        // Only x86-64 has the system call; other machines trap.
        if machine != Machine::X86_64 {
            return Ok(());
        }
        let running = || rustix::system::uname().release().to_string_lossy().into_owned();
        let release = self.kernel.clone().unwrap_or_else(running);
        let Some(kernel) = version::numbers(&release) else {
            return Err(format!(
                "the kernel's release, {release:?}, is not understood, and not every kernel does that safely"
            ));
        };
        if self.seccomp != Some(0) && (SYSTEM_CALL_SINCE..EXEMPT_SINCE).contains(&kernel) {
            let mode = self.seccomp.map_or("an unknown mode".to_owned(), |mode| format!("mode {mode}"));
            return Err(format!(
                "the server runs under seccomp ({mode}), which on Linux {release} may kill it for the system call that a \
                 probed return makes; Linux 6.14 lets that call pass"
            ));
        }
        if self.shadow_stack && kernel < SYSTEM_CALL_SINCE {
            return Err(format!(
                "the server runs with a shadow stack, which on Linux {release} does not agree with a probed return; Linux \
                 6.11 keeps it right"
            ));
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

    fn allowed(kernel: &str, seccomp: Option<u32>, shadow_stack: bool) -> bool {
        Returns { kernel: Some(kernel.into()), seccomp, shadow_stack }.check(Machine::X86_64).is_ok()
    }

    #[test]
    fn under_seccomp() {
        for kernel in ["5.15.0-100-generic", "6.10.11", "6.14.0", "6.18.44-x", "7.0.0"] {
            assert!(allowed(kernel, Some(2), false), "{kernel}");
            assert!(allowed(kernel, None, false), "{kernel}");
        }
        for kernel in ["6.11.0", "6.11.0-9-generic", "6.12.48+deb13-amd64", "6.13.99"] {
            assert!(allowed(kernel, Some(0), false), "{kernel}");
            assert!(!allowed(kernel, Some(1), false), "{kernel}");
            assert!(!allowed(kernel, Some(2), false), "{kernel}");
            assert!(!allowed(kernel, None, false), "{kernel}");
        }
        assert!(!allowed("unknown", Some(0), false));
        let arm = Returns { kernel: Some("6.12.0".into()), seccomp: Some(2), shadow_stack: false };
        assert!(arm.check(Machine::Aarch64).is_ok());
    }

    #[test]
    fn with_a_shadow_stack() {
        assert!(!allowed("6.6.1", Some(0), true));
        assert!(allowed("6.11.0", Some(0), true));
        assert!(has_shadow_stack("Name:\tx\nx86_Thread_features:\tshstk wrss\n"));
        assert!(!has_shadow_stack("Name:\tx\nx86_Thread_features:\t\n"));
        assert!(!has_shadow_stack("Name:\tshstk\n"));
    }
}
