//! The test: a child under a seccomp filter that does not allow for probes calls a function whose return is probed.

use std::arch::naked_asm;
use std::io::{PipeReader, PipeWriter, Read, Write, pipe};
use std::os::fd::{AsRawFd, RawFd};

use anyhow::{Context, bail, ensure};
use rustix::process::{Pid, WaitOptions, waitpid};

use super::ReturnProbeMethod;
use crate::kernel::uprobe::Uprobe;

/// The breakpoint instruction `int3`. The kernel's trampoline begins with it if it does not make a system call.
const BREAKPOINT: u8 = 0xcc;

/// Returns its own return address, which is that of the kernel's trampoline if its return is probed.
#[unsafe(naked)]
extern "C" fn probed() -> *const u8 {
    naked_asm!("nop", "mov rax, [rsp]", "ret")
}

/// Runs the test.
pub(super) fn test_return_probes() -> anyhow::Result<ReturnProbeMethod> {
    let (go, start) = pipe().context("cannot create a pipe")?;
    let (mut report, report_writer) = pipe().context("cannot create a pipe")?;
    let filter = filter();
    // SAFETY: the child calls only functions that are allowed after a fork of a multi-threaded process (signal-safety(7)), does
    // not allocate and does not return.
    let child = unsafe { libc::fork() };
    if child == 0 {
        // SAFETY: see above; the file descriptors are open in the child, too.
        unsafe { child_under_seccomp(&filter, go.as_raw_fd(), start.as_raw_fd(), report_writer.as_raw_fd()) }
    }
    let pid = Pid::from_raw(child).filter(|_| child > 0).context("cannot start a test process")?;
    drop((go, report_writer));
    let result = probe(child, start, &mut report);
    // The child always exits by itself: if the probe could not be attached, closing the pipe ends its read.
    let ended = waitpid(Some(pid), WaitOptions::empty()).context("cannot wait for the test process")?;
    let (trampoline, hits) = result?;
    let (_, status) = ended.context("the test process has disappeared")?;
    judge(&TrialEnd {
        signal: status.terminating_signal(),
        code: status.exit_status(),
        trampoline: trampoline.first().copied(),
        hits,
    })
}

/// How the child ended.
struct TrialEnd {
    /// The signal that killed it.
    signal: Option<i32>,
    /// Its exit code.
    code: Option<i32>,
    /// The first byte of the code that its function returned to, if it could report that.
    trampoline: Option<u8>,
    /// How often the probe was hit. A hit that kills the process is not counted.
    hits: u64,
}

fn judge(end: &TrialEnd) -> anyhow::Result<ReturnProbeMethod> {
    match *end {
        TrialEnd { signal: Some(libc::SIGSYS), .. } => {
            Ok(ReturnProbeMethod { passes_seccomp: false, uses_system_call: true })
        }
        TrialEnd { signal: Some(signal), .. } => {
            bail!("the test process was killed by signal {signal} at a return probe")
        }
        TrialEnd { trampoline: Some(first), hits, .. } => {
            // Survival only means something if the probe was hit.
            ensure!(hits > 0, "the probe in the test process was not hit");
            Ok(ReturnProbeMethod { passes_seccomp: true, uses_system_call: first != BREAKPOINT })
        }
        TrialEnd { trampoline: None, code, .. } => bail!("the test process could not enable seccomp (code {code:?})"),
    }
}

/// Attaches the probe to the child, lets the child run, and returns what it reported and how often the probe was hit.
fn probe(child: i32, mut start: PipeWriter, report: &mut PipeReader) -> anyhow::Result<(Vec<u8>, u64)> {
    let mut probe = Uprobe::on_return(child, probed as *const () as u64)?;
    start.write_all(b"!").context("cannot start the test process")?;
    let mut reported = Vec::new();
    report.read_to_end(&mut reported).context("cannot read the result of the test process")?;
    Ok((reported, probe.hits().context("cannot read the hit count of the probe")?))
}

/// Enables the filter, waits for the start signal, calls the function, and reports where it returned to, unless it is killed.
///
/// # Safety
/// Only in a forked child; see the call.
unsafe fn child_under_seccomp(filter: &[libc::sock_filter], go: RawFd, start: RawFd, result: RawFd) -> ! {
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_ptr().cast_mut() };
    let no_core = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    let mut byte = 0_u8;
    // SAFETY: the pointers passed to system calls are valid, and the function returns an address of code in this process.
    unsafe {
        // Without its own copy of the write end, the child's read ends when the parent closes the pipe or exits.
        libc::close(start);
        libc::setrlimit(libc::RLIMIT_CORE, &raw const no_core);
        let is_filtered = libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
            && libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, 0, &raw const program) == 0;
        if is_filtered && libc::read(go, (&raw mut byte).cast(), 1) == 1 {
            byte = *probed();
            libc::write(result, (&raw const byte).cast(), 1);
        }
        libc::_exit(i32::from(!is_filtered))
    }
}

/// A filter that allows read, write and exit, and kills the process for any other system call.
fn filter() -> [libc::sock_filter; 8] {
    /// `AUDIT_ARCH_X86_64` in `include/uapi/linux/audit.h`.
    const X86_64: u32 = 0xc000_003e;
    // Displacements in `struct seccomp_data`.
    const NUMBER: u32 = 0;
    const ARCHITECTURE: u32 = 4;
    let load =
        |at| libc::sock_filter { code: (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16, jt: 0, jf: 0, k: at };
    let equal = |k, jt, jf| libc::sock_filter { code: (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16, jt, jf, k };
    let end = |k| libc::sock_filter { code: (libc::BPF_RET | libc::BPF_K) as u16, jt: 0, jf: 0, k };
    [
        load(ARCHITECTURE),
        equal(X86_64, 0, 4),
        load(NUMBER),
        equal(libc::SYS_read as u32, 3, 0),
        equal(libc::SYS_write as u32, 2, 0),
        equal(libc::SYS_exit_group as u32, 1, 0),
        end(libc::SECCOMP_RET_KILL_PROCESS),
        end(libc::SECCOMP_RET_ALLOW),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    const SURVIVED: TrialEnd = TrialEnd { signal: None, code: Some(0), trampoline: Some(BREAKPOINT), hits: 1 };

    #[test]
    fn how_the_child_ends_decides() {
        let method = |end: &TrialEnd| judge(end).map_err(|error| error.to_string());
        assert_eq!(method(&SURVIVED), Ok(ReturnProbeMethod { passes_seccomp: true, uses_system_call: false }));
        let uses_system_call = TrialEnd { trampoline: Some(0x50), ..SURVIVED };
        assert_eq!(method(&uses_system_call), Ok(ReturnProbeMethod { passes_seccomp: true, uses_system_call: true }));
        let killed = TrialEnd { signal: Some(libc::SIGSYS), code: None, trampoline: None, hits: 0 };
        assert_eq!(method(&killed), Ok(ReturnProbeMethod { passes_seccomp: false, uses_system_call: true }));
        for (end, why) in [
            (TrialEnd { hits: 0, ..SURVIVED }, "not hit"),
            (TrialEnd { signal: Some(libc::SIGSEGV), ..SURVIVED }, "signal 11"),
            (TrialEnd { trampoline: None, code: Some(1), hits: 0, ..SURVIVED }, "could not enable seccomp"),
        ] {
            assert!(method(&end).is_err_and(|error| error.contains(why)), "{why}");
        }
    }
}
