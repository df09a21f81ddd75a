//! From a key's hash to its slot.
//!
//! The chains of the table are in the order of the hashes' low 32 bits, which is the order that the kernel side's tables have
//! their buckets in (`mctop_common::table::buckets_of`): whoever comes in that order walks through this table from its begin
//! to its end, and seldom waits for memory. Chains, because the keys that are kept may come from one part of that order more
//! than from others: what overflows in an open-addressed table is then in the way of all the rest.

/// Chains for each key that there is room for.
const CHAINS: usize = 2;

/// Bytes a key takes here.
pub const BYTES: usize = (CHAINS + 1) * size_of::<u32>();

/// No slot.
const NONE: u32 = u32::MAX;

/// A hash table with chains (Knuth, The Art of Computer Programming 3, 6.4, algorithm C without coalescing).
pub struct Index {
    /// The first slot of each chain.
    first: Box<[u32]>,
    /// The slot behind each slot in its chain.
    next: Vec<u32>,
}

impl Index {
    /// For at most `keys` keys, in slots from 0 on.
    pub fn new(keys: usize) -> Self {
        Self { first: vec![NONE; keys * CHAINS].into_boxed_slice(), next: Vec::with_capacity(keys) }
    }

    /// The slot that was put under a hash and that `is_it`.
    #[inline]
    pub fn find(&self, hash: u64, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        let mut slot = *self.first.get(self.chain(hash))?;
        while slot != NONE {
            if is_it(slot) {
                return Some(slot);
            }
            slot = *self.next.get(slot as usize)?;
        }
        None
    }

    /// Puts a slot under a hash: one that is in no chain, and no further than the one behind all others.
    pub fn insert(&mut self, hash: u64, slot: u32) {
        let chain = self.chain(hash);
        let Some(first) = self.first.get_mut(chain) else { return };
        let behind = std::mem::replace(first, slot);
        match self.next.get_mut(slot as usize) {
            Some(next) => *next = behind,
            None => self.next.push(behind),
        }
    }

    /// Takes a slot out that was put under a hash.
    pub fn remove(&mut self, hash: u64, slot: u32) {
        let Some(&behind) = self.next.get(slot as usize) else { return };
        let chain = self.chain(hash);
        let mut link = self.first.get_mut(chain);
        while let Some(at) = link {
            if *at == slot {
                *at = behind;
                return;
            }
            let before = *at as usize;
            link = self.next.get_mut(before);
        }
    }

    #[inline]
    fn chain(&self, hash: u64) -> usize {
        ((u64::from(hash as u32) * self.first.len() as u64) >> 32) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn finds_what_was_put_and_not_taken_out(steps in proptest::collection::vec((0u64..40, any::<bool>()), 0..600)) {
            // Hashes of few chains.
            let hash = |number: u64| number << 32 | (number % 5).wrapping_sub(2).wrapping_mul(0x3000_0000) & 0xffff_ffff;
            let mut index = Index::new(40);
            let mut slots = 0;
            let mut truth = std::collections::BTreeSet::new();
            for (number, put) in steps {
                if put && (number as usize) <= slots && truth.insert(number) {
                    slots = slots.max(number as usize + 1);
                    index.insert(hash(number), number as u32);
                } else if !put {
                    truth.remove(&number);
                    index.remove(hash(number), number as u32);
                }
                for number in 0..40 {
                    let found = index.find(hash(number), |slot| u64::from(slot) == number);
                    prop_assert_eq!(found.is_some(), truth.contains(&number));
                }
            }
        }
    }
}
