//! The 64-bit hash under which a key is counted.
//!
//! Keys come from strangers, so the hash is seeded with random numbers drawn at load: two multiplications by secret odd
//! numbers with a fold between them per word, so that a difference confined to a word's top bit, which one multiplication
//! passes on unchanged, cannot be cancelled by the next word without knowing the secret.

/// The random numbers of one run.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seed {
    /// Initial state.
    pub start: u64,
    /// First multiplier; must be odd.
    pub first: u64,
    /// Second multiplier; must be odd.
    pub second: u64,
}

/// Key hashes have this bit set, so that none is 0, which stands for a free slot (see [`crate::table`]).
pub const KEY_BIT: u64 = 1 << 63;

impl Seed {
    /// State before the first word of a key of `len` bytes on server `target`: equal keys of two servers differ.
    #[inline(always)]
    #[must_use]
    pub const fn begin(&self, target: u32, len: u32) -> u64 {
        self.start ^ (((target as u64) << 32) | len as u64).wrapping_mul(self.second)
    }

    /// Folds in one word of the key, the last one padded with zeros.
    #[inline(always)]
    #[must_use]
    pub const fn word(&self, state: u64, word: u64) -> u64 {
        let mixed = (state ^ word).wrapping_mul(self.first);
        (mixed ^ (mixed >> 32)).wrapping_mul(self.second)
    }

    /// The hash of the words folded so far.
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
        Seed { start: 0x243f_6a88_85a3_08d3, first: 0x9e37_79b9_7f4a_7c15, second: 0xc2b2_ae3d_27d4_eb4f };

    fn hash(seed: &Seed, target: u32, key: &[u8]) -> u64 {
        let state = key.chunks(8).fold(seed.begin(target, key.len() as u32), |state, chunk| {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            seed.word(state, u64::from_le_bytes(word))
        });
        Seed::finish(state)
    }

    #[test]
    fn near_keys_do_not_collide() {
        let mut seen = HashSet::new();
        for i in 0..500_000u32 {
            assert!(seen.insert(hash(&SEED, 0, format!("product:{i}:price").as_bytes())));
        }
        for len in 1..=250 {
            assert!(seen.insert(hash(&SEED, 0, &vec![0; len])), "zero bytes, length {len}");
        }
    }

    #[test]
    fn target_is_part_of_the_hash() {
        assert_ne!(hash(&SEED, 0, b"k"), hash(&SEED, 1, b"k"));
    }

    #[test]
    fn top_bit_differences_do_not_cancel() {
        let top = 1u64 << 63;
        let mut collisions = 0;
        for second in [0, top, top >> 32, top | (top >> 32), (top >> 32) | 1] {
            let plain = SEED.word(SEED.word(0, 0), 0);
            let changed = SEED.word(SEED.word(0, top), second);
            collisions += u32::from(plain == changed);
        }
        assert_eq!(collisions, 0);
    }

    #[test]
    fn no_hash_is_zero() {
        assert!((0..10_000u32).all(|i| hash(&SEED, 0, &i.to_le_bytes()) != 0));
    }
}
