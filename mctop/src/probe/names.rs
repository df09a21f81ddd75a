//! Which key a hash stands for, kept in bounds on both sides.
//!
//! The kernel side writes a key's bytes once, when its hash is new in an epoch and not in the names table. User space learns
//! names as hashes turn up, and gives up the slots of keys that are no longer seen before the table is full.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::mem::offset_of;

use mctop_common::limits::KEY_MAX;
use mctop_common::records::Name;
use mctop_common::table::{NameBucket, SLOTS, buckets_of};

use super::mapped::Mapped;
use crate::model::key::Key;

/// A key and the server it was seen on.
#[derive(Clone, Debug)]
pub struct Known {
    /// Index of the server.
    pub target: u32,
    /// The key.
    pub key: Key,
    /// Number of the last epoch it was counted in.
    last_seen: u64,
    /// Whether the kernel side's table still holds it.
    in_table: bool,
}

/// The names known in user space, and the kernel side's table of them.
#[derive(Debug)]
pub struct Names {
    table: Mapped<NameBucket>,
    known: HashMap<u64, Known, BuildHasherDefault<AsIs>>,
    in_table: usize,
}

/// Hashes are uniform already, by numbers that strangers do not know.
#[derive(Clone, Copy, Debug, Default)]
struct AsIs(u64);

impl Hasher for AsIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        // The table's buckets are chosen by the lowest bits, its tags by the highest, of which the top one is always set.
        self.0 = hash.rotate_left(1);
    }
}

impl Names {
    /// Takes over the kernel side's table of names.
    #[must_use]
    pub fn new(table: Mapped<NameBucket>) -> Self {
        Self { table, known: HashMap::default(), in_table: 0 }
    }

    /// The key of a hash that was counted in `epoch`; `None` when its name could not be stored.
    pub fn resolve(&mut self, hash: u64, epoch: u64) -> Option<&Known> {
        let entry = match self.known.entry(hash) {
            std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::hash_map::Entry::Vacant(vacant) => {
                let (bucket, slot) = find(&self.table, hash)?;
                let name: Name = self.table.load(bucket, name_at(slot));
                let len = (name.len as usize).min(KEY_MAX);
                let mut bytes = [0; size_of::<[u64; mctop_common::limits::KEY_WORDS]>()];
                for (to, word) in bytes.as_chunks_mut().0.iter_mut().zip(name.words) {
                    *to = word.to_ne_bytes();
                }
                self.in_table += 1;
                let key = Key::new(bytes.get(..len).unwrap_or_default());
                vacant.insert(Known { target: name.target, key, last_seen: epoch, in_table: true })
            }
        };
        entry.last_seen = epoch;
        Some(entry)
    }

    /// Makes room when the kernel side's table is three quarters full: takes out names not seen in `epoch`, the one just
    /// drained.
    ///
    /// A name taken out stays known for one more epoch: the kernel side may have counted its key again after it last
    /// looked, and would not write the name anew.
    pub fn collect(&mut self, epoch: u64) {
        if self.in_table * 4 < self.table.elements() * SLOTS * 3 {
            return;
        }
        let Self { table, known, in_table } = self;
        known.retain(|hash, known| {
            if known.last_seen == epoch {
                // Counted again after it was taken out: the kernel side has written it anew.
                if !known.in_table && find(table, *hash).is_some() {
                    known.in_table = true;
                    *in_table += 1;
                }
                return true;
            }
            if known.in_table {
                if let Some((bucket, slot)) = find(table, *hash) {
                    table.store(bucket, hash_at(slot), 0u64);
                }
                known.in_table = false;
                *in_table -= 1;
                return true;
            }
            known.last_seen + 2 > epoch
        });
    }
}

/// Bucket and slot of a hash.
fn find(table: &Mapped<NameBucket>, hash: u64) -> Option<(usize, usize)> {
    let buckets = u32::try_from(table.elements()).unwrap_or(u32::MAX);
    buckets_of(hash, buckets).into_iter().find_map(|bucket| {
        let bucket = bucket as usize;
        let hashes: [u64; SLOTS] = table.load(bucket, hash_at(0));
        hashes.iter().position(|there| *there == hash).map(|slot| (bucket, slot))
    })
}

const fn hash_at(slot: usize) -> usize {
    offset_of!(NameBucket, hashes) + slot * size_of::<u64>()
}

const fn name_at(slot: usize) -> usize {
    offset_of!(NameBucket, names) + slot * size_of::<Name>()
}
