//! What the probes see while their sites are validated: that an item found is of the key looked up, and that what should be
//! a request begins as one.

use aya_ebpf::EbpfContext;
use aya_ebpf::btf_maps::Array;
use aya_ebpf::helpers::generated::bpf_probe_read_user;
use aya_ebpf::macros::btf_map;
use mctop_common::limits::SITES_MAX;
use mctop_common::records::{EVIDENCE_WORDS, Evidence, Fault, SITE_VALIDATE, Site};

use crate::lookup::Lookup;
use crate::site;
use crate::stats::{add_u32, fault};

/// Bytes of a key that are kept.
const SAMPLE: u32 = (EVIDENCE_WORDS * size_of::<u64>()) as u32;

/// By attach cookie.
#[btf_map]
static EVIDENCE: Array<Evidence, { SITES_MAX as usize }> = Array::new();

/// Takes down a request that was read.
#[inline(always)]
pub fn request(ctx: &impl EbpfContext, site: &Site, is_one: bool, first8: u64) {
    if site.flags & SITE_VALIDATE == 0 {
        return;
    }
    let Some(evidence) = EVIDENCE.get_ptr_mut(site::number(ctx)) else { return };
    // SAFETY: a checked map value; other CPUs write it as done here, and of the last wrong request either may stay.
    unsafe {
        add_u32(&raw mut (*evidence).requests, 1);
        if !is_one {
            add_u32(&raw mut (*evidence).wrong_requests, 1);
            (*evidence).request = first8;
        }
    }
}

/// Takes down an item that was found, whose own key is at `own`, and whether that is the key looked up.
#[inline(always)]
pub fn item(ctx: &impl EbpfContext, lookup: &Lookup, own: u64, own_len: u8, is_same: bool) {
    let Some(evidence) = EVIDENCE.get_ptr_mut(site::number(ctx)) else { return };
    // SAFETY: a checked map value; other CPUs write it as done here, and of the last wrong item either may stay.
    unsafe { add_u32(&raw mut (*evidence).items, 1) };
    if is_same {
        return;
    }
    fault(Fault::ItemMismatch);
    // SAFETY: as above; the helper writes as many bytes as the fields have.
    unsafe {
        add_u32(&raw mut (*evidence).wrong_items, 1);
        (*evidence).key_len = lookup.key_len as u32;
        (*evidence).item_key_len = u32::from(own_len);
        bpf_probe_read_user((&raw mut (*evidence).key).cast(), SAMPLE, lookup.key as *const _);
        bpf_probe_read_user((&raw mut (*evidence).item_key).cast(), SAMPLE, own as *const _);
    }
}
