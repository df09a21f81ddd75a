//! Register numbers in the processor's encoding order.

use iced_x86::Register;

/// `rsp` in the processor's encoding order.
pub(crate) const RSP: u8 = 4;

/// The number of a general-purpose register of any width in the processor's encoding order: rax rcx rdx rbx rsp rbp rsi rdi r8 …
/// r15. `None` for other registers, and for `ah` to `bh`, which are not the low part of a register.
pub(crate) fn encoding(register: Register) -> Option<u8> {
    if matches!(register, Register::AH | Register::BH | Register::CH | Register::DH) || !register.is_gpr() {
        return None;
    }
    u8::try_from(register.full_register().number()).ok().filter(|&number| number < 16)
}
