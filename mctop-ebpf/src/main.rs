//! mctop's eBPF programs: one thin function per probe.
//!
//! All return 0, because with any other value the kernel builds a perf sample at each trap.
#![no_std]
#![no_main]
#![feature(asm_experimental_arch, core_intrinsics)]
#![allow(internal_features, reason = "the BPF target has no fetch_add without compare-and-swap; see stats.rs")]

mod call;
mod event;
mod evidence;
mod key;
mod key_detail;
mod lookup;
mod registers;
mod request;
mod site;
mod stack;
mod stats;
mod verifier;

use aya_ebpf::macros::{raw_tracepoint, uprobe, uretprobe};
use aya_ebpf::programs::{ProbeContext, RawTracePointContext, RetProbeContext};

/// A text request starts on this thread.
#[uprobe]
#[inline(always)]
pub fn command(ctx: ProbeContext) -> u32 {
    request::start(&ctx);
    0
}

/// A key was looked up, and the outcome is known.
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

/// A storage command has its outcome.
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

/// A key was looked up or is about to be, while one is watched in detail.
#[uprobe]
#[inline(always)]
pub fn key_detail(ctx: ProbeContext) -> u32 {
    key_detail::lookup(&ctx);
    0
}

/// A system call returns while a key is watched in detail.
#[raw_tracepoint(tracepoint = "sys_exit")]
pub fn system_call(ctx: RawTracePointContext) -> i32 {
    key_detail::system_call(&ctx);
    0
}

/// Does nothing. It serves to measure the cost of a trap.
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
