//! Help for the kernel's verifier, which follows every way through a program for each value it knows of a variable.

use core::arch::asm;

/// The same number, of which the verifier knows nothing any more: ways that differ in it alone become one. `unknown` is
/// any number that the verifier knows nothing of.
#[inline(always)]
pub fn forget(mut number: u64, unknown: u64) -> u64 {
    // SAFETY: arithmetic on registers.
    unsafe {
        asm!(
            "{number} ^= {unknown}",
            "{number} ^= {unknown}",
            number = inout(reg) number,
            unknown = in(reg) unknown,
            options(pure, nomem, nostack),
        );
    }
    number
}

/// The same truth, likewise.
#[inline(always)]
pub fn forget_truth(truth: bool, unknown: u64) -> bool {
    forget(u64::from(truth), unknown) != 0
}

/// The same number, of which the verifier knows that it is at most 255: before Linux 5.16 it does not remember that of one that
/// was put aside on the stack in fewer than eight bytes.
#[inline(always)]
pub fn byte(number: u8) -> u32 {
    let mut number = u32::from(number);
    // SAFETY: arithmetic on a register.
    unsafe { asm!("{number} &= 255", number = inout(wreg) number, options(pure, nomem, nostack)) };
    number
}
