//! The tables that the eBPF programs fill and user space reads through a mapping: buckets of slots, found by a key's hash.
//!
//! A hash may be in one of three buckets. The program that counts it first claims the first free slot of the first bucket that has one.
//! Only user space frees slots. So a hash has exactly one slot even if many threads count it at the same time, and it is nearly always
//! in the first of its buckets. No hash is left without a slot until half of the slots are taken; at 70 %, one in a thousand is. (With
//! several buckets to choose from, few overflow: M. Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing", 2001.)
//! The search starts at a slot derived from the hash, and in a table that is not crowded it ends there.

use crate::records::{ExtraStats, Name, Stats};

/// Number of slots in a bucket.
pub const SLOTS: usize = 8;

/// Number of buckets that a hash may be in.
pub const CHOICES: usize = 3;

/// A bucket of an epoch's table.
#[repr(C, align(64))]
#[derive(Clone, Copy, Debug)]
pub struct StatsBucket {
    /// The cache line of each hash.
    pub stats: [Stats; SLOTS],
    /// The counts beside it.
    pub extra: [ExtraStats; SLOTS],
}

/// The hashes in a bucket of the names table; 0 in a free slot. They are in a map of their own so that user space can scan them all
/// with few cache misses.
pub type NameHashes = [u64; SLOTS];

/// The keys in a bucket of the names table.
pub type NameKeys = [Name; SLOTS];

/// Number of buckets in which operations without a slot are counted: one per CPU to avoid contention. More CPUs share them, which is
/// safe because additions are atomic.
pub const UNTRACKED_BUCKETS: u32 = 64;

/// The bucket of an epoch's table in whose first slot a CPU counts operations without a slot of their own.
#[inline(always)]
#[must_use]
pub const fn untracked_bucket(cpu: u32) -> u32 {
    cpu % UNTRACKED_BUCKETS
}

/// The buckets that a hash may be in, out of `buckets`.
#[must_use]
pub fn buckets_of(hash: u64, buckets: u32) -> [u32; CHOICES] {
    let mut bits = hash;
    [(); CHOICES].map(|()| next_bucket(&mut bits, buckets))
}

/// The next bucket that a hash may be in. `bits` is initially the hash.
///
/// Maps bits of the hash to a bucket by multiplication (D. Lemire, "Fast Random Integer Generation in an Interval", 2019), with
/// different bits for each bucket.
#[inline(always)]
#[must_use]
pub const fn next_bucket(bits: &mut u64, buckets: u32) -> u32 {
    let bucket = ((*bits as u32 as u64 * buckets as u64) >> 32) as u32;
    *bits >>= 15;
    bucket
}

/// The slot at which the search for a hash starts.
#[inline(always)]
#[must_use]
pub const fn first_slot(hash: u64) -> usize {
    // In tables of usual sizes these bits do not choose the bucket.
    hash as usize % SLOTS
}

/// The hash in a slot, which programs on other CPUs may claim at any time.
pub trait HashCell: Copy {
    /// The hash in the slot; 0 if the slot is free.
    fn load(self) -> u64;

    /// Atomically puts a hash into the slot if the slot is free, and returns the previous content of the slot.
    fn claim(self, hash: u64) -> u64;
}

/// A bucket of [`SLOTS`] slots.
pub trait HashBucket: Copy {
    /// Access to the hash in a slot.
    type Cell: HashCell;

    /// The hash in slot `slot`, which is less than [`SLOTS`].
    fn cell(self, slot: usize) -> Self::Cell;
}

/// The slot of a hash in one bucket, and whether it has just been claimed. `None` if the bucket has neither the hash nor a free slot.
///
/// All threads that search for the same hash at the same time get the same slot: the first slot that one of them finds free is, for the
/// others, either still free or holds this hash, because only user space frees slots.
#[inline(always)]
pub fn claim(bucket: impl HashBucket, hash: u64) -> Option<(usize, bool)> {
    for step in 0..SLOTS {
        let slot = (first_slot(hash) + step) % SLOTS;
        let cell = bucket.cell(slot);
        let mut there = cell.load();
        if there == 0 {
            there = cell.claim(hash);
            if there == 0 {
                return Some((slot, true));
            }
        }
        if there == hash {
            return Some((slot, false));
        }
    }
    None
}

/// Whether a bucket holds a hash.
#[inline(always)]
pub fn holds(bucket: impl HashBucket, hash: u64) -> bool {
    for slot in 0..SLOTS {
        if bucket.cell(slot).load() == hash {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use loom::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::hash::Seed;

    impl HashCell for &AtomicU64 {
        fn load(self) -> u64 {
            AtomicU64::load(self, Ordering::Relaxed)
        }

        fn claim(self, hash: u64) -> u64 {
            match self.compare_exchange(0, hash, Ordering::SeqCst, Ordering::SeqCst) {
                Ok(before) | Err(before) => before,
            }
        }
    }

    impl<'a> HashBucket for &'a [AtomicU64; SLOTS] {
        type Cell = &'a AtomicU64;

        fn cell(self, slot: usize) -> &'a AtomicU64 {
            &self[slot]
        }
    }

    /// Claims slots of one bucket from several threads in every order that the memory model allows, with `taken` slots in use before.
    fn claim_concurrently(
        taken: u64,
        hashes: &[u64],
        check: impl Fn(&[Option<(usize, bool)>]) + Sync + Send + 'static,
    ) {
        let hashes = hashes.to_vec();
        loom::model(move || {
            let bucket: Arc<[AtomicU64; SLOTS]> = Arc::new(std::array::from_fn(|_| AtomicU64::new(0)));
            for hash in 0..taken {
                claim(&*bucket, 1_000 + hash);
            }
            let threads: Vec<_> = hashes
                .iter()
                .map(|hash| {
                    let (bucket, hash) = (Arc::clone(&bucket), *hash);
                    loom::thread::spawn(move || claim(&*bucket, hash))
                })
                .collect();
            let claimed: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
            for (hash, claimed) in hashes.iter().zip(&claimed) {
                if let Some((slot, _)) = claimed {
                    assert_eq!(bucket[*slot].load(Ordering::SeqCst), *hash);
                }
                assert_eq!(holds(&*bucket, *hash), claimed.is_some());
            }
            check(&claimed);
        });
    }

    #[test]
    fn threads_that_claim_the_same_hash_get_one_slot() {
        claim_concurrently(0, &[7, 7, 7], |claimed| {
            let slots: Vec<usize> = claimed.iter().map(|claimed| claimed.unwrap().0).collect();
            assert!(slots.iter().all(|slot| *slot == slots[0]), "{claimed:?}");
            assert_eq!(claimed.iter().filter(|claimed| claimed.unwrap().1).count(), 1, "{claimed:?}");
        });
    }

    #[test]
    fn threads_that_claim_different_hashes_get_different_slots() {
        // All searches start at the same slot.
        claim_concurrently(0, &[8, 16, 8], |claimed| {
            assert_eq!(claimed[0].unwrap().0, claimed[2].unwrap().0);
            assert_ne!(claimed[0].unwrap().0, claimed[1].unwrap().0);
            assert_eq!(claimed.iter().filter(|claimed| claimed.unwrap().1).count(), 2, "{claimed:?}");
        });
    }

    #[test]
    fn the_last_slot_goes_to_one_hash() {
        claim_concurrently(SLOTS as u64 - 1, &[8, 16], |claimed| {
            assert_eq!(claimed.iter().flatten().count(), 1, "{claimed:?}");
        });
    }

    #[test]
    fn every_hash_gets_a_slot_until_half_of_the_slots_are_taken() {
        let buckets = 4_096;
        let seed = Seed { initial: 0x1234_5678_9abc_def1, first: 0x9e37_79b9_7f4a_7c15, second: 0xc2b2_ae3d_27d4_eb4f };
        let mut taken = vec![0; buckets];
        let (mut slots, mut lost) = (0, 0);
        let mut lost_at = Vec::new();
        for percent in [45, 70, 80] {
            while slots < buckets * SLOTS * percent / 100 {
                slots += 1;
                let hash = seed.hash(0, format!("key:{slots}").as_bytes());
                let of_hash = buckets_of(hash, buckets as u32).into_iter();
                match of_hash.map(|bucket| bucket as usize).find(|bucket| taken[*bucket] < SLOTS) {
                    Some(bucket) => taken[bucket] += 1,
                    None => lost += 1,
                }
            }
            lost_at.push(lost as f64 / slots as f64);
        }
        assert!(lost_at[0] == 0.0 && lost_at[1] < 0.002 && (0.001..0.01).contains(&lost_at[2]), "{lost_at:?}");
    }
}
