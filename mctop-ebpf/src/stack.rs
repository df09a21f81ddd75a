//! Keeps a program on the stack of the thread that it runs for.
//!
//! From Linux 6.13 on, a program that takes more than 64 bytes of stack gets one of the CPU's (`bpf_enable_priv_stack` in
//! `kernel/bpf/verifier.c`), which all threads share that run it there. A uprobe's program may be preempted, and another thread
//! begin it on that stack before the first goes on. Programs that may call others have no such stack.

use aya_ebpf::EbpfContext;
use aya_ebpf::btf_maps::ProgramArray;
use aya_ebpf::macros::btf_map;

/// Stays empty.
#[btf_map]
static NONE: ProgramArray<1> = ProgramArray::new();

/// Makes the program one that may call others. Goes on: there are none.
#[inline(always)]
pub fn keep(ctx: &impl EbpfContext) {
    // SAFETY: the array is empty, so the call returns.
    unsafe { NONE.tail_call(ctx, 0) }
}
