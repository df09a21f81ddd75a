//! Help for the kernel's verifier, which follows every path through a program for each state of the variables that it knows.

use core::arch::asm;

/// Returns `number` unchanged, but the verifier no longer knows its bounds, so that paths that differ only in it become one. `unknown`
/// is any number that the verifier knows nothing about.
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

/// [`forget`] for a condition.
#[inline(always)]
pub fn forget_bool(condition: bool, unknown: u64) -> bool {
    forget(u64::from(condition), unknown) != 0
}

/// Returns `number` with a bound of 255 that the verifier knows: before Linux 5.16 it forgets the bounds of a number that was spilled to
/// the stack in fewer than eight bytes.
#[inline(always)]
pub fn byte(number: u8) -> u32 {
    let mut number = u32::from(number);
    // SAFETY: arithmetic on a register.
    unsafe { asm!("{number} &= 255", number = inout(wreg) number, options(pure, nomem, nostack)) };
    number
}
