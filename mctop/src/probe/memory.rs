//! How the memory for kernel maps is shared out.

use mctop_common::focus::{Client, Waiting};
use mctop_common::limits::{SITES_MAX, THREADS_MAX};
use mctop_common::records::{Command, Evidence, Pending, Site};
use mctop_common::table::{NameHashes, NameKeys, SLOTS, StatsBucket, UNTRACKED_BUCKETS};

use super::names;
use crate::model::fold::NAME_TABLE_DIVISOR;

/// Default memory for the kernel's maps, in bytes.
pub(crate) const DEFAULT: u64 = 64 << 20;

/// Least memory, in bytes: some hundred keys.
pub(crate) const LEAST: u64 = 1 << 20;

/// Most memory, in bytes: the kernel makes no array larger than 4 GiB, and the names take two thirds of all.
pub(crate) const MOST: u64 = 4 << 30;

/// One bucket for keys takes its place in the tables of two epochs and in the names.
const BUCKET: u64 = (2 * size_of::<StatsBucket>() + size_of::<NameHashes>() + size_of::<NameKeys>()) as u64;

// User space's notes on the names are within what it sets apart for them.
const _: () = assert!((names::BYTES * SLOTS * NAME_TABLE_DIVISOR) as u64 <= BUCKET);

/// The buckets that are there without keys, in the tables of two epochs.
const FIXED: u64 = 2 * UNTRACKED_BUCKETS as u64 * size_of::<StatsBucket>() as u64;

/// What is known of a probe site, and what was seen there.
const SITE: u64 = (size_of::<Site>() + size_of::<Evidence>()) as u64;

/// The share of memory that probe sites may have when they are many: a quarter.
const SITES_SHARE: u64 = 4;

/// Most probe sites that there is ever room for.
const SITES_LIMIT: u64 = 4096;

/// What the maps take whose size is always the same, what each map takes besides its entries, and the least that those of
/// probe sites take; on kernel 6.1 it is 75 kB.
const SMALL: u64 = 96 << 10;

/// The kernel's own part of an entry of a hash map: `struct htab_elem`, and a bucket (kernel/bpf/hashtab.c).
const ENTRY: u64 = 48 + 16;

/// Threads' commands, threads' lookups, and clients of a key that is looked at closely: as many entries in each.
const THREAD: u64 = 3 * (ENTRY + 8) + (size_of::<Command>() + size_of::<Pending>() + size_of::<Client>()) as u64;

/// Threads that wait for the next request in sight of the key that is looked at: one for sixteen of the others.
const WAITER: u64 = ENTRY + 8 + size_of::<Waiting>() as u64;

/// The share of memory that threads have, unless they need less: a twelfth.
const THREADS_SHARE: u64 = 12;

/// How large the maps are whose size depends on the memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sizes {
    /// Buckets of keys, in the tables of both epochs and in the names.
    pub buckets: u32,
    /// Entries of the maps by thread, and of that of clients.
    pub threads: u32,
    /// Entries of the map of threads that wait.
    pub waiters: u32,
    /// Probe sites.
    pub sites: u32,
}

impl Sizes {
    /// Of maps that take `bytes` in all.
    #[must_use]
    pub(crate) fn of(bytes: u64) -> Self {
        Self::with_sites(bytes, SITES_MAX)
    }

    /// As [`Self::of`], with room for so many probe sites: at least as many as the maps have that are always there.
    #[must_use]
    pub(crate) fn with_sites(bytes: u64, sites: u32) -> Self {
        let sites = sites.max(SITES_MAX);
        let threads = (bytes / THREADS_SHARE / (THREAD + WAITER / 16)).clamp(64, THREADS_MAX.into());
        let more_sites = u64::from(sites - SITES_MAX) * SITE;
        let rest = bytes.saturating_sub(FIXED + SMALL + more_sites + threads * THREAD + threads / 16 * WAITER);
        Self {
            buckets: u32::try_from(rest / BUCKET).unwrap_or(u32::MAX).max(1),
            threads: threads as u32,
            waiters: threads as u32 / 16,
            sites,
        }
    }
}

/// Most probe sites that maps of `bytes` in all have room for.
#[must_use]
pub(crate) fn most_sites(bytes: u64) -> u32 {
    (bytes / SITES_SHARE / SITE).clamp(SITES_MAX.into(), SITES_LIMIT) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_fit_into_their_memory() {
        for bytes in [LEAST, DEFAULT, MOST] {
            for wanted in [1, most_sites(bytes)] {
                let Sizes { buckets, threads, waiters, sites } = Sizes::with_sites(bytes, wanted);
                assert!(sites >= wanted && sites >= SITES_MAX);
                let others = FIXED + SMALL + u64::from(threads) * THREAD + u64::from(waiters) * WAITER;
                let taken = others + u64::from(buckets) * BUCKET + u64::from(sites - SITES_MAX) * SITE;
                assert!(taken <= bytes && taken + BUCKET > bytes, "{bytes}");
            }
        }
        assert!(u64::from(Sizes::of(MOST).buckets) * (size_of::<NameKeys>() as u64) < 4 << 30);
        assert_eq!((Sizes::of(DEFAULT).threads, Sizes::of(DEFAULT).waiters), (THREADS_MAX, 1024));
        assert!((130_000..150_000).contains(&(Sizes::of(DEFAULT).buckets * SLOTS as u32)), "keys");
    }
}
