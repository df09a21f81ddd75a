//! The try: a child under a seccomp filter that knows of no probes passes a function whose return is probed.

use std::arch::naked_asm;
use std::io::{PipeReader, PipeWriter, Read, Write, pipe};
use std::os::fd::{AsRawFd, RawFd};

use anyhow::{Context, bail, ensure};
use rustix::process::{Pid, WaitOptions, waitpid};

use super::ReturnProbes;
use crate::kernel::uprobe::Uprobe;

/// A breakpoint, as which the code that a probed function returns to begins when it is not a system call.
const BREAKPOINT: u8 = 0xcc;

/// Returns where it returns to, which is in the kernel's code when its return is probed.
#[unsafe(naked)]
extern "C" fn probed() -> *const u8 {
    naked_asm!("nop", "mov rax, [rsp]", "ret")
}

/// Tries it.
///
/// # Errors
/// When the child cannot be started or probed, or dies of something else than the filter.
pub fn try_returns() -> anyhow::Result<ReturnProbes> {
    let (go, start) = pipe().context("cannot make a pipe")?;
    let (mut report, result) = pipe().context("cannot make a pipe")?;
    let filter = filter();
    // SAFETY: the child calls nothing but functions that may be called after a fork of a process with threads (signal-safety(7)),
    // allocates nothing and does not return.
    let child = unsafe { libc::fork() };
    if child == 0 {
        // SAFETY: as above; the descriptors are open in the child, too.
        unsafe { child_under_seccomp(&filter, go.as_raw_fd(), start.as_raw_fd(), result.as_raw_fd()) }
    }
    let pid = Pid::from_raw(child).filter(|_| child > 0).context("cannot start a process")?;
    drop((go, result));
    let told = probe(child, start, &mut report);
    // It ends by itself, also where the probe could not be attached and the pipe is closed.
    let ended = waitpid(Some(pid), WaitOptions::empty()).context("cannot wait for a process of mctop's own")?;
    let (said, hits) = told?;
    let (_, status) = ended.context("a process of mctop's own is gone")?;
    judge(&End { signal: status.terminating_signal(), code: status.exit_status(), said: said.first().copied(), hits })
}

/// How the child ended.
struct End {
    /// The signal that killed it.
    signal: Option<i32>,
    /// With which code it exited.
    code: Option<i32>,
    /// What it could tell: the first byte of the code that its function returned to.
    said: Option<u8>,
    /// How often the probe was hit. One that is killed on its way is not counted.
    hits: u64,
}

fn judge(end: &End) -> anyhow::Result<ReturnProbes> {
    match *end {
        End { signal: Some(libc::SIGSYS), .. } => Ok(ReturnProbes { pass_seccomp: false, by_system_call: true }),
        End { signal: Some(signal), .. } => bail!("a process of mctop's own died of signal {signal} there"),
        End { said: Some(first), hits, .. } => {
            // Otherwise that it survived would mean nothing.
            ensure!(hits > 0, "the probe on a function of mctop's own was not hit");
            Ok(ReturnProbes { pass_seccomp: true, by_system_call: first != BREAKPOINT })
        }
        End { said: None, code, .. } => bail!("a process of mctop's own could not go under seccomp (code {code:?})"),
    }
}

/// Attaches the probe to the child, lets it pass there, and returns what the child told and how often the probe was hit.
fn probe(child: i32, mut start: PipeWriter, report: &mut PipeReader) -> anyhow::Result<(Vec<u8>, u64)> {
    let mut probe = Uprobe::on_return(child, probed as *const () as u64)?;
    start.write_all(b"!").context("cannot tell a process of mctop's own to begin")?;
    let mut said = Vec::new();
    report.read_to_end(&mut said).context("cannot read what a process of mctop's own tells")?;
    Ok((said, probe.hits().context("cannot read how often a probe was hit")?))
}

/// Goes under the filter, waits, calls the function, and tells about where it returned to, unless it is killed.
///
/// # Safety
/// In a child that was forked only; see there.
unsafe fn child_under_seccomp(filter: &[libc::sock_filter], go: RawFd, start: RawFd, result: RawFd) -> ! {
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_ptr().cast_mut() };
    let no_core = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    let mut byte = 0_u8;
    // SAFETY: system calls with pointers to live values; what the function returns is an address of code in this process.
    unsafe {
        // So that it ends with the parent, and does not wait for itself.
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

/// Lets a process read, write and exit, and kills it for anything else.
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

    const SURVIVED: End = End { signal: None, code: Some(0), said: Some(BREAKPOINT), hits: 1 };

    #[test]
    fn how_the_child_ends_decides() {
        let of = |end: &End| judge(end).map_err(|error| error.to_string());
        assert_eq!(of(&SURVIVED), Ok(ReturnProbes { pass_seccomp: true, by_system_call: false }));
        let by_system_call = End { said: Some(0x50), ..SURVIVED };
        assert_eq!(of(&by_system_call), Ok(ReturnProbes { pass_seccomp: true, by_system_call: true }));
        let killed = End { signal: Some(libc::SIGSYS), code: None, said: None, hits: 0 };
        assert_eq!(of(&killed), Ok(ReturnProbes { pass_seccomp: false, by_system_call: true }));
        for (end, why) in [
            (End { hits: 0, ..SURVIVED }, "not hit"),
            (End { signal: Some(libc::SIGSEGV), ..SURVIVED }, "signal 11"),
            (End { said: None, code: Some(1), hits: 0, ..SURVIVED }, "could not go under seccomp"),
        ] {
            assert!(of(&end).is_err_and(|error| error.contains(why)), "{why}");
        }
    }
}
