//! A lookup that is seen in two halves: what is looked up at the entry of `do_item_get`, the item at its return. It does not
//! call itself, so a thread has one under way at most.

use aya_ebpf::bindings::BPF_ANY;
use aya_ebpf::btf_maps::HashMap;
use aya_ebpf::macros::btf_map;
use aya_ebpf::programs::{ProbeContext, RetProbeContext};
use mctop_common::limits::THREADS_MAX;
use mctop_common::records::{Caller, Fault, Pending};
use mctop_common::verb::Class;

use crate::lookup::{self, Lookup};
use crate::request::thread;
use crate::site;
use crate::stats::{self, Event, fault};

/// The lookup under way on each server thread, by thread id.
#[btf_map]
static PENDING: HashMap<u32, Pending, { THREADS_MAX as usize }> = HashMap::new();

/// Remembers what is looked up, and for whom: the return address is where the call put it at the entry only.
#[inline(always)]
pub fn enter(ctx: &ProbeContext) {
    let Some(site) = site::current(ctx) else { return fault(Fault::Unconfigured) };
    let pending = Pending {
        key: site::value(ctx, &site.key),
        key_len: site::value(ctx, &site.key_len),
        target: site.target,
        caller: lookup::caller(ctx, site) as u32,
    };
    if PENDING.insert(thread(), &pending, u64::from(BPF_ANY)).is_err() {
        // Its return will find nothing: that there was a lookup is all that will be known.
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

/// Counts the lookup that began last on this thread.
#[inline(always)]
pub fn leave(ctx: &RetProbeContext) {
    let Some(site) = site::current(ctx) else { return fault(Fault::Unconfigured) };
    // It was entered before the probes were attached.
    let Some(pending) = PENDING.get_ptr_mut(thread()) else { return };
    // SAFETY: a checked map value; only this thread writes its entry.
    let pending = unsafe {
        let copy = *pending;
        // Nothing else of it, because the optimiser would call memset, whose stack counts too.
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
