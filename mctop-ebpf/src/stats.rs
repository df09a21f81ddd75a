//! Where events are counted: the table of the current epoch, the names, and the faults.

use aya_ebpf::bindings::{BPF_ANY, BPF_NOEXIST};
use aya_ebpf::btf_maps::{Array, ArrayOfMaps, HashMap};
use aya_ebpf::helpers::bpf_get_smp_processor_id;
use aya_ebpf::macros::btf_map;
use mctop_common::records::{FAULTS, Fault, Name, Stats, UNTRACKED_ENTRY, total_entry};
use mctop_common::verb::Class;

/// One epoch's counts by key hash. The number of entries is set at load.
type Table = HashMap<u64, Stats, 1>;

/// The current epoch's table in its only slot. User space swaps in another; that update waits for programs under way, so
/// that the table taken out is complete and at rest.
#[btf_map]
static EPOCH: ArrayOfMaps<Table, 1> = ArrayOfMaps::new();

/// Keys by hash, written once for each new key. The number of entries is set at load.
#[btf_map]
static NAMES: HashMap<u64, Name, 1> = HashMap::new();

#[btf_map]
static FAULT_COUNTS: Array<u64, { FAULTS as usize }> = Array::new();

/// One operation to count.
pub struct Event {
    pub class: Class,
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

/// Counts something that went wrong.
#[inline(always)]
pub fn fault(kind: Fault) {
    if let Some(count) = FAULT_COUNTS.get_ptr_mut(kind as u32) {
        add_u64(count, 1);
    }
}

/// Counts an operation under its key, and in the totals.
#[inline(always)]
pub fn count(hash: u64, name: &Name, event: &Event) {
    let Some(table) = EPOCH.get(0) else { return fault(Fault::Unconfigured) };
    count_total(table, event);
    if let Some(stats) = table.get_ptr_mut(hash) {
        return apply(stats, event);
    }
    let empty = Stats::default();
    // Fails when the table is full, or when another CPU was faster: the second lookup tells.
    let _ = table.insert(hash, &empty, u64::from(BPF_NOEXIST));
    let Some(stats) = table.get_ptr_mut(hash) else { return count_untracked(table, event) };
    apply(stats, event);
    if NAMES.get_ptr(hash).is_none() && NAMES.insert(hash, name, u64::from(BPF_ANY)).is_err() {
        fault(Fault::Names);
    }
}

/// Counts an operation whose key is not known, in the totals and as untracked.
#[inline(always)]
pub fn count_nameless(event: &Event) {
    let Some(table) = EPOCH.get(0) else { return fault(Fault::Unconfigured) };
    count_total(table, event);
    count_untracked(table, event);
}

#[inline(always)]
fn count_total(table: &Table, event: &Event) {
    // SAFETY: no arguments, no effects.
    let cpu = unsafe { bpf_get_smp_processor_id() };
    match table.get_ptr_mut(total_entry(cpu)) {
        Some(stats) => apply(stats, event),
        None => fault(Fault::Unconfigured),
    }
}

#[inline(always)]
fn count_untracked(table: &Table, event: &Event) {
    match table.get_ptr_mut(UNTRACKED_ENTRY) {
        Some(stats) => apply(stats, event),
        None => fault(Fault::Unconfigured),
    }
}

#[inline(always)]
fn apply(stats: *mut Stats, event: &Event) {
    // SAFETY: `stats` is a map value that the verifier has checked; other CPUs only add to it as done here.
    unsafe {
        match event.class {
            Class::Read => {
                if event.hit {
                    add_u32(&raw mut (*stats).hits, 1);
                    add_u64(&raw mut (*stats).bytes_out, u64::from(event.bytes));
                } else {
                    add_u32(&raw mut (*stats).misses, 1);
                    if event.found == 3 {
                        add_u32(&raw mut (*stats).expired, 1);
                    } else if event.found == 2 {
                        add_u32(&raw mut (*stats).flushed, 1);
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
            Class::Unknown | Class::Other | Class::MetaArithmetic => {
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

/// Adds without fetching: compiles to XADD, which every kernel accepts.
#[inline(always)]
fn add_u64(count: *mut u64, by: u64) {
    // SAFETY: callers pass a checked map value, aligned by its layout.
    unsafe { core::intrinsics::atomic_xadd::<u64, u64, { core::intrinsics::AtomicOrdering::Relaxed }>(count, by) };
}

/// As [`add_u64`].
#[inline(always)]
fn add_u32(count: *mut u32, by: u32) {
    // SAFETY: callers pass a checked map value, aligned by its layout.
    unsafe { core::intrinsics::atomic_xadd::<u32, u32, { core::intrinsics::AtomicOrdering::Relaxed }>(count, by) };
}
