//! How the memory for kernel maps is shared out.

use mctop_common::table::{NameBucket, SLOTS, StatsBucket, UNTRACKED_BUCKETS};

/// Default memory for the kernel's maps, in bytes.
pub const DEFAULT: u64 = 64 << 20;

/// Least memory, in bytes: some thousand keys.
pub const LEAST: u64 = 1 << 20;

/// Most memory, in bytes: the kernel makes no array larger than 4 GiB, and the names take two thirds of all.
pub const MOST: u64 = 4 << 30;

/// One bucket for keys takes its place in the tables of two epochs and in the names.
const BUCKET: u64 = (2 * size_of::<StatsBucket>() + size_of::<NameBucket>()) as u64;

/// The buckets that are there without keys, in the tables of two epochs.
const FIXED: u64 = 2 * UNTRACKED_BUCKETS as u64 * size_of::<StatsBucket>() as u64;

/// How many buckets of keys fit into `bytes`; one at least.
#[must_use]
pub fn buckets(bytes: u64) -> u32 {
    u32::try_from(bytes.saturating_sub(FIXED) / BUCKET).unwrap_or(u32::MAX).max(1)
}

/// How many keys an interval has room for, in a number of buckets.
#[must_use]
pub const fn keys(buckets: u32) -> u64 {
    buckets as u64 * SLOTS as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_fit_into_their_memory() {
        for bytes in [LEAST, DEFAULT, MOST] {
            let taken = FIXED + u64::from(buckets(bytes)) * BUCKET;
            assert!(taken <= bytes && taken + BUCKET > bytes, "{bytes}");
        }
        assert!(u64::from(buckets(MOST)) * (size_of::<NameBucket>() as u64) < 4 << 30);
        assert_eq!(keys(buckets(DEFAULT)), 155_152);
    }
}
