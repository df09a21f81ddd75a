//! Evidence for the validation of probe sites: whether each item found has the key that was looked up, and whether each request starts
//! like one.

use aya_ebpf::EbpfContext;
use aya_ebpf::btf_maps::Array;
use aya_ebpf::helpers::generated::bpf_probe_read_user;
use aya_ebpf::macros::btf_map;
use mctop_common::limits::SITES_MAX;
use mctop_common::records::{EVIDENCE_WORDS, Evidence, Fault, SITE_VALIDATE, Site};

use crate::site;
use crate::stats::{add_u32, fault};

/// Number of bytes of a key that are kept.
const SAMPLE: u32 = (EVIDENCE_WORDS * size_of::<u64>()) as u32;

/// By attach cookie.
#[btf_map]
static EVIDENCE: Array<Evidence, { SITES_MAX as usize }> = Array::new();

/// Records that a request was read, and its first bytes if they are not those of a request.
#[inline(always)]
pub fn request(ctx: &impl EbpfContext, site: &Site, is_request: bool, first8: u64) {
    if site.flags & SITE_VALIDATE == 0 {
        return;
    }
    let Some(evidence) = EVIDENCE.get_ptr_mut(site::number(ctx)) else { return };
    // SAFETY: a checked map value. Other CPUs write it the same way; any of their wrong requests may be kept.
    unsafe {
        add_u32(&raw mut (*evidence).requests, 1);
        if !is_request {
            add_u32(&raw mut (*evidence).wrong_requests, 1);
            (*evidence).request = first8;
        }
    }
}

/// Records that an item was found, and both keys if its own is not the one that was looked up. Keys are given by address and length.
#[inline(always)]
pub fn item(ctx: &impl EbpfContext, (key, key_len): (u64, u64), (own, own_len): (u64, u8), is_same: bool) {
    let Some(evidence) = EVIDENCE.get_ptr_mut(site::number(ctx)) else { return };
    // SAFETY: a checked map value. Other CPUs write it the same way; any of their wrong items may be kept.
    unsafe { add_u32(&raw mut (*evidence).items, 1) };
    if is_same {
        return;
    }
    fault(Fault::ItemMismatch);
    // SAFETY: as above; the helper writes exactly the size of the fields.
    unsafe {
        add_u32(&raw mut (*evidence).wrong_items, 1);
        (*evidence).key_len = key_len as u32;
        (*evidence).item_key_len = u32::from(own_len);
        bpf_probe_read_user((&raw mut (*evidence).key).cast(), SAMPLE, key as *const _);
        bpf_probe_read_user((&raw mut (*evidence).item_key).cast(), SAMPLE, own as *const _);
    }
}
