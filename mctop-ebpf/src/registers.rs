//! The registers at the probed instruction, on each architecture.

use core::arch::asm;

use aya_ebpf::EbpfContext;

pub use arch::{general, instruction_pointer};

/// Loads a saved register. In assembly, because the verifier accepts loads from the context only at constant offsets, while the
/// compiler merges the loads in the arms of [`general`], even volatile ones, into one at a computed offset.
macro_rules! saved {
    ($ctx:expr, $offset:expr) => {{
        let value: u64;
        // SAFETY: the context of a uprobe program is a readable pt_regs.
        unsafe {
            asm!(
                "{value} = *(u64 *)({regs} + {offset})",
                value = out(reg) value,
                regs = in(reg) $ctx.as_ptr(),
                offset = const $offset,
                options(pure, readonly, nostack),
            );
        }
        value
    }};
}

#[cfg(bpf_target_arch = "x86_64")]
mod arch {
    use core::mem::offset_of;

    use aya_ebpf::bindings::pt_regs;

    use super::{EbpfContext, asm};

    /// The address of the probed instruction.
    #[inline(always)]
    pub fn instruction_pointer(ctx: &impl EbpfContext) -> u64 {
        saved!(ctx, offset_of!(pt_regs, rip))
    }

    /// A general-purpose register by its number in the instruction encoding.
    #[inline(always)]
    pub fn general(ctx: &impl EbpfContext, number: u8) -> u64 {
        match number {
            0 => saved!(ctx, offset_of!(pt_regs, rax)),
            1 => saved!(ctx, offset_of!(pt_regs, rcx)),
            2 => saved!(ctx, offset_of!(pt_regs, rdx)),
            3 => saved!(ctx, offset_of!(pt_regs, rbx)),
            4 => saved!(ctx, offset_of!(pt_regs, rsp)),
            5 => saved!(ctx, offset_of!(pt_regs, rbp)),
            6 => saved!(ctx, offset_of!(pt_regs, rsi)),
            7 => saved!(ctx, offset_of!(pt_regs, rdi)),
            8 => saved!(ctx, offset_of!(pt_regs, r8)),
            9 => saved!(ctx, offset_of!(pt_regs, r9)),
            10 => saved!(ctx, offset_of!(pt_regs, r10)),
            11 => saved!(ctx, offset_of!(pt_regs, r11)),
            12 => saved!(ctx, offset_of!(pt_regs, r12)),
            13 => saved!(ctx, offset_of!(pt_regs, r13)),
            14 => saved!(ctx, offset_of!(pt_regs, r14)),
            _ => saved!(ctx, offset_of!(pt_regs, r15)),
        }
    }
}

#[cfg(bpf_target_arch = "aarch64")]
mod arch {
    use super::{EbpfContext, asm};

    /// In `user_pt_regs`, the first part of the kernel's `pt_regs`: x0 to x30, sp, pc, eight bytes each.
    const PC: usize = 32 * 8;

    /// The address of the probed instruction.
    #[inline(always)]
    pub fn instruction_pointer(ctx: &impl EbpfContext) -> u64 {
        saved!(ctx, PC)
    }

    macro_rules! numbered {
        ($ctx:expr, $number:expr, $($n:literal)*) => {
            match $number {
                $($n => saved!($ctx, $n * 8),)*
                _ => 0,
            }
        };
    }

    /// A general-purpose register by its number in the instruction encoding: x0 to x30; 31 is sp.
    #[inline(always)]
    pub fn general(ctx: &impl EbpfContext, number: u8) -> u64 {
        numbered!(ctx, number, 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31)
    }
}

/// Number and arguments of system calls, from the saved registers in kernel memory.
pub mod syscall {
    use aya_ebpf::helpers::bpf_probe_read_kernel;

    #[cfg(bpf_target_arch = "x86_64")]
    mod arch {
        use core::mem::offset_of;

        use aya_ebpf::bindings::pt_regs;

        pub const NUMBER: usize = offset_of!(pt_regs, orig_rax);
        pub const FIRST_ARGUMENT: usize = offset_of!(pt_regs, rdi);
        /// write, writev, sendto, sendmsg.
        pub const SENDS: [u32; 4] = [1, 20, 44, 46];
        /// epoll_wait, epoll_pwait, epoll_pwait2.
        pub const WAITS: [u32; 3] = [232, 281, 441];
    }

    #[cfg(bpf_target_arch = "aarch64")]
    mod arch {
        /// In `pt_regs`, after `user_pt_regs`: `orig_x0`, then `syscallno`.
        pub const FIRST_ARGUMENT: usize = 34 * 8;
        pub const NUMBER: usize = 35 * 8;
        /// write, writev, sendto, sendmsg.
        pub const SENDS: [u32; 4] = [64, 66, 206, 211];
        /// epoll_pwait, epoll_pwait2.
        pub const WAITS: [u32; 2] = [22, 441];
    }

    pub use arch::{SENDS, WAITS};

    /// The number of the system call.
    #[inline(always)]
    pub fn number(registers: u64) -> Option<u32> {
        read(registers, arch::NUMBER)
    }

    /// The first argument of the system call.
    #[inline(always)]
    pub fn first_argument(registers: u64) -> Option<u64> {
        read(registers, arch::FIRST_ARGUMENT)
    }

    #[inline(always)]
    fn read<T>(registers: u64, offset: usize) -> Option<T> {
        // SAFETY: the helper checks the address; a failed read is an error.
        unsafe { bpf_probe_read_kernel((registers + offset as u64) as *const T) }.ok()
    }
}
