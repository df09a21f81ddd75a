//! What is known about the probed instruction, and reading its operands.

use core::arch::asm;
use core::mem::offset_of;

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

/// Loads one saved register. In assembly, because the verifier accepts loads from the context at constant offsets only,
/// and the optimiser merges loads in the arms of [`register`], volatile ones too, into one at a computed offset.
macro_rules! field {
    ($ctx:expr, $name:ident) => {{
        let value: u64;
        // SAFETY: the context of a uprobe program is a readable pt_regs.
        unsafe {
            asm!(
                "{value} = *(u64 *)({regs} + {offset})",
                value = out(reg) value,
                regs = in(reg) $ctx.as_ptr(),
                offset = const offset_of!(pt_regs, $name),
                options(pure, readonly, nostack),
            );
        }
        value
    }};
}

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
    if operand.kind == OperandKind::Constant as u8 {
        return Ok(operand.value as u64);
    }
    if operand.kind == OperandKind::Absent as u8 {
        return Ok(0);
    }
    let register = register(ctx, operand.register);
    if operand.kind == OperandKind::Memory as u8 {
        read(register.wrapping_add_signed(i64::from(operand.value)))
    } else {
        Ok(register)
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
