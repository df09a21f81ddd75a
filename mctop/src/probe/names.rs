//! Which key a hash stands for, kept in bounds on both sides.
//!
//! The kernel side writes a key's bytes once, when its hash is new in an epoch and not in the names table. User space learns
//! names as hashes turn up, and gives up the slots of keys that are no longer seen before the table is full.
//!
//! A flood of new keys fills the table all the same, and whichever key is new in an epoch while it is full has no name until
//! the next one begins: the hottest keys are new in its first moment. So some slots of each bucket are kept back during an
//! epoch, and given to the kernel side right before the next one begins, for the keys that come first.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::mem::offset_of;
use std::sync::atomic::{Ordering, fence};

use mctop_common::hash::KEY_BIT;
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
}

/// Slots of each bucket that are kept back while an epoch lasts. One is enough: the first keys find one of two.
const KEPT_BACK: usize = 1;

/// Stands in a slot that is kept back: no key has this hash.
const NOBODY: u64 = 1;

const _: () = assert!(NOBODY & KEY_BIT == 0);

/// The names known in user space, and the kernel side's table of them.
#[derive(Debug)]
pub struct Names {
    table: Mapped<NameBucket>,
    known: HashMap<u64, Known, BuildHasherDefault<AsIs>>,
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
    /// Takes over the kernel side's table of names, and keeps some of it back.
    #[must_use]
    pub fn new(table: Mapped<NameBucket>) -> Self {
        let mut names = Self { table, known: HashMap::default() };
        names.keep_back();
        names
    }

    /// Gives the kernel side what was kept back; right before an epoch begins.
    pub fn give_back(&mut self) {
        for bucket in 0..self.table.elements() {
            for (slot, hash) in hashes(&self.table, bucket).into_iter().enumerate() {
                if hash == NOBODY {
                    self.table.store(bucket, hash_at(slot), 0u64);
                }
            }
        }
    }

    /// Keeps back what is free in each bucket, up to [`KEPT_BACK`] slots.
    fn keep_back(&mut self) {
        for bucket in 0..self.table.elements() {
            let mut kept = 0;
            for (slot, hash) in hashes(&self.table, bucket).into_iter().enumerate().rev() {
                if kept == KEPT_BACK {
                    break;
                }
                // The kernel side may take it first.
                kept += usize::from(hash == 0 && self.table.replace(bucket, hash_at(slot), 0, NOBODY));
            }
        }
    }

    /// The key of a hash that was counted in `epoch`; `None` when its name could not be stored.
    pub fn resolve(&mut self, hash: u64, epoch: u64) -> Option<&Known> {
        let entry = match self.known.entry(hash) {
            std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::hash_map::Entry::Vacant(vacant) => {
                let (bucket, slot) = find(&self.table, hash)?;
                let beginning: u64 = self.table.load(bucket, name_at(slot));
                if beginning == 0 {
                    // Another program has claimed it in the epoch under way, and is writing it.
                    return None;
                }
                fence(Ordering::Acquire);
                let name: Name = self.table.load(bucket, name_at(slot));
                let len = (name.len as usize).min(KEY_MAX);
                let mut bytes = [0; size_of::<[u64; mctop_common::limits::KEY_WORDS]>()];
                for (to, word) in bytes.as_chunks_mut().0.iter_mut().zip(name.words) {
                    *to = word.to_ne_bytes();
                }
                let key = Key::new(bytes.get(..len).unwrap_or_default());
                vacant.insert(Known { target: name.target, key, last_seen: epoch })
            }
        };
        entry.last_seen = epoch;
        Some(entry)
    }

    /// Makes room in the kernel side's table once `epoch` was drained, and keeps some of it back.
    ///
    /// Before there is no room for half of it anew, names not seen in that epoch are taken out; when that leaves it crowded,
    /// others too until most of it is free. A name taken out stays known while its key is seen, and for one more epoch: the
    /// kernel side may have counted the key again after it last looked, and would not write the name anew.
    pub fn collect(&mut self, epoch: u64) {
        let slots = self.table.elements() * SLOTS;
        let mut taken = self.taken();
        if taken > slots * 3 / 8 || self.known.len() > slots {
            let Self { table, known } = self;
            known.retain(|hash, known| {
                let seen = known.last_seen == epoch;
                let taken_out = !seen && take_out(table, *hash);
                taken = taken.saturating_sub(usize::from(taken_out));
                seen || taken_out
            });
            let crowded = taken > slots * 5 / 8;
            for hash in known.keys() {
                if !crowded || taken <= slots / 4 {
                    break;
                }
                taken = taken.saturating_sub(usize::from(take_out(table, *hash)));
            }
        }
        self.keep_back();
    }

    /// Slots with names.
    fn taken(&self) -> usize {
        let names = |bucket| hashes(&self.table, bucket).into_iter().filter(|hash| hash & KEY_BIT != 0).count();
        (0..self.table.elements()).map(names).sum()
    }
}

/// Gives up a name's slot in the kernel side's table, if it has one.
fn take_out(table: &mut Mapped<NameBucket>, hash: u64) -> bool {
    let place = find(table, hash);
    if let Some((bucket, slot)) = place {
        table.store(bucket, name_at(slot), 0u64);
        fence(Ordering::Release);
        table.store(bucket, hash_at(slot), 0u64);
    }
    place.is_some()
}

/// The hashes in a bucket.
fn hashes(table: &Mapped<NameBucket>, bucket: usize) -> [u64; SLOTS] {
    table.load(bucket, hash_at(0))
}

/// Bucket and slot of a hash.
fn find(table: &Mapped<NameBucket>, hash: u64) -> Option<(usize, usize)> {
    let buckets = u32::try_from(table.elements()).unwrap_or(u32::MAX);
    buckets_of(hash, buckets).into_iter().find_map(|bucket| {
        let bucket = bucket as usize;
        hashes(table, bucket).iter().position(|there| *there == hash).map(|slot| (bucket, slot))
    })
}

const fn hash_at(slot: usize) -> usize {
    offset_of!(NameBucket, hashes) + slot * size_of::<u64>()
}

const fn name_at(slot: usize) -> usize {
    offset_of!(NameBucket, names) + slot * size_of::<Name>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    use mctop_common::limits::KEY_WORDS;
    use rustix::fs::{MemfdFlags, ftruncate, memfd_create};

    const BUCKETS: u32 = 64;

    /// Names in ordinary memory, and the kernel side's view of them.
    fn tables() -> (Names, Mapped<NameBucket>) {
        let memory = memfd_create("names", MemfdFlags::CLOEXEC).unwrap();
        ftruncate(&memory, u64::from(BUCKETS) * size_of::<NameBucket>() as u64).unwrap();
        let map = || Mapped::new(memory.as_fd(), BUCKETS).unwrap();
        (Names::new(map()), map())
    }

    /// Hashes spread as those of keys are (Knuth, The Art of Computer Programming 3, 6.4).
    fn hash(number: u64) -> u64 {
        KEY_BIT | number.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32)
    }

    /// What the kernel side does when a hash is new in an epoch: whether it has a name then.
    fn remember(table: &mut Mapped<NameBucket>, number: u64) -> bool {
        let hash = hash(number);
        if find(table, hash).is_some() {
            return true;
        }
        for bucket in buckets_of(hash, BUCKETS) {
            let bucket = bucket as usize;
            for slot in 0..SLOTS {
                if table.replace(bucket, hash_at(slot), 0, hash) {
                    let mut words = [0; KEY_WORDS];
                    words[0] = number;
                    table.store(bucket, name_at(slot), Name { target: 0, len: 8, words });
                    return true;
                }
            }
        }
        false
    }

    /// An epoch in which these keys are counted, in this order; those that are known at its end.
    fn epoch(names: &mut Names, kernel: &mut Mapped<NameBucket>, epoch: u64, keys: &[u64]) -> Vec<u64> {
        for number in keys {
            remember(kernel, *number);
        }
        names.give_back();
        let known = |number: &&u64| {
            names.resolve(hash(**number), epoch).is_some_and(|known| known.key.bytes() == number.to_ne_bytes())
        };
        let known = keys.iter().filter(known).copied().collect();
        names.collect(epoch);
        known
    }

    #[test]
    fn whoever_comes_first_in_an_epoch_has_a_name_however_many_come() {
        let (mut names, mut kernel) = tables();
        let slots = u64::from(BUCKETS) * SLOTS as u64;
        for round in 0..20 {
            // A newcomer and a thousand others, which nobody has seen before, and one key that is always there.
            let newcomer = 1_000_000 + round;
            let flood = (0..2 * slots).map(|number| round * 2 * slots + number + 1);
            // The reserve is given back before the epoch begins, and used before the one before is drained.
            names.give_back();
            assert!(remember(&mut kernel, newcomer), "{round}");
            let keys: Vec<u64> = [newcomer, 7_777_777].into_iter().chain(flood).collect();
            let known = epoch(&mut names, &mut kernel, round, &keys);
            assert_eq!(known[..2], [newcomer, 7_777_777], "{round}");
            assert!(known.len() as u64 > slots / 2, "{round}: {}", known.len());
            assert!(names.known.len() as u64 <= 2 * slots);
        }
    }

    #[test]
    fn a_name_taken_out_is_known_while_its_key_is_seen() {
        let (mut names, mut kernel) = tables();
        let slots = u64::from(BUCKETS) * SLOTS as u64;
        let stay: Vec<u64> = (1..=slots / 2).collect();
        assert_eq!(epoch(&mut names, &mut kernel, 0, &stay), stay);
        for round in 1..10 {
            let flood = (0..slots).map(|number| round * 10_000 + number);
            let keys: Vec<u64> = stay.iter().copied().chain(flood).collect();
            let known = epoch(&mut names, &mut kernel, round, &keys);
            assert_eq!(known[..stay.len()], stay, "{round}");
        }
    }

    #[test]
    fn names_that_are_no_longer_seen_make_room() {
        let (mut names, mut kernel) = tables();
        let slots = u64::from(BUCKETS) * SLOTS as u64;
        for round in 0..10 {
            let keys: Vec<u64> = (0..slots / 4).map(|number| round * 10_000 + number + 1).collect();
            assert_eq!(epoch(&mut names, &mut kernel, round, &keys), keys, "{round}");
        }
    }

    #[test]
    fn a_name_that_is_being_written_is_not_taken_for_one() {
        let (mut names, mut kernel) = tables();
        let (first, second) = (hash(1), hash(2));
        // Claimed by a program of the next epoch, while the one before is drained.
        assert!(remember(&mut kernel, 1));
        let (bucket, slot) = find(&kernel, first).unwrap();
        let name: Name = kernel.load(bucket, name_at(slot));
        kernel.store(bucket, name_at(slot), 0u64);
        assert!(names.resolve(first, 0).is_none());
        kernel.store(bucket, name_at(slot), name);
        assert_eq!(names.resolve(first, 0).unwrap().key.bytes(), 1u64.to_ne_bytes());
        // What stood in a slot is not taken for the name of the next hash in it.
        assert!(take_out(&mut names.table, first));
        assert!(kernel.replace(bucket, hash_at(slot), 0, second));
        assert_eq!(kernel.load::<u64>(bucket, name_at(slot)), 0);
    }

    #[test]
    fn a_slot_that_is_kept_back_is_nobodys() {
        let (mut names, mut kernel) = tables();
        let free = |kernel: &Mapped<NameBucket>| {
            (0..BUCKETS as usize).flat_map(|bucket| hashes(kernel, bucket)).filter(|hash| *hash == 0).count()
        };
        let slots = BUCKETS as usize * SLOTS;
        assert_eq!(free(&kernel), slots - BUCKETS as usize * KEPT_BACK);
        assert!(remember(&mut kernel, 1));
        names.give_back();
        assert_eq!(free(&kernel), slots - 1);
    }
}
