//! What the probes see while their sites are validated: that an item found is of the key looked up, and that what should be
//! a request begins as one.

use aya_ebpf::EbpfContext;
use aya_ebpf::btf_maps::Array;
use aya_ebpf::helpers::generated::bpf_probe_read_user;
use aya_ebpf::macros::btf_map;
use mctop_common::item::Header;
use mctop_common::limits::{KEY_WORDS, SITES_MAX};
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

/// Takes down an item that was found, and whether its own key is the one looked up.
#[inline(always)]
pub fn item(ctx: &impl EbpfContext, lookup: &Lookup, header: &Header, wide: bool) {
    let Some(evidence) = EVIDENCE.get_ptr_mut(site::number(ctx)) else { return };
    // SAFETY: a checked map value; other CPUs write it as done here, and of the last wrong item either may stay.
    unsafe { add_u32(&raw mut (*evidence).items, 1) };
    let own = lookup.item.wrapping_add(header.key_offset(wide));
    if u64::from(header.key_len) == lookup.key_len && is_same(lookup.key, own, lookup.key_len) {
        return;
    }
    fault(Fault::ItemMismatch);
    // SAFETY: as above; the helper writes as many bytes as the fields have.
    unsafe {
        add_u32(&raw mut (*evidence).wrong_items, 1);
        (*evidence).key_len = lookup.key_len as u32;
        (*evidence).item_key_len = u32::from(header.key_len);
        bpf_probe_read_user((&raw mut (*evidence).key).cast(), SAMPLE, lookup.key as *const _);
        bpf_probe_read_user((&raw mut (*evidence).item_key).cast(), SAMPLE, own as *const _);
    }
}

/// Whether two keys of the server's memory are the same. What cannot be read does not tell them apart.
#[inline(always)]
fn is_same(key: u64, own: u64, len: u64) -> bool {
    let mut difference = 0;
    for word in 0..KEY_WORDS as u64 {
        let at = 8 * word;
        if at >= len {
            break;
        }
        let (Ok(one), Ok(other)) = (site::read::<u64>(key + at), site::read::<u64>(own + at)) else { break };
        let beyond = (at + 8).saturating_sub(len);
        // What lies behind the key is shifted out.
        difference |= (one ^ other) << (8 * beyond & 63);
    }
    difference == 0
}
