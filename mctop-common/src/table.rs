//! The tables that the kernel side fills and user space reads through a mapping: buckets of slots, found by a key's hash.
//!
//! A hash belongs to one of three buckets. Whoever counts it first claims the first free slot, in the first bucket while that
//! has one, then in the others; slots are given up by user space only. So a hash has one slot, however many threads count it
//! at once, and nearly always in the bucket that is looked at first. Half of the slots are taken before a hash finds no room
//! in its buckets, and one in a thousand does not when 70 % are. (With several buckets to choose from, few overflow: M.
//! Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing", 2001.) The search begins at a slot that the hash
//! says, which is where it ends while the table is not crowded.

use crate::records::{ExtraStats, Name, Stats};

/// Slots of a bucket.
pub const SLOTS: usize = 8;

/// Buckets that a hash may be in.
pub const CHOICES: usize = 3;

/// Eight slots of an epoch's table.
#[repr(C, align(64))]
#[derive(Clone, Copy, Debug)]
pub struct StatsBucket {
    /// The cache line of each hash.
    pub stats: [Stats; SLOTS],
    /// The counts beside it.
    pub extra: [ExtraStats; SLOTS],
}

/// Hashes of the keys in eight slots of the names table, 0 in a free one. They are apart from the keys, so that user space reads
/// them all without waiting for each.
pub type NameHashes = [u64; SLOTS];

/// The keys in these slots.
pub type NameKeys = [Name; SLOTS];

/// Most buckets in which operations without a slot are counted: one for each CPU, so that they do not wait for each other.
/// CPUs beyond it share one: the adds are atomic.
pub const UNTRACKED_BUCKETS: u32 = 64;

/// The bucket of an epoch's table in which a CPU counts operations without a slot: in its first slot.
#[inline(always)]
#[must_use]
pub const fn untracked_bucket(cpu: u32) -> u32 {
    cpu % UNTRACKED_BUCKETS
}

/// The buckets of a hash, among `buckets`.
#[must_use]
pub fn buckets_of(hash: u64, buckets: u32) -> [u32; CHOICES] {
    let mut bits = hash;
    [(); CHOICES].map(|()| next_bucket(&mut bits, buckets))
}

/// The next of a hash's buckets; `bits` are at first the hash.
///
/// By multiplication (D. Lemire, "Fast Random Integer Generation in an Interval", 2019), of different bits for each.
#[inline(always)]
#[must_use]
pub const fn next_bucket(bits: &mut u64, buckets: u32) -> u32 {
    let bucket = ((*bits as u32 as u64 * buckets as u64) >> 32) as u32;
    *bits >>= 15;
    bucket
}

/// The slot that the search for a hash begins at.
#[inline(always)]
#[must_use]
pub const fn first_slot(hash: u64) -> usize {
    // Bits that choose no bucket in tables of usual sizes.
    hash as usize % SLOTS
}

/// The hash in a slot. Programs on other CPUs claim slots at the same time.
pub trait HashCell: Copy {
    /// The hash in the slot, 0 when the slot is free.
    fn load(self) -> u64;

    /// Puts a hash into the slot if the slot is free, in one atomic step; returns what the slot held before.
    fn claim(self, hash: u64) -> u64;
}

/// A bucket of [`SLOTS`] slots.
pub trait Bucket: Copy {
    /// The hash in one of its slots.
    type Cell: HashCell;

    /// The hash in a slot below [`SLOTS`].
    fn cell(self, slot: usize) -> Self::Cell;
}

/// The slot of a hash in one bucket, claimed if the hash has none there and one is free; and whether it was claimed now.
///
/// However many threads search for the same hash, all of them get the same slot: slots become free only by user space, so the
/// first slot that is free for one is either free or holds this hash for the others.
#[inline(always)]
pub fn claim(bucket: impl Bucket, hash: u64) -> Option<(usize, bool)> {
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
pub fn holds(bucket: impl Bucket, hash: u64) -> bool {
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

    impl<'a> Bucket for &'a [AtomicU64; SLOTS] {
        type Cell = &'a AtomicU64;

        fn cell(self, slot: usize) -> &'a AtomicU64 {
            &self[slot]
        }
    }

    /// Claims slots of one bucket from several threads at once, in every order that memory allows; `taken` hashes are there before.
    fn claimed_at_once(taken: u64, hashes: &[u64], check: impl Fn(&[Option<(usize, bool)>]) + Sync + Send + 'static) {
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
        claimed_at_once(0, &[7, 7, 7], |claimed| {
            let slots: Vec<usize> = claimed.iter().map(|claimed| claimed.unwrap().0).collect();
            assert!(slots.iter().all(|slot| *slot == slots[0]), "{claimed:?}");
            assert_eq!(claimed.iter().filter(|claimed| claimed.unwrap().1).count(), 1, "{claimed:?}");
        });
    }

    #[test]
    fn threads_that_claim_different_hashes_get_different_slots() {
        // All begin at the same slot.
        claimed_at_once(0, &[8, 16, 8], |claimed| {
            assert_eq!(claimed[0].unwrap().0, claimed[2].unwrap().0);
            assert_ne!(claimed[0].unwrap().0, claimed[1].unwrap().0);
            assert_eq!(claimed.iter().filter(|claimed| claimed.unwrap().1).count(), 2, "{claimed:?}");
        });
    }

    #[test]
    fn the_last_slot_goes_to_one_hash() {
        claimed_at_once(SLOTS as u64 - 1, &[8, 16], |claimed| {
            assert_eq!(claimed.iter().flatten().count(), 1, "{claimed:?}");
        });
    }

    #[test]
    fn half_of_the_slots_are_taken_before_a_hash_finds_no_room() {
        let buckets = 4_096;
        let seed = Seed { start: 0x1234_5678_9abc_def1, first: 0x9e37_79b9_7f4a_7c15, second: 0xc2b2_ae3d_27d4_eb4f };
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
