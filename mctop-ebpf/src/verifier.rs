//! Help for the kernel's verifier, which follows every way through a program for each value it knows of a variable.

use core::arch::asm;

/// The same number, of which the verifier knows nothing any more: ways that differ in it alone become one. `unknown` is
/// any number that the verifier knows nothing of.
#[inline(always)]
pub fn forget(number: u32, unknown: u64) -> u32 {
    let mut number = u64::from(number);
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
    number as u32
}
