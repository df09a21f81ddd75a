//! Bounded reads of keys, on the stack: from kernel 6.0 uprobe programs can interleave on one CPU, so that a per-CPU
//! scratch buffer would be a race.

use aya_ebpf::Global;
use aya_ebpf::helpers::generated::bpf_probe_read_user;
use mctop_common::hash::Seed;
use mctop_common::limits::KEY_MAX;
use mctop_common::records::{Fault, Name};

use crate::verifier::forget;

#[unsafe(no_mangle)]
static SEED: Global<Seed> = Global::new(Seed { start: 0, first: 1, second: 1 });

/// Reads a key of the server's memory into `name` and returns its hash; with `before`, also the eight bytes in front of the
/// key, at no further cost.
#[inline(always)]
pub fn read(name: &mut Name, target: u32, address: u64, len: u64, before: bool) -> Result<(u64, u64), Fault> {
    if len == 0 || len > KEY_MAX as u64 {
        return Err(Fault::KeyLength);
    }
    for word in &mut name.words {
        // SAFETY: a live word. Volatile, because the optimiser would make the loop a call of memset, which goes byte by byte.
        unsafe { core::ptr::from_mut(word).write_volatile(0) };
    }
    name.target = 0;
    name.len = 0;
    // SAFETY: `len` is at most KEY_MAX, which is no more than the words hold, and the fields in front of them are eight bytes;
    // the helper checks the address.
    let result = unsafe {
        if before {
            let from = address.wrapping_sub(size_of::<u64>() as u64);
            bpf_probe_read_user(
                core::ptr::from_mut(name).cast(),
                (len + size_of::<u64>() as u64) as u32,
                from as *const _,
            )
        } else {
            bpf_probe_read_user(name.words.as_mut_ptr().cast(), len as u32, address as *const _)
        }
    };
    if result != 0 {
        return Err(Fault::KeyRead);
    }
    let preceding = u64::from(name.target) | u64::from(name.len) << 32;
    name.target = target;
    name.len = len as u32;
    let seed = SEED.load();
    let mut state = seed.begin(target, len as u32);
    // What the verifier learns of the length by where the loop ends would multiply the ways through all that follows.
    let len = forget(len, address);
    for (index, word) in name.words.iter().enumerate() {
        if index as u64 * 8 >= len {
            break;
        }
        state = seed.word(state, *word);
    }
    Ok((Seed::finish(state), preceding))
}

const _: () = assert!(core::mem::offset_of!(Name, words) == size_of::<u64>());
