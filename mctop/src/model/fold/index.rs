//! Finds the slot of a key by its hash.
//!
//! The chains are ordered by the low 32 bits of the hashes, as are the buckets of the eBPF tables
//! (`mctop_common::table::buckets_of`). Keys that are drained in that order are looked up from the start of this table to its
//! end, with few cache misses. The table has chains because tracked keys may cluster in a part of that order, and in an
//! open-addressed table such a cluster would slow down all lookups after it.

/// Chains per key.
const CHAINS: usize = 2;

/// Bytes that a key uses here.
pub(super) const BYTES: usize = (CHAINS + 1) * size_of::<u32>();

/// Marks the end of a chain.
const NONE: u32 = u32::MAX;

/// A hash table with chains (Knuth, The Art of Computer Programming 3, 6.4, algorithm C without coalescing).
pub(super) struct Index {
    /// The first slot of each chain.
    heads: Box<[u32]>,
    /// For each slot, the next slot of its chain.
    next: Vec<u32>,
}

impl Index {
    /// An index of at most `keys` keys, in slots from 0.
    pub(super) fn new(keys: usize) -> Self {
        Self { heads: vec![NONE; keys * CHAINS].into_boxed_slice(), next: Vec::with_capacity(keys) }
    }

    /// The slot with this hash for which `is_match` holds.
    #[inline]
    pub(super) fn find(&self, hash: u64, is_match: impl Fn(u32) -> bool) -> Option<u32> {
        let mut slot = *self.heads.get(self.chain(hash))?;
        while slot != NONE {
            if is_match(slot) {
                return Some(slot);
            }
            slot = *self.next.get(slot as usize)?;
        }
        None
    }

    /// Adds a slot. It must not be in the index yet, and be at most one past the highest slot so far.
    pub(super) fn insert(&mut self, hash: u64, slot: u32) {
        let chain = self.chain(hash);
        let Some(head) = self.heads.get_mut(chain) else { return };
        let following = std::mem::replace(head, slot);
        match self.next.get_mut(slot as usize) {
            Some(next) => *next = following,
            None => self.next.push(following),
        }
    }

    /// Removes a slot that was added with this hash.
    pub(super) fn remove(&mut self, hash: u64, slot: u32) {
        let Some(&following) = self.next.get(slot as usize) else { return };
        let chain = self.chain(hash);
        let mut link = self.heads.get_mut(chain);
        while let Some(at) = link {
            if *at == slot {
                *at = following;
                return;
            }
            let current = *at as usize;
            link = self.next.get_mut(current);
        }
    }

    #[inline]
    fn chain(&self, hash: u64) -> usize {
        ((u64::from(hash as u32) * self.heads.len() as u64) >> 32) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn finds_what_was_inserted_and_not_removed(steps in proptest::collection::vec((0u64..40, any::<bool>()), 0..600)) {
            // Hashes that share a few chains.
            let hash = |number: u64| number << 32 | (number % 5).wrapping_sub(2).wrapping_mul(0x3000_0000) & 0xffff_ffff;
            let mut index = Index::new(40);
            let mut slots = 0;
            let mut truth = std::collections::BTreeSet::new();
            for (number, insert) in steps {
                if insert && (number as usize) <= slots && truth.insert(number) {
                    slots = slots.max(number as usize + 1);
                    index.insert(hash(number), number as u32);
                } else if !insert {
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
