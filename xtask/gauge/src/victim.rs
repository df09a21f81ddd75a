//! A function that does nothing but be called, so that what a call costs with a probe on it is the probe's cost.

use std::arch::global_asm;
use std::io::{self, Write};
use std::num::NonZeroU32;
use std::path::Path;

use anyhow::{Context, Result};
use mctop::probe::attach::Target;
use mctop::probe::gauge::{Registers, target_of};
use mctop_common::item::{FLAG_CAS, Header, KEY_OFFSET_CAS};
use procfs::process::Process;
use rustix::time::{ClockId, clock_gettime};
use serde_json::json;

// Its first instruction is one that the kernel emulates, and the key is the second argument.
#[cfg(target_arch = "x86_64")]
global_asm!(
    ".globl mctop_gauge_victim",
    ".type mctop_gauge_victim, @function",
    "mctop_gauge_victim:",
    "push rbx",
    "mov rax, rcx",
    "pop rbx",
    "ret",
    ".size mctop_gauge_victim, . - mctop_gauge_victim",
);
#[cfg(target_arch = "aarch64")]
global_asm!(
    ".globl mctop_gauge_victim",
    ".type mctop_gauge_victim, %function",
    "mctop_gauge_victim:",
    "nop",
    "mov x0, x3",
    "ret",
    ".size mctop_gauge_victim, . - mctop_gauge_victim",
);

unsafe extern "C" {
    /// Returns its fourth argument.
    fn mctop_gauge_victim(found: u64, key: *const u8, key_len: u64, item: *const u8) -> *const u8;
}

/// Bytes of an item here: the header, the CAS number and a key of up to 72 bytes.
const ITEM_BYTES: usize = 128;

/// Most keys the victim can be asked for.
const KEYS_MAX: usize = 1 << 20;

/// What mctop would have found out about this function, had it been memcached's.
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

/// Tells where the function is, then calls it as often as each line of standard input says.
///
/// # Errors
/// When a line is not `KEYS CALLS`.
pub fn serve() -> Result<()> {
    let address = mctop_gauge_victim as *const () as u64;
    println!("{}", json!({ "offset": file_offset(address)?, "symbol": "mctop_gauge_victim" }));
    for line in io::stdin().lines() {
        let line = line?;
        let mut numbers = line.split_whitespace().map(str::parse::<u64>);
        let (Some(Ok(keys)), Some(Ok(calls))) = (numbers.next(), numbers.next()) else {
            anyhow::bail!("expected `KEYS CALLS`, found `{}`", line.escape_debug());
        };
        let items = items(usize::try_from(keys)?.clamp(1, KEYS_MAX));
        let begin = cpu_ns();
        call(&items, calls);
        let spent = cpu_ns() - begin;
        println!("{}", json!({ "ns_per_call": spent as f64 / calls.max(1) as f64 }));
        io::stdout().flush()?;
    }
    Ok(())
}

/// Calls the function for the keys in a scattered order, as a server's clients would.
fn call(items: &[[u8; ITEM_BYTES]], calls: u64) {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..calls {
        // xorshift64 (Marsaglia, "Xorshift RNGs", 2003): cheap beside a probe.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let Some(item) = items.get((state % items.len() as u64) as usize) else { return };
        let key = item.get(KEY_OFFSET_CAS as usize..).map_or(std::ptr::null(), <[u8]>::as_ptr);
        // SAFETY: the function reads none of its arguments' targets, and keeps to the C calling convention.
        std::hint::black_box(unsafe { mctop_gauge_victim(1, key, KEY_LEN, item.as_ptr()) });
    }
}

/// Length of each key: that of `user:session:00000000`.
const KEY_LEN: u64 = 21;

/// Items as memcached has them, with CAS numbers as by default, each key ended by a NUL for observers that need one.
fn items(count: usize) -> Vec<[u8; ITEM_BYTES]> {
    let item = |number: usize| {
        let mut item = [0; ITEM_BYTES];
        let header = Header { nbytes: 34, key_len: KEY_LEN as u8, ..Header::default() };
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

/// Where in its file a mapped address of this process is.
fn file_offset(address: u64) -> Result<u64> {
    let maps = Process::myself()?.maps()?;
    let map = maps.iter().find(|map| (map.address.0..map.address.1).contains(&address));
    let map = map.context("the victim is not mapped")?;
    Ok(address - map.address.0 + map.offset)
}
