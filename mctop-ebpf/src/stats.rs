//! Where events are counted: the table of the current epoch, the names, and the faults.

use aya_ebpf::Global;
use aya_ebpf::btf_maps::{Array, ArrayOfMaps};
use aya_ebpf::helpers::bpf_get_smp_processor_id;
use aya_ebpf::macros::btf_map;
use mctop_common::records::{FAULTS, Fault, Name, RareStats, Stats};
use mctop_common::table::{
    CHOICES, HashBucket, HashCell, NameHashes, NameKeys, SLOTS, StatsBucket, UNTRACKED_BUCKETS, claim, holds,
    next_bucket, untracked_bucket,
};
use mctop_common::verb::Class;

use mctop_common::verifier::keep_loop;

use crate::verifier::forget_bool;

/// `BPF_F_MMAPABLE`: user space reads the table where it is.
const MAPPABLE: usize = 1 << 10;
/// `BPF_F_INNER_MAP`: a table of another size than in this definition may take its place.
const INNER: usize = 1 << 12;

/// One epoch's counts. The number of buckets is set at load.
type Table = Array<StatsBucket, 1, { MAPPABLE | INNER }>;

// Two that take turns. They are defined here, not made by user space alone: before Linux 6.2 a table that is described by other
// type information than what the slot was defined with, such as none, does not go into it.
#[btf_map]
static TABLE_0: Table = Array::new();
#[btf_map]
static TABLE_1: Table = Array::new();

/// The current epoch's table in its only slot. User space swaps in the other; that update waits for programs under way, so
/// that the table taken out is complete and at rest.
#[btf_map]
static EPOCH: ArrayOfMaps<Table, 1> = ArrayOfMaps::new();

/// Hashes of the keys that have a name. The number of buckets is set at load.
#[btf_map]
static NAME_HASHES: Array<NameHashes, 1, MAPPABLE> = Array::new();

/// These keys, each written once when it is new. As many buckets.
#[btf_map]
static NAMES: Array<NameKeys, 1, MAPPABLE> = Array::new();

/// How many buckets of keys the epoch's table and the names have.
#[unsafe(no_mangle)]
static BUCKETS: Global<u32> = Global::new(1);

#[btf_map]
static FAULT_COUNTS: Array<u64, { FAULTS as usize }> = Array::new();

/// One operation to count.
pub struct Event {
    /// A number of [`Class`].
    pub class: u32,
    /// Whether a live item was found.
    pub hit: bool,
    /// memcached's `was_found`: 2 flushed, 3 expired.
    pub found: u32,
    /// Value bytes sent or received.
    pub bytes: u32,
    /// Value size of the item seen, plus one, or 0.
    pub size_plus_1: u32,
    /// The item's `exptime`.
    pub exptime: u32,
}

/// What may happen to an item of a key, of that which [`RareStats`] counts by itself.
#[derive(Clone, Copy)]
pub enum Rare {
    /// See [`RareStats::not_stored`].
    NotStored,
    /// See [`RareStats::exists`].
    Exists,
    /// See [`RareStats::evicted`].
    Evicted,
}

/// Counts something that went wrong.
#[inline(always)]
pub fn fault(kind: Fault) {
    if let Some(count) = FAULT_COUNTS.get_ptr_mut(kind as u32) {
        add_u64(count, 1);
    }
}

/// Counts an operation under its key.
#[inline(always)]
pub fn count(hash: u64, name: &Name, event: &Event) {
    under_key(hash, name, |bucket, slot| apply(bucket, slot, event));
}

/// Counts an operation whose key is not known, as untracked.
#[inline(always)]
pub fn count_nameless(event: &Event) {
    untracked(|bucket, slot| apply(bucket, slot, event));
}

/// Counts what happened to an item under its key.
#[inline(always)]
pub fn count_rare(hash: u64, name: &Name, what: Rare) {
    under_key(hash, name, |bucket, slot| apply_rare(bucket, slot, what));
}

/// Counts what happened to an item whose key is not known, as untracked.
#[inline(always)]
pub fn count_rare_nameless(what: Rare) {
    untracked(|bucket, slot| apply_rare(bucket, slot, what));
}

/// The hashes of a bucket in a map value that the verifier has checked, `STRIDE` bytes apart.
#[derive(Clone, Copy)]
struct Hashes<const STRIDE: usize>(*mut u8);

impl<const STRIDE: usize> HashBucket for Hashes<STRIDE> {
    type Cell = Cell;

    #[inline(always)]
    fn cell(self, slot: usize) -> Cell {
        // SAFETY: inside of the bucket.
        Cell(unsafe { self.0.add(slot * STRIDE) }.cast())
    }
}

/// A hash in a map value that the verifier has checked.
#[derive(Clone, Copy)]
struct Cell(*mut u64);

impl HashCell for Cell {
    #[inline(always)]
    fn load(self) -> u64 {
        // SAFETY: a live map value. Volatile, because other CPUs write it meanwhile.
        unsafe { self.0.read_volatile() }
    }

    #[inline(always)]
    fn claim(self, hash: u64) -> u64 {
        compare_exchange(self.0, 0, hash)
    }
}

/// Applies to the slot of a key in the current epoch's table, or where there is none, to that of what is untracked.
#[inline(always)]
fn under_key(hash: u64, name: &Name, apply: impl Fn(*mut StatsBucket, usize)) {
    let Some(table) = EPOCH.get(0) else { return fault(Fault::Unconfigured) };
    let mut bits = hash;
    let mut choice = 0;
    while choice < CHOICES {
        let bucket = next_bucket(&mut bits, BUCKETS.load());
        let Some(bucket) = table.get_ptr_mut(UNTRACKED_BUCKETS + bucket) else { return fault(Fault::Unconfigured) };
        if let Some((slot, new)) = claim(Hashes::<{ size_of::<Stats>() }>(bucket.cast()), hash) {
            let new = forget_bool(new, hash);
            apply(bucket, slot);
            if new {
                remember(hash, name);
            }
            return;
        }
        choice = keep_loop(choice + 1);
    }
    untracked_in(table, apply);
}

#[inline(always)]
fn untracked(apply: impl Fn(*mut StatsBucket, usize)) {
    match EPOCH.get(0) {
        Some(table) => untracked_in(table, apply),
        None => fault(Fault::Unconfigured),
    }
}

#[inline(always)]
fn untracked_in(table: &Table, apply: impl Fn(*mut StatsBucket, usize)) {
    // SAFETY: no arguments, no effects.
    let cpu = unsafe { bpf_get_smp_processor_id() };
    match table.get_ptr_mut(untracked_bucket(cpu)) {
        Some(bucket) => apply(bucket, 0),
        None => fault(Fault::Unconfigured),
    }
}

/// Stores a key's bytes, unless they are there from an epoch before.
#[inline(always)]
fn remember(hash: u64, name: &Name) {
    let mut bits = hash;
    let mut choice = 0;
    while choice < CHOICES {
        // User space gives up slots of the first bucket too, so that a hash may be in another while that has room.
        if let Some(bucket) = NAME_HASHES.get_ptr_mut(next_bucket(&mut bits, BUCKETS.load()))
            && holds(Hashes::<{ size_of::<u64>() }>(bucket.cast()), hash)
        {
            return;
        }
        choice = keep_loop(choice + 1);
    }
    bits = hash;
    choice = 0;
    while choice < CHOICES {
        let bucket = next_bucket(&mut bits, BUCKETS.load());
        let Some(hashes) = NAME_HASHES.get_ptr_mut(bucket) else { return fault(Fault::Unconfigured) };
        if let Some((slot, new)) = claim(Hashes::<{ size_of::<u64>() }>(hashes.cast()), hash) {
            if new {
                let Some(keys) = NAMES.get_ptr_mut(bucket) else { return fault(Fault::Unconfigured) };
                // SAFETY: the mask keeps the slot inside of the bucket.
                let to = unsafe { keys.cast::<Name>().add(slot & (SLOTS - 1)) };
                write(to, name);
            }
            return;
        }
        choice = keep_loop(choice + 1);
    }
    fault(Fault::Names);
}

#[inline(always)]
fn write(to: *mut Name, name: &Name) {
    // SAFETY: a checked map value that this program alone has claimed. Volatile and word by word, because the optimiser would call
    // memcpy, which goes byte by byte.
    unsafe {
        for (index, word) in name.words.iter().enumerate() {
            (&raw mut (*to).words).cast::<u64>().add(index).write_volatile(*word);
        }
    }
    // Last, and in one: user space, which zeroes it in slots that it gives up, takes a name without a length for one that is
    // still being written.
    let beginning = u64::from(name.target) | u64::from(name.len) << 32;
    compare_exchange(to.cast(), 0, beginning);
}

#[inline(always)]
fn apply(bucket: *mut StatsBucket, slot: usize, event: &Event) {
    let slot = slot % SLOTS;
    // SAFETY: a map value that the verifier has checked, and a slot inside of it; other CPUs only add to it as done here.
    unsafe {
        let stats = (&raw mut (*bucket).stats).cast::<Stats>().add(slot);
        match Class::of(event.class) {
            Class::Read => {
                if event.hit {
                    add_u32(&raw mut (*stats).hits, 1);
                    add_u64(&raw mut (*stats).bytes_out, u64::from(event.bytes));
                } else {
                    add_u32(&raw mut (*stats).misses, 1);
                    if event.found == 3 {
                        add_u32(&raw mut (*stats).expired, 1);
                    } else if event.found == 2 {
                        let rare = (&raw mut (*bucket).rare).cast::<RareStats>().add(slot);
                        add_u32(&raw mut (*rare).flushed, 1);
                    }
                }
            }
            Class::Store => {
                add_u32(&raw mut (*stats).sets, 1);
                add_u64(&raw mut (*stats).bytes_in, u64::from(event.bytes));
            }
            Class::Delete => {
                add_u32(&raw mut (*stats).deletes, 1);
                if event.hit {
                    add_u32(&raw mut (*stats).delete_hits, 1);
                }
            }
            Class::Unknown | Class::Other | Class::Arithmetic => {
                add_u32(&raw mut (*stats).other, 1);
                if event.hit {
                    add_u32(&raw mut (*stats).other_hits, 1);
                }
            }
        }
        if event.size_plus_1 != 0 {
            // Two plain stores: another CPU's item may come between, and either is the item last seen.
            (*stats).size_plus_1 = event.size_plus_1;
            (*stats).exptime = event.exptime;
        }
    }
}

#[inline(always)]
fn apply_rare(bucket: *mut StatsBucket, slot: usize, what: Rare) {
    let slot = slot % SLOTS;
    // SAFETY: as in `apply`.
    unsafe {
        let rare = (&raw mut (*bucket).rare).cast::<RareStats>().add(slot);
        let count = match what {
            Rare::NotStored => &raw mut (*rare).not_stored,
            Rare::Exists => &raw mut (*rare).exists,
            Rare::Evicted => &raw mut (*rare).evicted,
        };
        add_u32(count, 1);
    }
}

/// Adds without fetching: compiles to XADD, which every kernel accepts.
#[inline(always)]
pub fn add_u64(count: *mut u64, by: u64) {
    // SAFETY: callers pass a checked map value, aligned by its layout.
    unsafe { core::intrinsics::atomic_xadd::<u64, u64, { core::intrinsics::AtomicOrdering::Relaxed }>(count, by) };
}

/// As [`add_u64`].
#[inline(always)]
pub fn add_u32(count: *mut u32, by: u32) {
    // SAFETY: callers pass a checked map value, aligned by its layout.
    unsafe { core::intrinsics::atomic_xadd::<u32, u32, { core::intrinsics::AtomicOrdering::Relaxed }>(count, by) };
}

/// Writes `new` where `old` stands, and returns what stood there. Kernel 5.12 accepts it.
#[inline(always)]
fn compare_exchange(at: *mut u64, old: u64, new: u64) -> u64 {
    use core::intrinsics::AtomicOrdering::SeqCst;
    // SAFETY: callers pass a checked map value, aligned by its layout.
    unsafe { core::intrinsics::atomic_cxchg::<u64, { SeqCst }, { SeqCst }>(at, old, new).0 }
}
