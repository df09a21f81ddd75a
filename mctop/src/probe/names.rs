//! Which key a hash stands for: the kernel side's table of names, read where it is.
//!
//! The kernel side writes a key's bytes once, when its hash is new in an epoch and not in the table. User space keeps no
//! names beside it, and gives up the slots of keys that are no longer seen before the table is full.
//!
//! A key whose name is given up may have been counted in the epoch under way already, and its name will not be written
//! again in it. So a name leaves in two steps: first its hash is disguised, so that the kernel side would write it anew
//! but user space still finds it. If the hash was not counted until then, its slot is free; else an epoch later, or it is a
//! name as before if its key was seen.
//!
//! A flood of new keys fills the table all the same, and whichever key is new in an epoch while it is full has no name until
//! the next one begins: the hottest keys are new in its first moment. So a slot of each bucket is kept back during an epoch,
//! and given to the kernel side right before the next one begins, for the keys that come first; not in a bucket where they
//! find others.

use std::mem::offset_of;
use std::sync::atomic::{Ordering, fence};

use mctop_common::hash::KEY_BIT;
use mctop_common::limits::KEY_MAX;
use mctop_common::records::Name;
use mctop_common::table::{NameHashes, NameKeys, SLOTS, buckets_of, claim, holds};

use super::mapped::Mapped;
use super::table::{UNINTERRUPTED, slots};
use crate::model::key::Key;
use crate::yielder::Yielder;

/// Stands in a slot that is kept back: no key has this hash, nor this disguise but for one in 2⁶³.
const NOBODY: u64 = 1;

const _: () = assert!(NOBODY & KEY_BIT == 0);

/// Free slots of a bucket that are too few for the first keys of an epoch.
const FEW: usize = 3;

/// Buckets whose hashes are read in one go: each is in a cache line of its own, and waiting for many at once takes little longer
/// than waiting for one.
const AHEAD: usize = 16;

/// The kernel side's table of names: as many buckets in both.
#[derive(Debug)]
pub(crate) struct Tables {
    /// Whose names there are.
    pub hashes: Mapped<NameHashes>,
    /// The names.
    pub keys: Mapped<NameKeys>,
}

/// The kernel side's table of names, and what is known of each slot.
#[derive(Debug)]
pub(super) struct Names {
    table: Tables,
    notes: Vec<Note>,
    /// The slot of each bucket that is kept back, or [`NONE_KEPT`]. One is enough: the first keys find one of three.
    kept_back: Vec<u8>,
    /// The hashes of some buckets as they were a moment ago, and the first of these buckets.
    ahead: ([NameHashes; AHEAD], usize),
    /// Names that were seen in the epoch being drained.
    seen: usize,
    /// Slots with names.
    taken: usize,
}

const NONE_KEPT: u8 = u8::MAX;

/// What is known of the name in a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Note {
    /// Number of the last epoch it was counted in, or of the one that was being drained when it was noticed; 0 before.
    seen: u32,
    /// Operations in that epoch.
    calls: u32,
    /// Index of the server; [`UNREAD`] when the name has not been read.
    target: u32,
}

const UNREAD: u32 = u32::MAX;

impl Note {
    const NEW: Self = Self { seen: 0, calls: 0, target: UNREAD };
}

/// Bytes of user space's own memory for a slot of the table.
pub(super) const BYTES: usize = size_of::<Note>() + 1;

/// Where a key's name is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    bucket: usize,
    slot: usize,
}

impl Names {
    /// Takes over the kernel side's table of names, and keeps some of it back.
    #[must_use]
    pub(super) fn new(table: Tables) -> Self {
        let buckets = table.hashes.elements();
        let mut names = Self {
            table,
            notes: vec![Note::NEW; buckets * SLOTS],
            kept_back: vec![NONE_KEPT; buckets],
            ahead: ([[0; SLOTS]; AHEAD], usize::MAX),
            seen: 0,
            taken: 0,
        };
        names.collect(0, &mut Yielder::never(), |_| false);
        names
    }

    /// Gives the kernel side what was kept back, where hardly anything else is free; right before an epoch begins.
    pub(super) fn give_back(&mut self) {
        for (bucket, kept) in self.kept_back.iter_mut().enumerate() {
            let slot = usize::from(*kept);
            let hashes: NameHashes = self.table.hashes.load(bucket, hash_at(0));
            if slot < SLOTS && count(&hashes, |hash| hash == 0) <= FEW {
                self.table.hashes.store(bucket, hash_at(slot), 0u64);
                *kept = NONE_KEPT;
            }
        }
    }

    /// Reads the hashes of a bucket and of some behind it, for those that are asked for next.
    pub(super) fn look_ahead(&mut self, bucket: usize) {
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

    /// The name of a hash that had so many operations in `epoch`, and the index of its server; `None` when its name could
    /// not be stored.
    pub(super) fn see(&mut self, hash: u64, calls: u64, epoch: u32) -> Option<(Place, u32)> {
        let place = self.find(hash)?;
        let beginning = || self.table.keys.load::<u64>(place.bucket, name_at(place.slot));
        let note = self.notes.get_mut(place.bucket * SLOTS + place.slot)?;
        if note.target == UNREAD {
            let beginning = beginning();
            if beginning == 0 {
                // Another program has claimed it in the epoch under way, and is writing it.
                return None;
            }
            note.target = beginning as u32;
            self.taken += usize::from(note.seen == 0);
        }
        self.seen += usize::from(note.seen != epoch);
        note.seen = epoch;
        note.calls = u32::try_from(calls).unwrap_or(u32::MAX);
        Some((place, note.target))
    }

    /// The key of a hash that was seen, and the index of its server.
    #[must_use]
    pub(super) fn name(&self, hash: u64) -> Option<(u32, Key)> {
        self.find(hash).map(|place| self.read(place))
    }

    /// The name that was seen at a place, and the index of its server.
    #[must_use]
    pub(super) fn read(&self, place: Place) -> (u32, Key) {
        let Place { bucket, slot } = place;
        let beginning: u64 = self.table.keys.load(bucket, name_at(slot));
        fence(Ordering::Acquire);
        let len = ((beginning >> 32) as usize).min(KEY_MAX);
        let mut bytes = [0; KEY_MAX.next_multiple_of(8)];
        for (index, to) in bytes.as_chunks_mut().0.iter_mut().enumerate().take(len.div_ceil(8)) {
            *to = self.table.keys.load::<u64>(bucket, name_at(slot) + words_at(index)).to_ne_bytes();
        }
        (beginning as u32, Key::new(bytes.get(..len).unwrap_or_default()))
    }

    /// Makes room in the table once `epoch` was drained, and keeps some of it back.
    ///
    /// Before there is no room for half of it anew, names not seen in that epoch leave. When those that were seen are too many
    /// still, those with the fewest operations leave. In a bucket that is full one leaves in any case, so that there is
    /// something to keep back. `is_counted`: whether a hash has been counted in the epoch under way.
    pub(super) fn collect(&mut self, epoch: u32, yielder: &mut Yielder, is_counted: impl Fn(u64) -> bool) {
        let slots = self.notes.len();
        let is_filling = self.taken > slots * 3 / 8;
        let is_crowded = self.seen > slots * 5 / 8;
        let stay = if is_crowded { SLOTS * 5 / 8 } else { SLOTS };
        self.taken = 0;
        for first in (0..self.table.hashes.elements()).step_by(AHEAD) {
            if first % UNINTERRUPTED == 0 {
                yielder.yield_if_due();
            }
            self.read_ahead(first);
            for (bucket, hashes) in (first..self.table.hashes.elements()).zip(self.ahead.0) {
                let is_tidy = self.keep_back(bucket, &hashes) && !is_filling && !is_crowded;
                self.taken += match is_tidy {
                    true => count(&hashes, |hash| hash & KEY_BIT != 0),
                    false => self.tidy(bucket, hashes, epoch, is_filling, stay, &is_counted),
                };
            }
        }
        self.ahead.1 = usize::MAX;
        self.seen = 0;
    }

    /// Keeps a free slot of a bucket back; whether that is all there is to do while there is room for names: none is leaving.
    fn keep_back(&mut self, bucket: usize, hashes: &NameHashes) -> bool {
        let Some(kept) = self.kept_back.get_mut(bucket) else { return true };
        if *kept == NONE_KEPT {
            // The first that the kernel side does not take meanwhile.
            let free = slots(hashes, |hash| hash == 0)
                .find(|slot| self.table.hashes.replace(bucket, hash_at(*slot), 0, NOBODY));
            *kept = free.map_or(NONE_KEPT, |slot| slot as u8);
        }
        // In disguise.
        *kept != NONE_KEPT && count(hashes, |hash| hash > NOBODY && hash & KEY_BIT == 0) == 0
    }

    /// Makes room in a bucket: `stay` names at most stay. Returns how many slots have names.
    fn tidy(
        &mut self,
        bucket: usize,
        hashes: NameHashes,
        epoch: u32,
        is_filling: bool,
        stay: usize,
        is_counted: &impl Fn(u64) -> bool,
    ) -> usize {
        let Self { table, notes, kept_back, .. } = self;
        let Some(kept) = kept_back.get_mut(bucket) else { return 0 };
        let Some(notes) = notes.get_mut(bucket * SLOTS..).and_then(|notes| notes.first_chunk_mut::<SLOTS>()) else {
            return 0;
        };
        let mut stays = [false; SLOTS];
        let mut leaving = 0;
        for (slot, (hash, note)) in hashes.into_iter().zip(notes.iter_mut()).enumerate() {
            let is_seen = note.seen == epoch;
            if hash == 0 || usize::from(*kept) == slot {
                // Free, or kept back already.
            } else if hash & KEY_BIT == 0 && is_seen {
                table.hashes.store(bucket, hash_at(slot), hash | KEY_BIT);
                stays[slot] = true;
            } else if hash & KEY_BIT == 0 {
                release(table, (bucket, slot), note, kept);
            } else if note.seen == 0 {
                // Written in the epoch under way.
                *note = Note { seen: epoch, calls: u32::MAX, ..*note };
                stays[slot] = true;
            } else if !is_filling || is_seen {
                stays[slot] = true;
            } else if !leave(table, (bucket, slot), hash, note, kept, is_counted) {
                leaving += 1;
            }
        }
        let mut staying = stays.iter().filter(|stays| **stays).count();
        while staying > stay || (staying > stay.min(SLOTS / 2) && *kept == NONE_KEPT) {
            let least = (0..SLOTS).filter(|slot| stays[*slot]).min_by_key(|slot| notes[*slot].calls);
            let Some(slot) = least else { break };
            stays[slot] = false;
            staying -= 1;
            if !leave(table, (bucket, slot), hashes[slot] | KEY_BIT, &mut notes[slot], kept, is_counted) {
                leaving += 1;
            }
        }
        staying + leaving
    }

    /// What the kernel side does when a hash is new in an epoch: whether it has a name then. For measurements and tests.
    pub(super) fn put(table: &mut Tables, hash: u64, name: &Name) -> bool {
        let Tables { hashes, keys } = table;
        let buckets =
            buckets_of(hash, u32::try_from(hashes.elements()).unwrap_or(u32::MAX)).map(|bucket| bucket as usize);
        let bucket_at = |bucket: usize| hashes.bucket(bucket, hash_at(0), size_of::<u64>());
        if buckets.into_iter().any(|bucket| holds(bucket_at(bucket), hash)) {
            return true;
        }
        let claimed = buckets.into_iter().find_map(|bucket| Some((bucket, claim(bucket_at(bucket), hash)?)));
        if let Some((bucket, (slot, true))) = claimed {
            keys.store(bucket, name_at(slot), *name);
        }
        claimed.is_some()
    }

    /// Where the name of a hash is, in disguise or not.
    fn find(&self, hash: u64) -> Option<Place> {
        let buckets = buckets_of(hash, u32::try_from(self.table.hashes.elements()).unwrap_or(u32::MAX));
        let search = |hash: u64| {
            buckets.into_iter().find_map(|bucket| {
                let bucket = bucket as usize;
                slots(&self.hashes(bucket), |there| there == hash).next().map(|slot| Place { bucket, slot })
            })
        };
        search(hash).or_else(|| search(hash ^ KEY_BIT))
    }

    /// The hashes in a bucket, as they are or were a moment ago.
    fn hashes(&self, bucket: usize) -> NameHashes {
        let (ahead, first) = &self.ahead;
        let known = bucket.checked_sub(*first).and_then(|index| ahead.get(index));
        known.copied().unwrap_or_else(|| self.table.hashes.load(bucket, hash_at(0)))
    }
}

/// How many of a bucket's hashes are so.
fn count(hashes: &NameHashes, is: impl Fn(u64) -> bool) -> usize {
    hashes.iter().map(|hash| usize::from(is(*hash))).sum()
}

/// Has a name leave; whether its slot is free now.
fn leave(
    table: &mut Tables,
    (bucket, slot): (usize, usize),
    hash: u64,
    note: &mut Note,
    kept: &mut u8,
    is_counted: &impl Fn(u64) -> bool,
) -> bool {
    table.hashes.store(bucket, hash_at(slot), hash ^ KEY_BIT);
    // The kernel side claims a place for its counts before it looks for the name, and this looks for the place after the
    // name is disguised: one of them finds what the other did.
    fence(Ordering::SeqCst);
    let is_free = !is_counted(hash);
    if is_free {
        release(table, (bucket, slot), note, kept);
    }
    is_free
}

/// Frees the slot of a name that is disguised, or keeps it back if it is the first of its bucket.
fn release(table: &mut Tables, (bucket, slot): (usize, usize), note: &mut Note, kept: &mut u8) {
    *note = Note::NEW;
    table.keys.store(bucket, name_at(slot), 0u64);
    fence(Ordering::Release);
    if *kept == NONE_KEPT {
        *kept = slot as u8;
        table.hashes.store(bucket, hash_at(slot), NOBODY);
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

/// Where a word of a key is in its name.
const fn words_at(index: usize) -> usize {
    offset_of!(Name, words) + index * size_of::<u64>()
}

#[cfg(test)]
mod tests;
