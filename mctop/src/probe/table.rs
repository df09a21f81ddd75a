//! The table of one epoch: a preallocated BPF hash map from key hash to counts, with reserved entries for the totals.

use std::io;
use std::os::fd::AsFd;

use anyhow::Context;
use aya::maps::MapData;
use aya_obj::generated::bpf_map_type::BPF_MAP_TYPE_HASH;
use mctop_common::records::{RESERVED_ENTRIES, Stats};

use super::{batch, privilege};

/// One epoch's table.
pub struct Table {
    map: MapData,
}

impl Table {
    /// An empty table for `keys` keys.
    ///
    /// # Errors
    /// A [`crate::error::Failure`] that names the missing privilege, or what the kernel said.
    pub fn new(keys: u32) -> anyhow::Result<Self> {
        let definition = aya_obj::Map::new_from_params(
            BPF_MAP_TYPE_HASH as u32,
            size_of::<u64>() as u32,
            size_of::<Stats>() as u32,
            keys + RESERVED_ENTRIES,
            0,
        );
        let map = MapData::create(definition, "mctop_keys", None)
            .map_err(|error| privilege::explain(error.into(), "create a BPF map of keys"))?;
        let table = Self { map };
        table.reserve().context("cannot prepare a table of keys")?;
        Ok(table)
    }

    /// The map, to be put into the epoch's slot.
    #[must_use]
    pub fn map(&self) -> &MapData {
        &self.map
    }

    /// Hands each entry to `each` and leaves the table empty but for its reserved entries. It must be at rest.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn drain(&self, each: impl FnMut(&u64, &Stats)) -> io::Result<()> {
        batch::drain(self.map.fd().as_fd(), each)?;
        self.reserve()
    }

    fn reserve(&self) -> io::Result<()> {
        let entries: Vec<u64> = (0..u64::from(RESERVED_ENTRIES)).collect();
        batch::update(self.map.fd().as_fd(), &entries, &vec![Stats::default(); entries.len()])
    }
}
