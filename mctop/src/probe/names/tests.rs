//! Names in ordinary memory, beside what the kernel side does with them.

use super::*;
use std::os::fd::{AsFd, OwnedFd};

use mctop_common::limits::KEY_WORDS;
use rustix::fs::{MemfdFlags, ftruncate, memfd_create};

const BUCKETS: u32 = 64;

/// Names in ordinary memory, and the kernel side's view of them.
fn tables() -> (Names, Tables) {
    let (hashes, keys) = (memory(size_of::<NameHashes>()), memory(size_of::<NameKeys>()));
    let tables = || Tables {
        hashes: Mapped::new(hashes.as_fd(), BUCKETS).unwrap(),
        keys: Mapped::new(keys.as_fd(), BUCKETS).unwrap(),
    };
    (Names::new(tables()), tables())
}

fn memory(bucket: usize) -> OwnedFd {
    let memory = memfd_create("names", MemfdFlags::CLOEXEC).unwrap();
    ftruncate(&memory, u64::from(BUCKETS) * bucket as u64).unwrap();
    memory
}

/// Hashes spread as those of keys are (Knuth, The Art of Computer Programming 3, 6.4).
fn hash(number: u64) -> u64 {
    KEY_BIT | number.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32)
}

/// What the kernel side does when a key is new in an epoch: whether it has a name then.
fn remember(table: &mut Tables, number: u64) -> bool {
    let mut words = [0; KEY_WORDS];
    words[0] = number;
    Names::put(table, hash(number), &Name { target: 0, len: 8, words })
}

/// An epoch in which these keys are counted, in this order; those that are known when it is drained, while `next` have
/// been counted in the next already.
fn epoch(names: &mut Names, kernel: &mut Tables, epoch: u32, keys: &[u64], next: &[u64]) -> Vec<u64> {
    for number in keys {
        remember(kernel, *number);
    }
    names.give_back();
    let known = |number: &&u64| {
        let seen = names.see(hash(**number), 1, epoch);
        seen.is_some_and(|(place, _)| names.read(place) == (0, Key::new(&number.to_ne_bytes())))
    };
    let known = keys.iter().filter(known).copied().collect();
    names.collect(epoch, &mut Yielder::never(), |counted| next.iter().any(|number| hash(*number) == counted));
    known
}

#[test]
fn whoever_comes_first_in_an_epoch_has_a_name_however_many_come() {
    let (mut names, mut kernel) = tables();
    let slots = u64::from(BUCKETS) * SLOTS as u64;
    let mut named = 0;
    for round in 1..=20 {
        // A newcomer and a thousand others, which nobody has seen before, and one key that is always there.
        let newcomer = 1_000_000 + round;
        let flood = (0..2 * slots).map(|number| round * 2 * slots + number + 1);
        // The reserve is given back before the epoch begins, and used before the one before is drained.
        names.give_back();
        assert!(remember(&mut kernel, newcomer), "{round}");
        let keys: Vec<u64> = [newcomer, 7_777_777].into_iter().chain(flood).collect();
        let known = epoch(&mut names, &mut kernel, round as u32, &keys, &[]);
        assert_eq!(known[..2], [newcomer, 7_777_777], "{round}");
        named += known.len() as u64;
    }
    // Half of the names, and more, are of keys that are seen once.
    assert!(named > 20 * slots / 2, "{named}");
}

#[test]
fn a_name_that_leaves_is_known_while_its_key_is_seen() {
    let (mut names, mut kernel) = tables();
    let slots = u64::from(BUCKETS) * SLOTS as u64;
    let stay: Vec<u64> = (1..=slots / 2).collect();
    assert_eq!(epoch(&mut names, &mut kernel, 1, &stay, &stay), stay);
    for round in 2..10 {
        let flood = (0..slots).map(|number| round * 10_000 + number);
        let keys: Vec<u64> = stay.iter().copied().chain(flood).collect();
        let known = epoch(&mut names, &mut kernel, round as u32, &keys, &stay);
        assert_eq!(known[..stay.len()], stay, "{round}");
    }
}

#[test]
fn names_that_are_no_longer_seen_make_room() {
    let (mut names, mut kernel) = tables();
    let slots = u64::from(BUCKETS) * SLOTS as u64;
    for round in 1..10 {
        let keys: Vec<u64> = (0..slots / 4).map(|number| round * 10_000 + number + 1).collect();
        assert_eq!(epoch(&mut names, &mut kernel, round as u32, &keys, &[]), keys, "{round}");
    }
}

#[test]
fn a_name_that_is_being_written_is_not_taken_for_one() {
    let (mut names, mut kernel) = tables();
    let (first, second) = (hash(1), hash(2));
    // Claimed by a program of the next epoch, while the one before is drained.
    assert!(remember(&mut kernel, 1));
    let Place { bucket, slot } = names.find(first).unwrap();
    let name: Name = kernel.keys.load(bucket, name_at(slot));
    kernel.keys.store(bucket, name_at(slot), 0u64);
    assert_eq!(names.see(first, 1, 1), None);
    kernel.keys.store(bucket, name_at(slot), name);
    let (place, _) = names.see(first, 1, 1).unwrap();
    assert_eq!(names.read(place), (0, Key::new(&1u64.to_ne_bytes())));
    // What stood in a slot is not taken for the name of the next hash in it.
    kernel.hashes.store(bucket, hash_at(slot), first ^ KEY_BIT);
    names.collect(2, &mut Yielder::never(), |_| false);
    assert_eq!(names.find(first), None);
    kernel.hashes.store(bucket, hash_at(slot), second);
    assert_eq!(kernel.keys.load::<u64>(bucket, name_at(slot)), 0);
}

#[test]
fn a_name_in_disguise_is_written_anew_or_comes_back() {
    let (mut names, mut kernel) = tables();
    let first = hash(1);
    assert!(remember(&mut kernel, 1));
    let Place { bucket, slot } = names.see(first, 1, 1).unwrap().0;
    let disguise = |kernel: &mut Tables| kernel.hashes.store(bucket, hash_at(slot), first ^ KEY_BIT);
    disguise(&mut kernel);
    assert!(names.see(first, 1, 2).is_some());
    names.collect(2, &mut Yielder::never(), |_| false);
    assert_eq!(kernel.hashes.load::<u64>(bucket, hash_at(slot)), first);
    // The kernel side does not know it; what it wrote is what is found, and the slot is free.
    disguise(&mut kernel);
    assert!(remember(&mut kernel, 1));
    assert_ne!(names.see(first, 1, 3).unwrap().0, Place { bucket, slot });
    names.collect(3, &mut Yielder::never(), |_| false);
    assert!(kernel.hashes.load::<u64>(bucket, hash_at(slot)) < KEY_BIT);
    assert!(names.find(first).is_some());
}

#[test]
fn a_slot_that_is_kept_back_is_nobodys_until_the_bucket_is_nearly_full() {
    let (mut names, mut kernel) = tables();
    let with = |kernel: &Tables, what: u64| -> Vec<usize> {
        let hashes = |bucket| kernel.hashes.load::<NameHashes>(bucket, hash_at(0));
        (0..BUCKETS as usize).map(|bucket| slots(&hashes(bucket), |hash| hash == what).count()).collect()
    };
    assert_eq!(with(&kernel, NOBODY), [1; BUCKETS as usize]);
    for number in 1..=u64::from(BUCKETS) * 4 {
        assert!(remember(&mut kernel, number));
    }
    let before = with(&kernel, 0);
    names.give_back();
    let given: Vec<usize> = before.iter().map(|free| usize::from(*free <= FEW)).collect();
    assert_eq!(with(&kernel, 0), before.iter().zip(&given).map(|(free, given)| free + given).collect::<Vec<_>>());
    assert_eq!(with(&kernel, NOBODY), given.iter().map(|given| 1 - given).collect::<Vec<_>>());
    assert!(given.contains(&0) && given.contains(&1), "{given:?}");
    names.collect(0, &mut Yielder::never(), |_| false);
    assert_eq!(with(&kernel, NOBODY), [1; BUCKETS as usize]);
}
