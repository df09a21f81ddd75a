//! The names of hashes: the keys in the names table, which the eBPF programs fill and user space reads in place.
//!
//! A program writes a key's bytes once, when its hash is new in an epoch and not in the table. User space has no copy of the names. It
//! frees the slots of keys that are no longer counted before the table is full.
//!
//! A key whose name is removed may already have been counted in the current epoch, and then its name is not written again in that
//! epoch. So names are removed in two steps. First the hash is replaced by a tombstone, which hides the name from the programs, but
//! user space still finds it. If the hash has not been counted in the current epoch, the slot is freed at once. Otherwise it is freed an
//! epoch later, or restored if the key was counted.
//!
//! A flood of keys can fill the table nevertheless. A key that is first counted while the table is full has no name for the rest of the
//! epoch. The hottest keys are counted first in an epoch, so one slot of each bucket is reserved during an epoch and released right
//! before the next one starts, unless the bucket has enough free slots anyway.

use std::mem::offset_of;
use std::sync::atomic::{Ordering, fence};

use mctop_common::hash::KEY_BIT;
use mctop_common::limits::KEY_MAX;
use mctop_common::records::Name;
use mctop_common::table::{CHOICES, HashBucket, HashCell, NameHashes, NameKeys, SLOTS, buckets_of, claim, holds};

use super::mapped::{Mapped, MappedBucket};
use super::table::{UNINTERRUPTED, slots};
use crate::model::key::Key;
use crate::yielder::Yielder;

/// The hash in a reserved slot. No key has this hash, and only one hash in 2⁶³ has this tombstone.
const RESERVED: u64 = 1;

const _: () = assert!(RESERVED & KEY_BIT == 0);

/// The reserved slot of a bucket is released if the bucket has at most this many free slots.
const FEW_FREE: usize = 3;

/// Number of buckets whose hashes are read at a time. Each is in a cache line of its own, and many cache misses at the same time take
/// little longer than one.
const AHEAD: usize = 16;

/// The names table: two maps with the same number of buckets.
#[derive(Debug)]
pub(crate) struct NameTables {
    /// The hashes of the keys.
    pub hashes: Mapped<NameHashes>,
    /// The keys.
    pub keys: Mapped<NameKeys>,
}

impl NameTables {
    /// The hashes of a bucket.
    const fn bucket(&self, bucket: usize) -> MappedBucket<'_, NameHashes> {
        self.hashes.bucket(bucket, hash_at(0), size_of::<u64>())
    }

    /// The buckets that a hash may be in.
    fn buckets_of(&self, hash: u64) -> [usize; CHOICES] {
        buckets_of(hash, u32::try_from(self.hashes.elements()).unwrap_or(u32::MAX)).map(|bucket| bucket as usize)
    }
}

/// The names table, and the last use of each name.
#[derive(Debug)]
pub(super) struct KeyNames {
    table: NameTables,
    uses: Vec<LastUse>,
    /// The reserved slot of each bucket, or [`NONE_RESERVED`]. One is enough, because the first keys of an epoch have three buckets to
    /// choose from.
    reserved: Vec<u8>,
    /// Recently read hashes of some buckets, and the first of these buckets.
    ahead: ([NameHashes; AHEAD], usize),
    /// Number of names that were used in the epoch that is being drained.
    used: usize,
    /// Number of slots with names.
    taken: usize,
}

const NONE_RESERVED: u8 = u8::MAX;

/// The last use of the name in a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct LastUse {
    /// Number of the last epoch in which its key was counted, or of the one being drained when the name was first noticed; 0 before.
    epoch: u32,
    /// Operations in that epoch.
    calls: u32,
    /// Index of the server; [`UNREAD`] if the name has not been read.
    target: u32,
}

const UNREAD: u32 = u32::MAX;

impl LastUse {
    const NEVER: Self = Self { epoch: 0, calls: 0, target: UNREAD };
}

/// User space's memory for a slot of the table, in bytes.
pub(super) const BYTES: usize = size_of::<LastUse>() + 1;

/// The position of a name in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NameSlot {
    bucket: usize,
    slot: usize,
}

impl KeyNames {
    /// Takes over a names table, and reserves slots in it.
    pub(super) fn new(table: NameTables) -> Self {
        let buckets = table.hashes.elements();
        let mut names = Self {
            table,
            uses: vec![LastUse::NEVER; buckets * SLOTS],
            reserved: vec![NONE_RESERVED; buckets],
            ahead: ([[0; SLOTS]; AHEAD], usize::MAX),
            used: 0,
            taken: 0,
        };
        names.make_room(0, &mut Yielder::never(), |_| false);
        names
    }

    /// Releases the reserved slots of buckets that are nearly full. Called right before an epoch starts.
    pub(super) fn release_reserved(&mut self) {
        for (bucket, reserved) in self.reserved.iter_mut().enumerate() {
            let slot = usize::from(*reserved);
            let hashes: NameHashes = self.table.hashes.load(bucket, hash_at(0));
            if slot < SLOTS && count(&hashes, |hash| hash == 0) <= FEW_FREE {
                self.table.hashes.store(bucket, hash_at(slot), 0u64);
                *reserved = NONE_RESERVED;
            }
        }
    }

    /// Reads the hashes of a bucket and of the next ones before they are needed.
    pub(super) fn prefetch(&mut self, bucket: usize) {
        let first = bucket / AHEAD * AHEAD;
        if self.ahead.1 != first {
            self.read_ahead(first);
        }
    }

    fn read_ahead(&mut self, first: usize) {
        for (bucket, hashes) in (first..self.table.hashes.elements()).zip(&mut self.ahead.0) {
            *hashes = self.table.hashes.load(bucket, hash_at(0));
        }
        self.ahead.1 = first;
    }

    /// The name of a hash with this number of operations in `epoch`, and the index of its server. `None` if there was no room for the
    /// name.
    pub(super) fn use_name(&mut self, hash: u64, calls: u64, epoch: u32) -> Option<(NameSlot, u32)> {
        let name = self.find(hash)?;
        let last = self.uses.get_mut(name.bucket * SLOTS + name.slot)?;
        if last.target == UNREAD {
            let head: u64 = self.table.keys.load(name.bucket, name_at(name.slot));
            if head == 0 {
                // A program has claimed the slot in the current epoch and is writing the name.
                return None;
            }
            last.target = head as u32;
            self.taken += usize::from(last.epoch == 0);
        }
        self.used += usize::from(last.epoch != epoch);
        last.epoch = epoch;
        last.calls = u32::try_from(calls).unwrap_or(u32::MAX);
        Some((name, last.target))
    }

    /// The index of the server and the key of a hash in use.
    pub(super) fn name(&self, hash: u64) -> Option<(u32, Key)> {
        self.find(hash).map(|name| self.read(name))
    }

    /// The index of the server and the key of a name in use.
    pub(super) fn read(&self, NameSlot { bucket, slot }: NameSlot) -> (u32, Key) {
        let head: u64 = self.table.keys.load(bucket, name_at(slot));
        fence(Ordering::Acquire);
        let len = ((head >> 32) as usize).min(KEY_MAX);
        let mut bytes = [0; KEY_MAX.next_multiple_of(8)];
        for (index, to) in bytes.as_chunks_mut().0.iter_mut().enumerate().take(len.div_ceil(8)) {
            *to = self.table.keys.load::<u64>(bucket, name_at(slot) + words_at(index)).to_ne_bytes();
        }
        (head as u32, Key::new(bytes.get(..len).unwrap_or_default()))
    }

    /// Removes names after `epoch` was drained, and reserves slots.
    ///
    /// If more than 3/8 of the slots are taken, names that were not used in that epoch are removed. If more than 5/8 were used, those
    /// with the fewest operations are removed, too. In a full bucket one name is always removed, so that a slot can be reserved.
    /// `is_counted` says whether a hash has been counted in the current epoch.
    pub(super) fn make_room(&mut self, epoch: u32, yielder: &mut Yielder, is_counted: impl Fn(u64) -> bool) {
        let slots = self.uses.len();
        let is_filling = self.taken > slots * 3 / 8;
        let is_crowded = self.used > slots * 5 / 8;
        let keep = if is_crowded { SLOTS * 5 / 8 } else { SLOTS };
        self.taken = 0;
        for first in (0..self.table.hashes.elements()).step_by(AHEAD) {
            if first % UNINTERRUPTED == 0 {
                yielder.yield_if_due();
            }
            self.read_ahead(first);
            for (bucket, hashes) in (first..self.table.hashes.elements()).zip(self.ahead.0) {
                let is_done = self.reserve(bucket, &hashes) && !is_filling && !is_crowded;
                self.taken += match is_done {
                    true => count(&hashes, |hash| hash & KEY_BIT != 0),
                    false => self.make_room_in(bucket, hashes, epoch, is_filling, keep, &is_counted),
                };
            }
        }
        self.ahead.1 = usize::MAX;
        self.used = 0;
    }

    /// Reserves a free slot of a bucket if none is reserved. Returns whether the bucket then has a reserved slot and no tombstones, so
    /// that nothing else needs to be done unless the table is filling up.
    fn reserve(&mut self, bucket: usize, hashes: &NameHashes) -> bool {
        let Some(reserved) = self.reserved.get_mut(bucket) else { return true };
        if *reserved == NONE_RESERVED {
            // The first free slot that no program claims at the same time.
            let bucket = self.table.bucket(bucket);
            let free = slots(hashes, |hash| hash == 0).find(|slot| bucket.cell(*slot).claim(RESERVED) == 0);
            *reserved = free.map_or(NONE_RESERVED, |slot| slot as u8);
        }
        let tombstones = count(hashes, |hash| hash > RESERVED && hash & KEY_BIT == 0);
        *reserved != NONE_RESERVED && tombstones == 0
    }

    /// Removes names from a bucket; at most `keep` of them are kept. Returns the number of slots with names.
    fn make_room_in(
        &mut self,
        bucket: usize,
        hashes: NameHashes,
        epoch: u32,
        is_filling: bool,
        keep: usize,
        is_counted: &impl Fn(u64) -> bool,
    ) -> usize {
        let Self { table, uses, reserved, .. } = self;
        let Some(reserved) = reserved.get_mut(bucket) else { return 0 };
        let Some(uses) = uses.get_mut(bucket * SLOTS..).and_then(|uses| uses.first_chunk_mut::<SLOTS>()) else {
            return 0;
        };
        let mut kept = [false; SLOTS];
        let mut tombstones = 0;
        for (slot, (hash, last)) in hashes.into_iter().zip(uses.iter_mut()).enumerate() {
            let is_used = last.epoch == epoch;
            if hash == 0 || usize::from(*reserved) == slot {
                // Has no name.
            } else if hash & KEY_BIT == 0 && is_used {
                table.hashes.store(bucket, hash_at(slot), hash | KEY_BIT);
                kept[slot] = true;
            } else if hash & KEY_BIT == 0 {
                free(table, (bucket, slot), last, reserved);
            } else if last.epoch == 0 {
                // Written in the current epoch.
                *last = LastUse { epoch, calls: u32::MAX, ..*last };
                kept[slot] = true;
            } else if !is_filling || is_used {
                kept[slot] = true;
            } else if !remove(table, (bucket, slot), hash, last, reserved, is_counted) {
                tombstones += 1;
            }
        }
        let mut names = kept.iter().filter(|kept| **kept).count();
        while names > keep || (names > keep.min(SLOTS / 2) && *reserved == NONE_RESERVED) {
            let least = (0..SLOTS).filter(|slot| kept[*slot]).min_by_key(|slot| uses[*slot].calls);
            let Some(slot) = least else { break };
            kept[slot] = false;
            names -= 1;
            if !remove(table, (bucket, slot), hashes[slot] | KEY_BIT, &mut uses[slot], reserved, is_counted) {
                tombstones += 1;
            }
        }
        names + tombstones
    }

    /// Does what a program does when a hash is new in an epoch. Returns whether the hash then has a name. For benchmarks and tests.
    pub(super) fn put(table: &mut NameTables, hash: u64, name: &Name) -> bool {
        let buckets = table.buckets_of(hash);
        if buckets.into_iter().any(|bucket| holds(table.bucket(bucket), hash)) {
            return true;
        }
        let claimed = buckets.into_iter().find_map(|bucket| Some((bucket, claim(table.bucket(bucket), hash)?)));
        if let Some((bucket, (slot, true))) = claimed {
            table.keys.store(bucket, name_at(slot), *name);
        }
        claimed.is_some()
    }

    /// The slot with a hash or its tombstone.
    fn find(&self, hash: u64) -> Option<NameSlot> {
        let search = |hash: u64| {
            self.table.buckets_of(hash).into_iter().find_map(|bucket| {
                slots(&self.hashes(bucket), |there| there == hash).next().map(|slot| NameSlot { bucket, slot })
            })
        };
        search(hash).or_else(|| search(hash ^ KEY_BIT))
    }

    /// The hashes in a bucket, as they are now or were when they were prefetched.
    fn hashes(&self, bucket: usize) -> NameHashes {
        let (ahead, first) = &self.ahead;
        let known = bucket.checked_sub(*first).and_then(|index| ahead.get(index));
        known.copied().unwrap_or_else(|| self.table.hashes.load(bucket, hash_at(0)))
    }
}

/// Number of hashes in a bucket with a property.
fn count(hashes: &NameHashes, is: impl Fn(u64) -> bool) -> usize {
    hashes.iter().map(|hash| usize::from(is(*hash))).sum()
}

/// Replaces a hash by its tombstone, and frees the slot if possible. Returns whether it was freed.
fn remove(
    table: &mut NameTables,
    (bucket, slot): (usize, usize),
    hash: u64,
    last: &mut LastUse,
    reserved: &mut u8,
    is_counted: &impl Fn(u64) -> bool,
) -> bool {
    table.hashes.store(bucket, hash_at(slot), hash ^ KEY_BIT);
    // A program claims a slot for its counts before it searches for the name, and this searches for that slot after the tombstone was
    // written. So at least one of the two sees what the other has done.
    fence(Ordering::SeqCst);
    let can_be_freed = !is_counted(hash);
    if can_be_freed {
        free(table, (bucket, slot), last, reserved);
    }
    can_be_freed
}

/// Frees a slot with a tombstone, or reserves it if its bucket has no reserved slot.
fn free(table: &mut NameTables, (bucket, slot): (usize, usize), last: &mut LastUse, reserved: &mut u8) {
    *last = LastUse::NEVER;
    table.keys.store(bucket, name_at(slot), 0u64);
    fence(Ordering::Release);
    if *reserved == NONE_RESERVED {
        *reserved = slot as u8;
        table.hashes.store(bucket, hash_at(slot), RESERVED);
    } else {
        table.hashes.store(bucket, hash_at(slot), 0u64);
    }
}

const fn hash_at(slot: usize) -> usize {
    slot * size_of::<u64>()
}

const fn name_at(slot: usize) -> usize {
    slot * size_of::<Name>()
}

/// The offset of a word of the key in its name.
const fn words_at(index: usize) -> usize {
    offset_of!(Name, words) + index * size_of::<u64>()
}

#[cfg(test)]
mod tests;
