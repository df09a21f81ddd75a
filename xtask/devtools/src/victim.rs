//! A function that does nothing, so that the cost of a call with a probe is the cost of the probe.

use std::arch::global_asm;
use std::io::{self, Write};
use std::num::NonZeroU32;
use std::path::Path;

use anyhow::{Context, Result};
use mctop::internal::Target;
use mctop::internal::bench_support::{Registers, target_of};
use mctop_common::item::{FLAG_CAS, ItemHeader, KEY_OFFSET_CAS};
use procfs::process::Process;
use rustix::time::{ClockId, clock_gettime};
use serde_json::json;

// Two identical functions: the measured one and the reference. The kernel emulates their first instruction, and the key is the
// second argument.
#[cfg(target_arch = "x86_64")]
global_asm!(
    ".irp name, mctop_bench_victim, mctop_bench_reference",
    ".globl \\name",
    ".type \\name, @function",
    ".balign 64",
    "\\name:",
    "push rbx",
    "mov rax, rcx",
    "pop rbx",
    "ret",
    ".size \\name, . - \\name",
    ".endr",
);
#[cfg(target_arch = "aarch64")]
global_asm!(
    ".irp name, mctop_bench_victim, mctop_bench_reference",
    ".globl \\name",
    ".type \\name, %function",
    ".balign 64",
    "\\name:",
    "nop",
    "mov x0, x3",
    "ret",
    ".size \\name, . - \\name",
    ".endr",
);

/// Returns its fourth argument.
type LookupFn = unsafe extern "C" fn(found: u64, key: *const u8, key_len: u64, item: *const u8) -> *const u8;

unsafe extern "C" {
    fn mctop_bench_victim(found: u64, key: *const u8, key_len: u64, item: *const u8) -> *const u8;
    fn mctop_bench_reference(found: u64, key: *const u8, key_len: u64, item: *const u8) -> *const u8;
}

/// Consecutive calls of one function before the other's turn: about a millisecond, in which the machine's speed barely changes.
const TURN: u64 = 1_000;

/// Bytes of an item here: the header, the CAS number and a key of up to 72 bytes.
const ITEM_BYTES: usize = 128;

/// Maximum number of keys.
const KEYS_MAX: usize = 1 << 20;

/// The operands that mctop would find if this function were memcached's.
pub fn target(pid: NonZeroU32, image: &Path, offset: u64) -> Target {
    // At its first instruction, by the calling conventions: System V's rdi, rsi, rdx, rcx and the return address on top of
    // the stack; x0 to x3 and x30 on AArch64.
    let registers = if cfg!(target_arch = "x86_64") {
        Registers { found: 7, key: 6, key_len: 2, item: 1, stack: Some(4), link: 0 }
    } else {
        Registers { found: 0, key: 1, key_len: 2, item: 3, stack: None, link: 30 }
    };
    target_of(pid.get(), image, offset, &registers)
}

/// Prints the offsets of the functions, then calls the first one, or both in turns, as each line of standard input requests.
///
/// # Errors
/// When a line is not `KEYS CALLS` or `KEYS CALLS both`.
pub fn serve() -> Result<()> {
    let offset = |function: LookupFn| file_offset(function as *const () as u64);
    let (victim, reference) = (offset(mctop_bench_victim)?, offset(mctop_bench_reference)?);
    println!("{}", json!({ "offset": victim, "symbol": "mctop_bench_victim", "reference": reference }));
    for line in io::stdin().lines() {
        let line = line?;
        let words: Vec<&str> = line.split_whitespace().collect();
        let (keys, calls, both) = match words[..] {
            [keys, calls] => (keys.parse::<u64>()?, calls.parse::<u64>()?, false),
            [keys, calls, "both"] => (keys.parse::<u64>()?, calls.parse::<u64>()?, true),
            _ => anyhow::bail!("expected `KEYS CALLS` or `KEYS CALLS both`, found `{}`", line.escape_debug()),
        };
        let items = items(usize::try_from(keys)?.clamp(1, KEYS_MAX));
        let functions: &[LookupFn] =
            if both { &[mctop_bench_victim, mctop_bench_reference] } else { &[mctop_bench_victim] };
        let [each, reference] = call(&items, calls, functions).map(|spent| spent as f64 / calls.max(1) as f64);
        println!("{}", json!({ "ns_per_call": each, "ns_per_reference": both.then_some(reference) }));
        io::stdout().flush()?;
    }
    Ok(())
}

/// Calls the functions in turns with the keys in random order, as a server's clients would. Returns the CPU time of each in
/// nanoseconds.
fn call(items: &[[u8; ITEM_BYTES]], calls: u64, functions: &[LookupFn]) -> [u64; 2] {
    let mut spent = [0; 2];
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut left = calls;
    while left > 0 {
        let turn = if functions.len() > 1 { left.min(TURN) } else { left };
        for (function, spent) in functions.iter().zip(&mut spent) {
            let start = cpu_ns();
            for _ in 0..turn {
                // xorshift64 (Marsaglia, "Xorshift RNGs", 2003): cheap compared with a probe.
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                let Some(item) = items.get((state % items.len() as u64) as usize) else { break };
                let key = item.get(KEY_OFFSET_CAS as usize..).map_or(std::ptr::null(), <[u8]>::as_ptr);
                // SAFETY: the functions read none of their arguments' targets, and keep to the C calling convention.
                std::hint::black_box(unsafe { function(1, key, KEY_LEN, item.as_ptr()) });
            }
            *spent += cpu_ns() - start;
        }
        left -= turn;
    }
    spent
}

/// Length of each key: that of `user:session:00000000`.
const KEY_LEN: u64 = 21;

/// Items in memcached's layout, with CAS numbers as by default, each key ended by a NUL for observers that need one.
fn items(count: usize) -> Vec<[u8; ITEM_BYTES]> {
    let item = |number: usize| {
        let mut item = [0; ITEM_BYTES];
        let header = ItemHeader { nbytes: 34, key_len: KEY_LEN as u8, ..ItemHeader::default() };
        item[32..36].copy_from_slice(&header.nbytes.to_le_bytes());
        item[38] = FLAG_CAS;
        item[41] = header.key_len;
        let key = format!("user:session:{number:08}");
        let at = KEY_OFFSET_CAS as usize;
        item[at..at + key.len()].copy_from_slice(key.as_bytes());
        item
    };
    (0..count).map(item).collect()
}

fn cpu_ns() -> u64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    now.tv_sec.cast_unsigned() * 1_000_000_000 + now.tv_nsec.cast_unsigned()
}

/// The file offset of a mapped address of this process.
fn file_offset(address: u64) -> Result<u64> {
    let maps = Process::myself()?.maps()?;
    let map = maps.iter().find(|map| (map.address.0..map.address.1).contains(&address));
    let map = map.context("the victim is not mapped")?;
    Ok(address - map.address.0 + map.offset)
}
