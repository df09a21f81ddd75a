//! The table of one epoch: buckets of slots, found by a key's hash, with buckets in front for operations without a slot.

use std::iter;
use std::mem::offset_of;
use std::os::fd::AsFd;

use aya::maps::{Map, MapData};
use aya_obj::generated::bpf_map_type::BPF_MAP_TYPE_ARRAY;
use aya_obj::generated::{BPF_F_INNER_MAP, BPF_F_MMAPABLE};
use mctop_common::records::{ExtraStats, KernelCounts, Stats};
use mctop_common::table::{SLOTS, StatsBucket, UNTRACKED_BUCKETS, buckets_of, claim};

use super::mapped::Mapped;
use super::privilege;
use crate::yielder::Yielder;

/// Buckets whose hashes are read at once: each is in a cache line of its own, and waiting for several cache misses at once takes
/// little longer than waiting for one.
const AHEAD: usize = 4;

/// Buckets drained between two looks at the clock: about ten microseconds of work when they are full, and enough to make the look
/// cheap when they are empty. A multiple of [`AHEAD`].
pub(crate) const UNINTERRUPTED: usize = 16;

/// One epoch's table.
#[derive(Debug)]
pub(crate) struct EpochTable {
    map: MapData,
    buckets: Mapped<StatsBucket>,
}

/// What counts belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counted {
    /// The key of this hash.
    Key(u64),
    /// Operations that found no free slot, or whose key could not be read.
    Untracked,
}

impl EpochTable {
    /// A table of the eBPF object, with `buckets` buckets for keys.
    ///
    /// # Errors
    /// A [`crate::error::Failure`] that names the missing privilege, or what the kernel said.
    pub(crate) fn of(map: Map, buckets: u32) -> anyhow::Result<Self> {
        match map {
            Map::Array(map) => Self::mapped(map, buckets),
            other => anyhow::bail!("a table of keys in the eBPF object is not an array, but {other:?}"),
        }
    }

    /// A table without programs that count into it: for measurements and tests.
    ///
    /// # Errors
    /// As [`Self::of`].
    pub(crate) fn alone(buckets: u32) -> anyhow::Result<Self> {
        let definition = aya_obj::Map::new_from_params(
            BPF_MAP_TYPE_ARRAY as u32,
            size_of::<u32>() as u32,
            size_of::<StatsBucket>() as u32,
            Self::elements(buckets),
            BPF_F_MMAPABLE | BPF_F_INNER_MAP,
        );
        let map = MapData::create(definition, "mctop_keys", None)
            .map_err(|error| privilege::explain(error.into(), "create a BPF map of keys"))?;
        Self::mapped(map, buckets)
    }

    /// Number of elements of the map of a table with `buckets` buckets for keys.
    pub(crate) const fn elements(buckets: u32) -> u32 {
        UNTRACKED_BUCKETS + buckets
    }

    fn mapped(map: MapData, buckets: u32) -> anyhow::Result<Self> {
        let buckets = Mapped::new(map.fd().as_fd(), Self::elements(buckets))
            .map_err(|error| privilege::explain(error.into(), "map a BPF map of keys into memory"))?;
        Ok(Self { map, buckets })
    }

    /// The map, for the epoch's slot.
    pub(crate) fn map(&self) -> &MapData {
        &self.map
    }

    /// Whether a hash has a slot. The kernel side may be writing the table.
    pub(crate) fn holds(&self, hash: u64) -> bool {
        let keys = self.buckets.elements() - UNTRACKED_BUCKETS as usize;
        buckets_of(hash, u32::try_from(keys).unwrap_or(u32::MAX)).into_iter().any(|bucket| {
            let element = (UNTRACKED_BUCKETS + bucket) as usize;
            self.hashes(element).contains(&hash)
        })
    }

    /// Number of slots.
    pub(crate) fn slots(&self) -> usize {
        self.buckets.elements() * SLOTS
    }

    /// Passes everything that was counted to `each`, with its place, and empties the slots for which `each` returns true. No
    /// program may be writing the table.
    pub(crate) fn drain(&mut self, yielder: &mut Yielder, mut each: impl FnMut(Counted, u32, &KernelCounts) -> bool) {
        let mut ahead = [[0; SLOTS]; AHEAD];
        for first in (0..self.buckets.elements()).step_by(AHEAD) {
            if first % UNINTERRUPTED == 0 {
                yielder.yield_if_due();
            }
            for (element, hashes) in (first..self.buckets.elements()).zip(&mut ahead) {
                *hashes = self.hashes(element);
            }
            for (element, hashes) in (first..self.buckets.elements()).zip(&ahead) {
                let is_of_keys = element >= UNTRACKED_BUCKETS as usize;
                for slot in slots(hashes, |hash| !is_of_keys || hash != 0) {
                    let counted = if is_of_keys { Counted::Key(hashes[slot]) } else { Counted::Untracked };
                    let counts = self.load(element, slot);
                    let is_empty = !is_of_keys && counts == KernelCounts::default();
                    if !is_empty && each(counted, (element * SLOTS + slot) as u32, &counts) {
                        self.empty(element, slot, &counts.extra);
                    }
                }
            }
        }
    }

    /// The hashes of a bucket.
    fn hashes(&self, element: usize) -> [u64; SLOTS] {
        std::array::from_fn(|slot| self.buckets.load(element, stats_at(slot) + offset_of!(Stats, hash)))
    }

    /// Claims a slot as the kernel side does for a hash that is new in an epoch; returns whether there was one. For measurements
    /// and tests.
    pub(crate) fn put(&mut self, stats: &Stats) -> bool {
        let keys = self.buckets.elements() - UNTRACKED_BUCKETS as usize;
        let buckets = buckets_of(stats.hash, u32::try_from(keys).unwrap_or(u32::MAX));
        let claimed = buckets.into_iter().find_map(|bucket| {
            let element = (UNTRACKED_BUCKETS + bucket) as usize;
            let hashes = self.buckets.bucket(element, stats_at(0) + offset_of!(Stats, hash), size_of::<Stats>());
            claim(hashes, stats.hash).map(|(slot, _)| (element, slot))
        });
        if let Some((element, slot)) = claimed {
            self.buckets.store(element, stats_at(slot), *stats);
        }
        claimed.is_some()
    }

    /// What was counted at a place.
    pub(crate) fn at(&self, place: u32) -> Option<KernelCounts> {
        let (element, slot) = (place as usize / SLOTS, place as usize % SLOTS);
        (element < self.buckets.elements()).then(|| self.load(element, slot))
    }

    /// Empties the slot at a place.
    pub(crate) fn clear(&mut self, place: u32) {
        if let Some(counts) = self.at(place) {
            self.empty(place as usize / SLOTS, place as usize % SLOTS, &counts.extra);
        }
    }

    fn load(&self, element: usize, slot: usize) -> KernelCounts {
        KernelCounts {
            stats: self.buckets.load(element, stats_at(slot)),
            extra: self.buckets.load(element, extra_at(slot)),
        }
    }

    fn empty(&mut self, element: usize, slot: usize, extra: &ExtraStats) {
        self.buckets.store(element, stats_at(slot), Stats::default());
        if *extra != ExtraStats::default() {
            self.buckets.store(element, extra_at(slot), ExtraStats::default());
        }
    }
}

/// The slots of a bucket whose hash satisfies `is`. All are tested before the first is returned: a branch for each slot would be
/// mispredicted at every third slot, which takes longer.
#[inline]
pub(crate) fn slots(hashes: &[u64; SLOTS], is: impl Fn(u64) -> bool) -> impl Iterator<Item = usize> {
    let mut found = 0_u8;
    for (slot, hash) in hashes.iter().enumerate() {
        found |= u8::from(is(*hash)) << slot;
    }
    iter::from_fn(move || {
        let slot = (found != 0).then_some(found.trailing_zeros() as usize)?;
        found &= found - 1;
        Some(slot)
    })
}

/// The bucket of keys that a place is in; the name of its hash may be in the names' bucket of the same number.
pub(crate) const fn bucket_of(place: u32) -> usize {
    (place as usize / SLOTS).saturating_sub(UNTRACKED_BUCKETS as usize)
}

const fn stats_at(slot: usize) -> usize {
    offset_of!(StatsBucket, stats) + slot * size_of::<Stats>()
}

const fn extra_at(slot: usize) -> usize {
    offset_of!(StatsBucket, extra) + slot * size_of::<ExtraStats>()
}
