//! The 64-bit hash under which a key is counted.
//!
//! Keys are untrusted, so the hash is seeded with random numbers drawn at load. Each word is multiplied by two secret odd numbers with
//! a fold in between. A single multiplication would pass on a difference in a word's top bit unchanged, so that the next word could
//! cancel it without knowledge of the secret.

/// The secret random numbers of one run.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seed {
    /// Initial state.
    pub initial: u64,
    /// First multiplier; must be odd.
    pub first: u64,
    /// Second multiplier; must be odd.
    pub second: u64,
}

/// Set in every key hash, so that no hash is 0, which marks a free slot (see [`crate::table`]).
pub const KEY_BIT: u64 = 1 << 63;

impl Seed {
    /// The state before the first word of a key of `len` bytes on server `target`. Equal keys of two servers have different hashes.
    #[inline(always)]
    #[must_use]
    pub const fn start(&self, target: u32, len: u32) -> u64 {
        self.initial ^ (((target as u64) << 32) | len as u64).wrapping_mul(self.second)
    }

    /// The state after one more word of the key. The last word is padded with zeros.
    #[inline(always)]
    #[must_use]
    pub const fn word(&self, state: u64, word: u64) -> u64 {
        let mixed = (state ^ word).wrapping_mul(self.first);
        (mixed ^ (mixed >> 32)).wrapping_mul(self.second)
    }

    /// The hash of a key of server `target`.
    #[must_use]
    pub fn hash(&self, target: u32, key: &[u8]) -> u64 {
        let state = key.chunks(8).fold(self.start(target, key.len() as u32), |state, chunk| {
            let mut word = [0; 8];
            for (to, byte) in word.iter_mut().zip(chunk) {
                *to = *byte;
            }
            self.word(state, u64::from_le_bytes(word))
        });
        Self::finish(state)
    }

    /// The hash for the state after the last word.
    #[inline(always)]
    #[must_use]
    pub const fn finish(state: u64) -> u64 {
        (state ^ (state >> 29)) | KEY_BIT
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    const SEED: Seed =
        Seed { initial: 0x243f_6a88_85a3_08d3, first: 0x9e37_79b9_7f4a_7c15, second: 0xc2b2_ae3d_27d4_eb4f };

    #[test]
    fn similar_keys_do_not_collide() {
        let mut seen = HashSet::new();
        for i in 0..500_000u32 {
            assert!(seen.insert(SEED.hash(0, format!("product:{i}:price").as_bytes())));
        }
        for len in 1..=250 {
            assert!(seen.insert(SEED.hash(0, &vec![0; len])), "zero bytes, length {len}");
        }
    }

    #[test]
    fn equal_keys_of_two_servers_have_different_hashes() {
        assert_ne!(SEED.hash(0, b"k"), SEED.hash(1, b"k"));
    }

    #[test]
    fn top_bit_differences_do_not_cancel() {
        let top = 1u64 << 63;
        for second in [0, top, top >> 32, top | (top >> 32), (top >> 32) | 1] {
            assert_ne!(SEED.word(SEED.word(0, 0), 0), SEED.word(SEED.word(0, top), second), "{second:#x}");
        }
    }

    #[test]
    fn no_hash_is_zero() {
        assert!((0..10_000u32).all(|i| SEED.hash(0, &i.to_le_bytes()) != 0));
    }
}
