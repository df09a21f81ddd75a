//! What is known about the probed instruction, and reading its operands.

use aya_ebpf::EbpfContext as _;
use aya_ebpf::bindings::pt_regs;
use aya_ebpf::btf_maps::Array;
use aya_ebpf::helpers::{bpf_get_attach_cookie, bpf_probe_read_user};
use aya_ebpf::macros::btf_map;
use aya_ebpf::programs::ProbeContext;
use mctop_common::limits::SITES_MAX;
use mctop_common::records::{Operand, OperandKind, Site};

#[btf_map]
static SITES: Array<Site, { SITES_MAX as usize }> = Array::new();

/// The description of the probed instruction.
#[inline(always)]
pub fn current(ctx: &ProbeContext) -> Option<&'static Site> {
    // SAFETY: the helper takes the program's own context.
    let cookie = unsafe { bpf_get_attach_cookie(ctx.as_ptr()) };
    SITES.get(cookie as u32).map(|site| {
        // SAFETY: array map values are never freed while the program is loaded.
        unsafe { &*core::ptr::from_ref(site) }
    })
}

/// The value of an operand; `Err` when memory could not be read. An absent operand is 0.
#[inline(always)]
pub fn operand(ctx: &ProbeContext, operand: &Operand) -> Result<u64, ()> {
    if operand.kind == OperandKind::Register as u8 {
        Ok(register(ctx, operand.register))
    } else if operand.kind == OperandKind::Memory as u8 {
        let address = register(ctx, operand.register).wrapping_add_signed(i64::from(operand.value));
        read(address)
    } else if operand.kind == OperandKind::Constant as u8 {
        Ok(operand.value as u64)
    } else {
        Ok(0)
    }
}

/// Reads plain old data from the server's memory.
#[inline(always)]
pub fn read<T>(address: u64) -> Result<T, ()> {
    // SAFETY: the helper checks the address; a failed read is an error.
    unsafe { bpf_probe_read_user(address as *const T) }.map_err(|_| ())
}

/// The probed instruction's address.
#[inline(always)]
pub fn instruction_pointer(ctx: &ProbeContext) -> u64 {
    field!(ctx, rip)
}

/// A general register by the processor's encoding order.
#[inline(always)]
fn register(ctx: &ProbeContext, number: u8) -> u64 {
    match number {
        0 => field!(ctx, rax),
        1 => field!(ctx, rcx),
        2 => field!(ctx, rdx),
        3 => field!(ctx, rbx),
        4 => field!(ctx, rsp),
        5 => field!(ctx, rbp),
        6 => field!(ctx, rsi),
        7 => field!(ctx, rdi),
        8 => field!(ctx, r8),
        9 => field!(ctx, r9),
        10 => field!(ctx, r10),
        11 => field!(ctx, r11),
        12 => field!(ctx, r12),
        13 => field!(ctx, r13),
        14 => field!(ctx, r14),
        _ => field!(ctx, r15),
    }
}

/// Loads one saved register. Volatile, because the verifier accepts loads from the context at constant offsets only, and
/// the optimiser would otherwise merge the arms above into one load at a computed offset.
macro_rules! field {
    ($ctx:expr, $name:ident) => {{
        let regs = $ctx.as_ptr().cast::<pt_regs>();
        // SAFETY: the context of a uprobe program is a readable pt_regs.
        unsafe { (&raw const (*regs).$name).read_volatile() }
    }};
}
use field;
