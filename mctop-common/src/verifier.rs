//! Help for the kernel's verifier in code that both sides share.

/// The same number. In eBPF, the compiler knows nothing of it any more but the verifier does: a loop that counts with it is not
/// unrolled.
#[inline(always)]
#[cfg_attr(not(target_arch = "bpf"), allow(unused_mut, reason = "only the eBPF side passes it through a register"))]
pub fn keep_loop(mut count: usize) -> usize {
    // SAFETY: arithmetic on a register.
    #[cfg(target_arch = "bpf")]
    unsafe {
        core::arch::asm!("{count} += 0", count = inout(reg) count, options(pure, nomem, nostack))
    };
    count
}
