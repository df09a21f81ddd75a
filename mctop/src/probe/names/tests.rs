//! A names table in ordinary memory, and what the eBPF programs do with it.

use super::*;
use std::os::fd::{AsFd, OwnedFd};

use mctop_common::limits::KEY_WORDS;
use rustix::fs::{MemfdFlags, ftruncate, memfd_create};

const BUCKETS: u32 = 64;

/// The same table for user space and for the programs.
fn tables() -> (KeyNames, NameTables) {
    let (hashes, keys) = (memory(size_of::<NameHashes>()), memory(size_of::<NameKeys>()));
    let tables = || NameTables {
        hashes: Mapped::new(hashes.as_fd(), BUCKETS).unwrap(),
        keys: Mapped::new(keys.as_fd(), BUCKETS).unwrap(),
    };
    (KeyNames::new(tables()), tables())
}

fn memory(bucket: usize) -> OwnedFd {
    let memory = memfd_create("names", MemfdFlags::CLOEXEC).unwrap();
    ftruncate(&memory, u64::from(BUCKETS) * bucket as u64).unwrap();
    memory
}

/// Hashes that are spread like those of keys (Knuth, The Art of Computer Programming 3, 6.4).
fn hash(number: u64) -> u64 {
    KEY_BIT | number.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32)
}

/// Does what a program does when a key is new in an epoch. Returns whether the key then has a name.
fn remember(table: &mut NameTables, number: u64) -> bool {
    let mut words = [0; KEY_WORDS];
    words[0] = number;
    KeyNames::put(table, hash(number), &Name { target: 0, len: 8, words })
}

/// An epoch in which these keys are counted in this order. When it is drained, the keys in `next` have already been counted in the next
/// epoch. Returns the keys with names.
fn epoch(names: &mut KeyNames, kernel: &mut NameTables, epoch: u32, keys: &[u64], next: &[u64]) -> Vec<u64> {
    for number in keys {
        remember(kernel, *number);
    }
    names.release_reserved();
    let has_name = |number: &&u64| {
        let used = names.use_name(hash(**number), 1, epoch);
        used.is_some_and(|(name, _)| names.read(name) == (0, Key::new(&number.to_ne_bytes())))
    };
    let named = keys.iter().filter(has_name).copied().collect();
    names.make_room(epoch, &mut Yielder::never(), |counted| next.iter().any(|number| hash(*number) == counted));
    named
}

#[test]
fn the_first_keys_of_an_epoch_get_names_in_a_flood() {
    let (mut names, mut kernel) = tables();
    let slots = u64::from(BUCKETS) * SLOTS as u64;
    let mut sum = 0;
    for round in 1..=20 {
        // A new key, another one that is counted in every epoch, and a thousand that are counted only once.
        let new = 1_000_000 + round;
        let flood = (0..2 * slots).map(|number| round * 2 * slots + number + 1);
        // Reserved slots are released before the epoch starts, and taken before the previous one is drained.
        names.release_reserved();
        assert!(remember(&mut kernel, new), "{round}");
        let keys: Vec<u64> = [new, 7_777_777].into_iter().chain(flood).collect();
        let named = epoch(&mut names, &mut kernel, round as u32, &keys, &[]);
        assert_eq!(named[..2], [new, 7_777_777], "{round}");
        sum += named.len() as u64;
    }
    // More than half of the slots have names of keys that are counted once.
    assert!(sum > 20 * slots / 2, "{sum}");
}

#[test]
fn names_of_keys_that_are_counted_again_are_kept_in_a_flood() {
    let (mut names, mut kernel) = tables();
    let slots = u64::from(BUCKETS) * SLOTS as u64;
    let lasting: Vec<u64> = (1..=slots / 2).collect();
    assert_eq!(epoch(&mut names, &mut kernel, 1, &lasting, &lasting), lasting);
    for round in 2..10 {
        let flood = (0..slots).map(|number| round * 10_000 + number);
        let keys: Vec<u64> = lasting.iter().copied().chain(flood).collect();
        let named = epoch(&mut names, &mut kernel, round as u32, &keys, &lasting);
        assert_eq!(named[..lasting.len()], lasting, "{round}");
    }
}

#[test]
fn names_that_are_no_longer_used_are_removed() {
    let (mut names, mut kernel) = tables();
    let slots = u64::from(BUCKETS) * SLOTS as u64;
    for round in 1..10 {
        let keys: Vec<u64> = (0..slots / 4).map(|number| round * 10_000 + number + 1).collect();
        assert_eq!(epoch(&mut names, &mut kernel, round as u32, &keys, &[]), keys, "{round}");
    }
}

#[test]
fn a_name_that_is_being_written_is_not_read() {
    let (mut names, mut kernel) = tables();
    let (first, second) = (hash(1), hash(2));
    // A program claims the slot in the next epoch while the previous one is drained.
    assert!(remember(&mut kernel, 1));
    let NameSlot { bucket, slot } = names.find(first).unwrap();
    let name: Name = kernel.keys.load(bucket, name_at(slot));
    kernel.keys.store(bucket, name_at(slot), 0u64);
    assert_eq!(names.use_name(first, 1, 1), None);
    kernel.keys.store(bucket, name_at(slot), name);
    let (place, _) = names.use_name(first, 1, 1).unwrap();
    assert_eq!(names.read(place), (0, Key::new(&1u64.to_ne_bytes())));
    // A freed slot does not keep its name, which would be taken for that of the next hash.
    kernel.hashes.store(bucket, hash_at(slot), first ^ KEY_BIT);
    names.make_room(2, &mut Yielder::never(), |_| false);
    assert_eq!(names.find(first), None);
    kernel.hashes.store(bucket, hash_at(slot), second);
    assert_eq!(kernel.keys.load::<u64>(bucket, name_at(slot)), 0);
}

#[test]
fn a_name_with_a_tombstone_is_restored_or_written_again() {
    let (mut names, mut kernel) = tables();
    let first = hash(1);
    assert!(remember(&mut kernel, 1));
    let NameSlot { bucket, slot } = names.use_name(first, 1, 1).unwrap().0;
    let bury = |kernel: &mut NameTables| kernel.hashes.store(bucket, hash_at(slot), first ^ KEY_BIT);
    bury(&mut kernel);
    assert!(names.use_name(first, 1, 2).is_some());
    names.make_room(2, &mut Yielder::never(), |_| false);
    assert_eq!(kernel.hashes.load::<u64>(bucket, hash_at(slot)), first);
    // A program does not find the tombstone, and writes the name to another slot, where it is found. The first slot is freed.
    bury(&mut kernel);
    assert!(remember(&mut kernel, 1));
    assert_ne!(names.use_name(first, 1, 3).unwrap().0, NameSlot { bucket, slot });
    names.make_room(3, &mut Yielder::never(), |_| false);
    assert!(kernel.hashes.load::<u64>(bucket, hash_at(slot)) < KEY_BIT);
    assert!(names.find(first).is_some());
}

#[test]
fn a_reserved_slot_is_released_when_its_bucket_is_nearly_full() {
    let (mut names, mut kernel) = tables();
    let with = |kernel: &NameTables, what: u64| -> Vec<usize> {
        let hashes = |bucket| kernel.hashes.load::<NameHashes>(bucket, hash_at(0));
        (0..BUCKETS as usize).map(|bucket| slots(&hashes(bucket), |hash| hash == what).count()).collect()
    };
    assert_eq!(with(&kernel, RESERVED), [1; BUCKETS as usize]);
    for number in 1..=u64::from(BUCKETS) * 4 {
        assert!(remember(&mut kernel, number));
    }
    let before = with(&kernel, 0);
    names.release_reserved();
    let released: Vec<usize> = before.iter().map(|free| usize::from(*free <= FEW_FREE)).collect();
    assert_eq!(with(&kernel, 0), before.iter().zip(&released).map(|(free, more)| free + more).collect::<Vec<_>>());
    assert_eq!(with(&kernel, RESERVED), released.iter().map(|released| 1 - released).collect::<Vec<_>>());
    assert!(released.contains(&0) && released.contains(&1), "{released:?}");
    names.make_room(0, &mut Yielder::never(), |_| false);
    assert_eq!(with(&kernel, RESERVED), [1; BUCKETS as usize]);
}
