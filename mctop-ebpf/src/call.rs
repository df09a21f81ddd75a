//! Lookups observed at two probes: the key at the entry of `do_item_get`, the item at its return. The function is not recursive, so
//! a thread has at most one call of it in progress.

use aya_ebpf::bindings::BPF_ANY;
use aya_ebpf::btf_maps::HashMap;
use aya_ebpf::macros::btf_map;
use aya_ebpf::programs::{ProbeContext, RetProbeContext};
use mctop_common::limits::THREADS_MAX;
use mctop_common::records::{Caller, CurrentLookup, Fault};
use mctop_common::verb::Class;

use crate::lookup::{self, Lookup};
use crate::request::thread;
use crate::site;
use crate::stats::{self, Event, fault};

/// The lookup in progress on each server thread, by thread id.
#[btf_map]
static PENDING: HashMap<u32, CurrentLookup, { THREADS_MAX as usize }> = HashMap::new();

/// Remembers the key and the caller. The return address is known only at the entry.
#[inline(always)]
pub fn enter(ctx: &ProbeContext) {
    let Some(site) = site::current(ctx) else { return fault(Fault::Unconfigured) };
    let pending = CurrentLookup {
        key: site::value(ctx, &site.key),
        key_len: site::value(ctx, &site.key_len),
        target: site.target,
        caller: lookup::caller(ctx, site) as u32,
    };
    if PENDING.insert(thread(), &pending, u64::from(BPF_ANY)).is_err() {
        // The probe at the return will not find it, so count it here without its key and outcome.
        fault(Fault::Threads);
        stats::count_nameless(&Event {
            class: Class::Unknown as u32,
            hit: false,
            found: 0,
            bytes: 0,
            size_plus_1: 0,
            exptime: 0,
        });
    }
}

/// Counts the lookup that this thread has finished.
#[inline(always)]
pub fn leave(ctx: &RetProbeContext) {
    let Some(site) = site::current(ctx) else { return fault(Fault::Unconfigured) };
    // Without an entry the call started before the probes were attached.
    let Some(pending) = PENDING.get_ptr_mut(thread()) else { return };
    // SAFETY: a checked map value; only this thread writes its entry.
    let pending = unsafe {
        let copy = *pending;
        // Clears this field only: for all of them the compiler would call memset, whose stack counts, too.
        (*pending).key = 0;
        copy
    };
    if pending.key == 0 || pending.target != site.target {
        return;
    }
    let item = site::value(ctx, &site.item);
    lookup::count(
        ctx,
        site,
        &Lookup {
            key: pending.key,
            key_len: pending.key_len,
            item,
            found: u32::from(item != 0),
            caller: Some(Caller::of(pending.caller)),
        },
    );
}
