//! Keeps a program on the stack of the current thread.
//!
//! From Linux 6.13 on, a program that needs more than 64 bytes of stack gets a per-CPU stack (`bpf_enable_priv_stack` in
//! `kernel/bpf/verifier.c`). A uprobe program may be preempted, and another thread may run it on the same stack before the first one
//! continues. Programs with tail calls do not get a per-CPU stack.

use aya_ebpf::EbpfContext;
use aya_ebpf::btf_maps::ProgramArray;
use aya_ebpf::macros::btf_map;

/// Always empty.
#[btf_map]
static NONE: ProgramArray<1> = ProgramArray::new();

/// A tail call that never happens, because the array is empty.
#[inline(always)]
pub fn keep(ctx: &impl EbpfContext) {
    // SAFETY: the array is empty, so this returns.
    unsafe { NONE.tail_call(ctx, 0) }
}
