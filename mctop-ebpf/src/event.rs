//! Events that memcached's logger tells: how storage commands end, and which items are evicted.

use core::mem::MaybeUninit;

use aya_ebpf::programs::ProbeContext;
use mctop_common::item::{HEADER_OFFSET, ItemHeader};
use mctop_common::records::{Fault, SITE_WIDE_ITEM_FLAGS, Site};
use mctop_common::store::Outcome;

use crate::key::{self, Keyed};
use crate::stats::{self, Rare, fault};
use crate::verifier::forget;
use crate::{registers, site};

/// A storage command ends; counts it unless it stored.
#[inline(always)]
pub fn store(ctx: &ProbeContext) {
    let Some(site) = site::current(ctx) else { return fault(Fault::Unconfigured) };
    let what = match Outcome::of(site::value(ctx, &site.found) as u32) {
        Outcome::Stored => return,
        Outcome::Exists => Rare::Exists,
        Outcome::NotStored => Rare::NotStored,
    };
    count(ctx, site, what);
}

/// A live item is evicted.
#[inline(always)]
pub fn eviction(ctx: &ProbeContext) {
    let Some(site) = site::current(ctx) else { return fault(Fault::Unconfigured) };
    count(ctx, site, Rare::Evicted);
}

/// Counts what happened to the site's item under the item's key.
#[inline(always)]
fn count(ctx: &ProbeContext, site: &Site, what: Rare) {
    let item = site::value(ctx, &site.item);
    let unknown = registers::instruction_pointer(ctx);
    let mut place = MaybeUninit::uninit();
    let keyed = Keyed::cleared(&mut place);
    let Ok(words) = site::read::<[u64; 3]>(item + HEADER_OFFSET) else {
        fault(Fault::ItemRead);
        return stats::count_rare_nameless(what);
    };
    let header = ItemHeader::of(words);
    let key = item + header.key_offset(site.flags & SITE_WIDE_ITEM_FLAGS != 0);
    let len = forget(u64::from(header.key_len), unknown);
    match key::length(len).and_then(|len| keyed.read_key(key, len).map(|()| keyed.hash(site.target, len))) {
        Ok(hash) => stats::count_rare(hash, &keyed.name, what),
        Err(kind) => {
            fault(kind);
            stats::count_rare_nameless(what);
        }
    }
}
