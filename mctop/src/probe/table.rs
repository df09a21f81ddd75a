//! The table of one epoch: buckets of slots, found by a key's hash, with buckets in front for operations without a slot.

use std::mem::offset_of;
use std::os::fd::AsFd;

use aya::maps::MapData;
use aya_obj::generated::bpf_map_type::BPF_MAP_TYPE_ARRAY;
use aya_obj::generated::{BPF_F_INNER_MAP, BPF_F_MMAPABLE};
use mctop_common::records::{RareStats, Stats};
use mctop_common::table::{SLOTS, StatsBucket, UNTRACKED_BUCKETS};

use super::mapped::Mapped;
use super::privilege;

/// One epoch's table.
#[derive(Debug)]
pub struct Table {
    map: MapData,
    buckets: Mapped<StatsBucket>,
}

/// What was counted under one hash, or under none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// The key's hash.
    Key(u64),
    /// Operations that found no slot, or whose key could not be read.
    Untracked,
}

impl Table {
    /// An empty table with `buckets` buckets for keys.
    ///
    /// # Errors
    /// A [`crate::error::Failure`] that names the missing privilege, or what the kernel said.
    pub fn new(buckets: u32) -> anyhow::Result<Self> {
        let elements = UNTRACKED_BUCKETS + buckets;
        let definition = aya_obj::Map::new_from_params(
            BPF_MAP_TYPE_ARRAY as u32,
            size_of::<u32>() as u32,
            size_of::<StatsBucket>() as u32,
            elements,
            BPF_F_MMAPABLE | BPF_F_INNER_MAP,
        );
        let map = MapData::create(definition, "mctop_keys", None)
            .map_err(|error| privilege::explain(error.into(), "create a BPF map of keys"))?;
        let buckets = Mapped::new(map.fd().as_fd(), elements)
            .map_err(|error| privilege::explain(error.into(), "map a BPF map of keys into memory"))?;
        Ok(Self { map, buckets })
    }

    /// The map, to be put into the epoch's slot.
    #[must_use]
    pub fn map(&self) -> &MapData {
        &self.map
    }

    /// Hands everything that was counted to `each` and leaves the table empty. It must be at rest.
    pub fn drain(&mut self, mut each: impl FnMut(Counted, &Stats, &RareStats)) {
        for element in 0..self.buckets.elements() {
            for slot in 0..SLOTS {
                let counted = if element < UNTRACKED_BUCKETS as usize {
                    Counted::Untracked
                } else {
                    match self.buckets.load(element, stats_at(slot) + offset_of!(Stats, hash)) {
                        0 => continue,
                        hash => Counted::Key(hash),
                    }
                };
                let stats: Stats = self.buckets.load(element, stats_at(slot));
                let rare: RareStats = self.buckets.load(element, rare_at(slot));
                if (stats, rare) == Default::default() {
                    continue;
                }
                each(counted, &stats, &rare);
                self.buckets.store(element, stats_at(slot), Stats::default());
                if rare != RareStats::default() {
                    self.buckets.store(element, rare_at(slot), RareStats::default());
                }
            }
        }
    }
}

const fn stats_at(slot: usize) -> usize {
    offset_of!(StatsBucket, stats) + slot * size_of::<Stats>()
}

const fn rare_at(slot: usize) -> usize {
    offset_of!(StatsBucket, rare) + slot * size_of::<RareStats>()
}
