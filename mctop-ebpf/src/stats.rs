//! The maps that events are counted in: the table of the current epoch, the names, and the faults.

use aya_ebpf::Global;
use aya_ebpf::btf_maps::{Array, ArrayOfMaps};
use aya_ebpf::helpers::bpf_get_smp_processor_id;
use aya_ebpf::macros::btf_map;
use mctop_common::records::{ExtraStats, FAULTS, Fault, Name, Stats};
use mctop_common::table::{
    Bucket, CHOICES, HashCell, NameHashes, NameKeys, SLOTS, StatsBucket, UNTRACKED_BUCKETS, claim, holds, next_bucket,
    untracked_bucket,
};
use mctop_common::verb::Class;
use mctop_common::verifier::keep_loop;

use crate::verifier::forget_truth;

/// `BPF_F_MMAPABLE`: user space maps the table into its memory.
const MAPPABLE: usize = 1 << 10;
/// `BPF_F_INNER_MAP`: a table of another size than the definition's may be put into the epoch's slot.
const INNER: usize = 1 << 12;

/// One epoch's counts. The number of buckets is set at load.
type Table = Array<StatsBucket, 1, { MAPPABLE | INNER }>;

// The two tables take turns. They are part of the object, not made by user space, because before Linux 6.2 a table fits into the
// epoch's slot only with the type information that the slot was defined with.
#[btf_map]
static TABLE_0: Table = Array::new();
#[btf_map]
static TABLE_1: Table = Array::new();

/// The current epoch's table in its only slot. User space puts in the other one; that update waits for running programs, so that
/// the table taken out is complete and no longer written.
#[btf_map]
static EPOCH: ArrayOfMaps<Table, 1> = ArrayOfMaps::new();

/// Hashes of the keys whose names are stored. The number of buckets is set at load.
#[btf_map]
static NAME_HASHES: Array<NameHashes, 1, MAPPABLE> = Array::new();

/// Those keys, each written once when it is new, in as many buckets.
#[btf_map]
static NAMES: Array<NameKeys, 1, MAPPABLE> = Array::new();

/// Number of buckets for keys in the epoch's table and in the names.
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
    /// Value size of the item seen plus one, or 0.
    pub size_plus_1: u32,
    /// The item's `exptime`.
    pub exptime: u32,
}

/// What happened to an item, apart from operations.
#[derive(Clone, Copy)]
pub enum ItemEvent {
    /// See [`ExtraStats::not_stored`].
    NotStored,
    /// See [`ExtraStats::exists`].
    Exists,
    /// See [`ExtraStats::evicted`].
    Evicted,
}

/// Counts a fault.
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

/// Counts an operation of unknown key as untracked.
#[inline(always)]
pub fn count_nameless(event: &Event) {
    untracked(|bucket, slot| apply(bucket, slot, event));
}

/// Counts what happened to an item under its key.
#[inline(always)]
pub fn count_item_event(hash: u64, name: &Name, event: ItemEvent) {
    under_key(hash, name, |bucket, slot| apply_item_event(bucket, slot, event));
}

/// Counts what happened to an item of unknown key as untracked.
#[inline(always)]
pub fn count_item_event_nameless(event: ItemEvent) {
    untracked(|bucket, slot| apply_item_event(bucket, slot, event));
}

/// The hashes of a bucket in a map value that the verifier has checked, `STRIDE` bytes apart.
#[derive(Clone, Copy)]
struct Hashes<const STRIDE: usize>(*mut u8);

impl<const STRIDE: usize> Bucket for Hashes<STRIDE> {
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

/// Calls `apply` with the slot of a key in the current epoch's table, or if there is no room for it, with the slot of untracked
/// operations.
#[inline(always)]
fn under_key(hash: u64, name: &Name, apply: impl Fn(*mut StatsBucket, usize)) {
    let Some(table) = EPOCH.get(0) else { return fault(Fault::Unconfigured) };
    let mut bits = hash;
    let mut choice = 0;
    while choice < CHOICES {
        let bucket = next_bucket(&mut bits, BUCKETS.load());
        let Some(bucket) = table.get_ptr_mut(UNTRACKED_BUCKETS + bucket) else { return fault(Fault::Unconfigured) };
        if let Some((slot, new)) = claim(Hashes::<{ size_of::<Stats>() }>(bucket.cast()), hash) {
            let new = forget_truth(new, hash);
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

/// Stores a key's bytes, unless they are there from an earlier epoch.
#[inline(always)]
fn remember(hash: u64, name: &Name) {
    let mut bits = hash;
    let mut choice = 0;
    while choice < CHOICES {
        // User space frees slots of any bucket, so a hash may be in another bucket although the first has room.
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
                // SAFETY: the mask keeps the slot inside the bucket.
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
    // SAFETY: a checked map value that this program alone has claimed. Volatile, word by word, because the optimiser would
    // otherwise call memcpy, which copies byte by byte.
    unsafe {
        for (index, word) in name.words.iter().enumerate() {
            (&raw mut (*to).words).cast::<u64>().add(index).write_volatile(*word);
        }
    }
    // Server and length come last, in one write: user space zeroes them when it frees a slot, and takes a name without a length
    // for one that is still being written.
    let head = u64::from(name.target) | u64::from(name.len) << 32;
    compare_exchange(to.cast(), 0, head);
}

#[inline(always)]
fn apply(bucket: *mut StatsBucket, slot: usize, event: &Event) {
    let slot = slot % SLOTS;
    // SAFETY: a map value that the verifier has checked, and a slot inside it; other CPUs only add to it as done here.
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
                        let extra = (&raw mut (*bucket).extra).cast::<ExtraStats>().add(slot);
                        add_u32(&raw mut (*extra).flushed, 1);
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
            // Two plain stores: if another CPU's item comes in between, either may be called the item last seen.
            (*stats).size_plus_1 = event.size_plus_1;
            (*stats).exptime = event.exptime;
        }
    }
}

#[inline(always)]
fn apply_item_event(bucket: *mut StatsBucket, slot: usize, event: ItemEvent) {
    let slot = slot % SLOTS;
    // SAFETY: as in `apply`.
    unsafe {
        let extra = (&raw mut (*bucket).extra).cast::<ExtraStats>().add(slot);
        let count = match event {
            ItemEvent::NotStored => &raw mut (*extra).not_stored,
            ItemEvent::Exists => &raw mut (*extra).exists,
            ItemEvent::Evicted => &raw mut (*extra).evicted,
        };
        add_u32(count, 1);
    }
}

/// Adds without returning the old value: compiles to XADD, which every kernel accepts.
#[inline(always)]
pub fn add_u64(count: *mut u64, by: u64) {
    // SAFETY: callers pass a checked map value, aligned by its layout.
    unsafe { core::intrinsics::atomic_xadd::<u64, u64, { core::intrinsics::AtomicOrdering::Relaxed }>(count, by) };
}

/// See [`add_u64`].
#[inline(always)]
pub fn add_u32(count: *mut u32, by: u32) {
    // SAFETY: callers pass a checked map value, aligned by its layout.
    unsafe { core::intrinsics::atomic_xadd::<u32, u32, { core::intrinsics::AtomicOrdering::Relaxed }>(count, by) };
}

/// Replaces `old` by `new`, and returns the value before; kernels accept it from 5.12 on.
#[inline(always)]
fn compare_exchange(at: *mut u64, old: u64, new: u64) -> u64 {
    use core::intrinsics::AtomicOrdering::SeqCst;
    // SAFETY: callers pass a checked map value, aligned by its layout.
    unsafe { core::intrinsics::atomic_cxchg::<u64, { SeqCst }, { SeqCst }>(at, old, new).0 }
}
