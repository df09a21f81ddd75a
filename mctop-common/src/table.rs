//! The tables that the kernel side fills and user space reads through a mapping: buckets of slots, found by a key's hash.
//!
//! A hash belongs to one of three buckets. Whoever counts it first claims the first free slot, in the first bucket while that
//! has one, then in the others; slots are given up by user space only. So a hash has one slot, however many threads count it
//! at once, and nearly always in the bucket that is looked at first. Half of the slots are taken before a hash finds no room
//! in its buckets, and one in a thousand does not when 70 % are. (With several buckets to choose from, few overflow: M.
//! Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing", 2001.) The search begins at a slot that the hash
//! says, which is where it ends while the table is not crowded.

use crate::records::{Name, RareStats, Stats};

/// Slots of a bucket.
pub const SLOTS: usize = 8;

/// Buckets that a hash may be in.
pub const CHOICES: usize = 3;

/// Eight slots of an epoch's table.
#[repr(C, align(64))]
#[derive(Clone, Copy, Debug)]
pub struct StatsBucket {
    /// What was counted under each hash.
    pub stats: [Stats; SLOTS],
    /// And what is rare among it.
    pub rare: [RareStats; SLOTS],
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::Seed;

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
