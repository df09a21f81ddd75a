//! Bounded reads of keys and items onto the stack. A per-CPU buffer would be a race, because from kernel 6.0 on uprobe programs can
//! interleave on one CPU.

use core::mem::{MaybeUninit, offset_of};

use aya_ebpf::Global;
use aya_ebpf::helpers::generated::bpf_probe_read_user;
use mctop_common::hash::Seed;
use mctop_common::item::BEFORE_KEY_WORDS;
use mctop_common::limits::{KEY_MAX, KEY_WORDS};
use mctop_common::records::{Fault, Name};

use crate::verifier::{byte, forget};

#[unsafe(no_mangle)]
static SEED: Global<Seed> = Global::new(Seed { initial: 0, first: 1, second: 1 });

/// Number of bytes before an item's key that contain its header.
pub const BEFORE_KEY: u64 = 8 * BEFORE_KEY_WORDS as u64;

/// A key and, if it was read from an item, the bytes before it: one read of the server's memory costs more than all processing of the
/// bytes.
#[repr(C)]
pub struct Keyed {
    /// All words before the key but the last, in whose place are the fields of the name that are set after the key was read.
    before: [u64; BEFORE_KEY_WORDS - 1],
    /// The key.
    pub name: Name,
}

const _: () = assert!(size_of::<[u64; KEY_WORDS]>() > u8::MAX as usize);
const _: () = assert!(offset_of!(Keyed, name) + offset_of!(Name, words) == BEFORE_KEY as usize);

/// Checks the length of a key.
#[inline(always)]
pub fn length(len: u64) -> Result<u8, Fault> {
    if len == 0 || len > KEY_MAX as u64 { Err(Fault::KeyLength) } else { Ok(len as u8) }
}

impl Keyed {
    /// Zeros, in a place on the stack.
    #[inline(always)]
    pub fn cleared(place: &mut MaybeUninit<Self>) -> &mut Self {
        let words = place.as_mut_ptr().cast::<u64>();
        for word in 0..size_of::<Self>() / size_of::<u64>() {
            // SAFETY: a live word. Volatile, because the compiler would otherwise call memset, which works byte by byte.
            unsafe { words.add(word).write_volatile(0) };
        }
        // SAFETY: all words were written, and zeros are valid.
        unsafe { place.assume_init_mut() }
    }

    /// Reads a key from the server's memory.
    #[inline(always)]
    pub fn read_key(&mut self, address: u64, len: u8) -> Result<(), Fault> {
        // SAFETY: the words have room for any length that fits a `u8`; the helper checks the address.
        let result =
            unsafe { bpf_probe_read_user(self.name.words.as_mut_ptr().cast(), byte(len), address as *const _) };
        if result == 0 { Ok(()) } else { Err(Fault::KeyRead) }
    }

    /// Reads the key of an item and returns the words before it.
    #[inline(always)]
    pub fn read_item(&mut self, key: u64, len: u8) -> Result<[u64; BEFORE_KEY_WORDS], Fault> {
        let (to, from) = (core::ptr::from_mut(self).cast(), key.wrapping_sub(BEFORE_KEY) as *const _);
        // Without `byte`, for which the stack has no room left: here, even the older verifiers know the bounds of the length.
        // SAFETY: as above, plus the bytes before the words.
        if unsafe { bpf_probe_read_user(to, u32::from(len) + BEFORE_KEY as u32, from) } != 0 {
            return Err(Fault::ItemRead);
        }
        let last = u64::from(self.name.target) | u64::from(self.name.len) << 32;
        Ok([self.before[0], self.before[1], self.before[2], last])
    }

    /// Completes the name after its key was read and returns its hash, which is never 0.
    #[inline(always)]
    pub fn hash(&mut self, target: u32, len: u8) -> u64 {
        self.name.target = target;
        self.name.len = u32::from(len);
        let seed = SEED.load();
        let mut state = seed.start(target, u32::from(len));
        // Otherwise the verifier would learn the length from where the loop ends, and follow all later code once for each length.
        let len = forget(u64::from(len), state);
        for (index, word) in self.name.words.iter().enumerate() {
            if index as u64 * 8 >= len {
                break;
            }
            state = seed.word(state, *word);
        }
        Seed::finish(state)
    }
}
