//! Help for the kernel's verifier in code that both sides share.

/// Returns `count` unchanged. In eBPF the compiler then knows nothing about it, so that it does not unroll a loop with this counter;
/// the verifier still knows its value.
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
