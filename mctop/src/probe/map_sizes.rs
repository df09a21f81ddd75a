//! Divides the memory of `--memory` among the kernel's maps.

use mctop_common::key_detail::{Connection, PendingReplies};
use mctop_common::limits::{SITES_MAX, THREADS_MAX};
use mctop_common::records::{CurrentCommand, CurrentLookup, Evidence, Site};
use mctop_common::table::{NameHashes, NameKeys, SLOTS, StatsBucket, UNTRACKED_BUCKETS};

use super::names;
use crate::model::fold::NAME_TABLE_DIVISOR;

/// Default memory for the kernel's maps, in bytes.
pub(crate) const MEMORY_DEFAULT: u64 = 64 << 20;

/// Minimum memory in bytes: enough for some hundred keys.
pub(crate) const MEMORY_MIN: u64 = 1 << 20;

/// Maximum memory in bytes. The kernel creates no array larger than 4 GiB, and the names take two thirds of the memory.
pub(crate) const MEMORY_MAX: u64 = 4 << 30;

/// Bytes of a bucket, in the tables of both epochs and in the names table.
const BUCKET: u64 = (2 * size_of::<StatsBucket>() + size_of::<NameHashes>() + size_of::<NameKeys>()) as u64;

// User space's own memory for the names does not exceed what the model leaves for it.
const _: () = assert!((names::BYTES * SLOTS * NAME_TABLE_DIVISOR) as u64 <= BUCKET);

/// Bytes of the buckets for untracked operations, in the tables of both epochs.
const FIXED: u64 = 2 * UNTRACKED_BUCKETS as u64 * size_of::<StatsBucket>() as u64;

/// Bytes of a probe site: its description and its evidence.
const SITE: u64 = (size_of::<Site>() + size_of::<Evidence>()) as u64;

/// Probe sites get at most 1/4 of the memory.
const SITES_DIVISOR: u64 = 4;

/// Maximum number of probe sites, whatever the memory.
const SITES_LIMIT: u64 = 4096;

/// Bytes of the maps of constant size, of the maps' own structures, and of the default number of probe sites: 75 kB on kernel 6.1.
const CONSTANT: u64 = 96 << 10;

/// Bytes that the kernel adds to an entry of a hash map: `struct htab_elem` and a bucket (kernel/bpf/hashtab.c).
const ENTRY: u64 = 48 + 16;

/// Bytes per thread of three maps with the same number of entries: commands, lookups, and connections of a key watched in detail.
const THREAD: u64 =
    3 * (ENTRY + 8) + (size_of::<CurrentCommand>() + size_of::<CurrentLookup>() + size_of::<Connection>()) as u64;

/// Bytes of an entry of the map of pending replies, which has one entry for sixteen threads.
const PENDING_REPLY: u64 = ENTRY + 8 + size_of::<PendingReplies>() as u64;

/// Threads get at most 1/12 of the memory.
const THREADS_DIVISOR: u64 = 12;

/// Sizes of the maps that depend on the memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MapSizes {
    /// Buckets for keys, in the tables of both epochs and in the names table.
    pub buckets: u32,
    /// Entries of the maps by thread, and of the map of connections.
    pub threads: u32,
    /// Entries of the map of pending replies.
    pub pending_replies: u32,
    /// Probe sites.
    pub sites: u32,
}

impl MapSizes {
    /// Sizes with which all maps together take `bytes`.
    pub(crate) fn of(bytes: u64) -> Self {
        Self::with_sites(bytes, SITES_MAX)
    }

    /// [`Self::of`] with room for this number of probe sites, but not fewer than the default.
    pub(crate) fn with_sites(bytes: u64, sites: u32) -> Self {
        let sites = sites.max(SITES_MAX);
        let threads = (bytes / THREADS_DIVISOR / (THREAD + PENDING_REPLY / 16)).clamp(64, THREADS_MAX.into());
        let more_sites = u64::from(sites - SITES_MAX) * SITE;
        let rest =
            bytes.saturating_sub(FIXED + CONSTANT + more_sites + threads * THREAD + threads / 16 * PENDING_REPLY);
        Self {
            buckets: u32::try_from(rest / BUCKET).unwrap_or(u32::MAX).max(1),
            threads: threads as u32,
            pending_replies: threads as u32 / 16,
            sites,
        }
    }
}

/// Maximum number of probe sites if all maps together take `bytes`.
pub(crate) fn most_sites(bytes: u64) -> u32 {
    (bytes / SITES_DIVISOR / SITE).clamp(SITES_MAX.into(), SITES_LIMIT) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_maps_use_the_memory_but_not_more() {
        for bytes in [MEMORY_MIN, MEMORY_DEFAULT, MEMORY_MAX] {
            for wanted in [1, most_sites(bytes)] {
                let MapSizes { buckets, threads, pending_replies, sites } = MapSizes::with_sites(bytes, wanted);
                assert!(sites >= wanted && sites >= SITES_MAX);
                let others =
                    FIXED + CONSTANT + u64::from(threads) * THREAD + u64::from(pending_replies) * PENDING_REPLY;
                let taken = others + u64::from(buckets) * BUCKET + u64::from(sites - SITES_MAX) * SITE;
                assert!(taken <= bytes && taken + BUCKET > bytes, "{bytes}");
            }
        }
        assert!(u64::from(MapSizes::of(MEMORY_MAX).buckets) * (size_of::<NameKeys>() as u64) < 4 << 30);
        assert_eq!(
            (MapSizes::of(MEMORY_DEFAULT).threads, MapSizes::of(MEMORY_DEFAULT).pending_replies),
            (THREADS_MAX, 1024)
        );
        let keys = MapSizes::of(MEMORY_DEFAULT).buckets * SLOTS as u32;
        assert!((130_000..150_000).contains(&keys), "{keys} keys");
    }
}
