//! mctop's eBPF programs: one thin function per probe.
//!
//! All return 0: anything else would make the kernel build a perf sample for each hit.
#![no_std]
#![no_main]
#![feature(asm_experimental_arch, core_intrinsics)]
#![allow(internal_features, reason = "the BPF target has no fetch_add without compare-and-swap; see stats.rs")]

mod call;
mod event;
mod evidence;
mod focus;
mod key;
mod lookup;
mod registers;
mod request;
mod site;
mod stack;
mod stats;
mod verifier;

use aya_ebpf::macros::{raw_tracepoint, uprobe, uretprobe};
use aya_ebpf::programs::{ProbeContext, RawTracePointContext, RetProbeContext};

/// A text request begins on this thread.
#[uprobe]
#[inline(always)]
pub fn command(ctx: ProbeContext) -> u32 {
    request::begin(&ctx);
    0
}

/// A key was looked up, and whether it was found is decided.
#[uprobe]
#[inline(always)]
pub fn lookup(ctx: ProbeContext) -> u32 {
    lookup::lookup(&ctx);
    0
}

/// The lookup function is entered.
#[uprobe]
#[inline(always)]
pub fn lookup_enter(ctx: ProbeContext) -> u32 {
    call::enter(&ctx);
    0
}

/// The lookup function returns.
#[uretprobe]
#[inline(always)]
pub fn lookup_return(ctx: RetProbeContext) -> u32 {
    call::leave(&ctx);
    0
}

/// How a storage command ends is known.
#[uprobe]
#[inline(always)]
pub fn store(ctx: ProbeContext) -> u32 {
    event::store(&ctx);
    0
}

/// A live item is being evicted.
#[uprobe]
#[inline(always)]
pub fn eviction(ctx: ProbeContext) -> u32 {
    event::eviction(&ctx);
    0
}

/// A key was looked up, or is about to be, while one is looked at closely.
#[uprobe]
#[inline(always)]
pub fn focus(ctx: ProbeContext) -> u32 {
    focus::lookup(&ctx);
    0
}

/// A system call returns, likewise.
#[raw_tracepoint(tracepoint = "sys_exit")]
pub fn system_call(ctx: RawTracePointContext) -> i32 {
    focus::system_call(&ctx);
    0
}

/// Does nothing: what a trap costs is measured with it.
#[uprobe]
#[inline(always)]
pub fn calibrate(_ctx: ProbeContext) -> u32 {
    0
}

#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    // SAFETY: the verifier refuses a program that could get here.
    unsafe { core::hint::unreachable_unchecked() }
}

#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
