//! The tables that the kernel side fills and user space reads through a mapping: buckets of slots, found by a key's hash.
//!
//! A hash belongs to one of two buckets. Whoever counts it first claims the first free slot, in the first bucket while that
//! has one; slots are given up by user space only. So a hash has one slot, however many threads count it at once. Two buckets
//! of eight fill to more than 95 % before a hash finds neither with room (two-choice hashing, M. Mitzenmacher, "The Power
//! of Two Choices in Randomized Load Balancing", 2001). The search begins at a slot that the hash says, which is where it
//! ends while the table is not crowded.

use crate::records::{Name, RareStats, Stats};

/// Slots of a bucket.
pub const SLOTS: usize = 8;

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

/// The two buckets of a hash, among `buckets`.
///
/// By multiplication (D. Lemire, "Fast Random Integer Generation in an Interval", 2019), of different bits for each.
#[inline(always)]
#[must_use]
pub const fn buckets_of(hash: u64, buckets: u32) -> [u32; 2] {
    [scale(hash as u32, buckets), scale((hash >> 31) as u32, buckets)]
}

/// The slot that the search for a hash begins at.
#[inline(always)]
#[must_use]
pub const fn first_slot(hash: u64) -> usize {
    // Bits that choose neither bucket in tables of usual sizes.
    hash as usize % SLOTS
}

#[inline(always)]
const fn scale(bits: u32, buckets: u32) -> u32 {
    ((bits as u64 * buckets as u64) >> 32) as u32
}
