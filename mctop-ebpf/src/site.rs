//! The description of the probed instruction, and its operands.

use aya_ebpf::EbpfContext;
use aya_ebpf::btf_maps::Array;
use aya_ebpf::helpers::{bpf_get_attach_cookie, bpf_probe_read_user};
use aya_ebpf::macros::btf_map;
use mctop_common::limits::SITES_MAX;
use mctop_common::records::{Operand, OperandKind, Site};

use crate::verifier::forget;
use crate::{registers, stack};

#[btf_map]
static SITES: Array<Site, { SITES_MAX as usize }> = Array::new();

/// The description of the probed instruction.
#[inline(always)]
pub fn current(ctx: &impl EbpfContext) -> Option<&'static Site> {
    let Some(site) = SITES.get(number(ctx)) else {
        // Placed here because this branch is never taken.
        stack::keep(ctx);
        return None;
    };
    // SAFETY: array map values are never freed while the program is loaded.
    Some(unsafe { &*core::ptr::from_ref(site) })
}

/// The index of the description of the probed instruction: the attach cookie.
#[inline(always)]
pub fn number(ctx: &impl EbpfContext) -> u32 {
    // SAFETY: the helper takes the program's own context.
    unsafe { bpf_get_attach_cookie(ctx.as_ptr()) as u32 }
}

/// The value of an operand; 0 if it is absent or could not be read.
#[inline(always)]
pub fn value(ctx: &impl EbpfContext, which: &Operand) -> u64 {
    // Otherwise the code after it would be verified once for each kind of operand.
    forget(operand(ctx, which).unwrap_or(0), registers::instruction_pointer(ctx))
}

/// The value of an operand; an absent one is 0. `Err` if memory could not be read.
#[inline(always)]
pub fn operand(ctx: &impl EbpfContext, operand: &Operand) -> Result<u64, ()> {
    if operand.kind == OperandKind::Constant as u8 {
        return Ok(operand.value as u64);
    }
    if operand.kind == OperandKind::Absent as u8 {
        return Ok(0);
    }
    let register = registers::general(ctx, operand.register);
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
