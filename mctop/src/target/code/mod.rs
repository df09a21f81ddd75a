//! Machine code: decoded bodies of functions, and what each function calls and refers to.

mod body;
mod program;
mod register;

use std::ops::RangeInclusive;

pub(crate) use body::Body;
pub(crate) use program::{Call, CallKind, Program, passes_line_end};
pub(crate) use register::{RSP, encoding};

/// Whether the kernel emulates an instruction at a uprobe instead of single-stepping it: `push reg`, one-byte `nop`,
/// relative `jmp`, `jcc` and `call`. See `branch_setup_xol_ops` and `push_setup_xol_ops` in the kernel's
/// `arch/x86/kernel/uprobes.c`.
pub(crate) fn is_emulated(bytes: &[u8]) -> bool {
    const PUSH: RangeInclusive<u8> = 0x50..=0x57;
    match bytes {
        [0x90 | 0xeb | 0xe9 | 0xe8 | 0x70..=0x7f, ..] | [0x0f, 0x80..=0x8f, ..] => true,
        [first, ..] if PUSH.contains(first) => true,
        [0x41, second, ..] => PUSH.contains(second),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emulated_instructions() {
        for bytes in
            [&[0x90][..], &[0xeb, 0], &[0xe9], &[0xe8], &[0x74, 0], &[0x0f, 0x84], &[0x50], &[0x57], &[0x41, 0x57]]
        {
            assert!(is_emulated(bytes), "{bytes:x?}");
        }
        for bytes in [
            &[][..],
            &[0xf3, 0x0f, 0x1e, 0xfa],
            &[0x0f, 0x1f, 0x44, 0, 0],
            &[0x41, 0x58],
            &[0x58],
            &[0xc3],
            &[0x48, 0x89, 0xf8],
            &[0x66, 0x90],
        ] {
            assert!(!is_emulated(bytes), "{bytes:x?}");
        }
    }
}
