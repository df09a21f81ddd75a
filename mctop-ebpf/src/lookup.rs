//! From a lookup to an event: what it means, given who called and which request it belongs to.

use core::mem::MaybeUninit;

use aya_ebpf::EbpfContext;
use aya_ebpf::programs::ProbeContext;
use mctop_common::item::{ItemHeader, KEY_OFFSET_CAS};
use mctop_common::records::{Caller, Fault, SITE_NO_CAS, SITE_VALIDATE, SITE_WIDE_ITEM_FLAGS, Site};
use mctop_common::verb::Class;

use crate::key::{self, Keyed};
use crate::request::{self, Request};
use crate::stats::{self, Event, fault};
use crate::verifier::{forget, forget_truth};
use crate::{evidence, registers, site};

/// The key of an item that is being checked against the key looked up.
#[derive(Default)]
struct Own {
    /// Its address; 0 where none is checked.
    key: u64,
    len: u8,
    /// 0 where it is of another length, or could not be read.
    hash: u64,
}

/// A lookup as it was seen.
pub struct Lookup {
    /// The key's address.
    pub key: u64,
    /// The key's length.
    pub key_len: u64,
    /// The item, or 0.
    pub item: u64,
    /// memcached's `was_found`.
    pub found: u32,
    /// None where it is not known yet.
    pub caller: Option<Caller>,
}

/// Counts the lookup whose outcome is known at the probed instruction.
#[inline(always)]
pub fn lookup(ctx: &ProbeContext) {
    let Some(site) = site::current(ctx) else { return fault(Fault::Unconfigured) };
    let item = site::value(ctx, &site.item);
    let found = if site.found.is_present() { site::value(ctx, &site.found) as u32 } else { u32::from(item != 0) };
    count(
        ctx,
        site,
        &Lookup {
            key: site::value(ctx, &site.key),
            key_len: site::value(ctx, &site.key_len),
            item,
            found,
            caller: None,
        },
    );
}

/// Counts one lookup under the request it belongs to.
#[inline(always)]
pub fn count(ctx: &impl EbpfContext, site: &Site, lookup: &Lookup) {
    let unknown = registers::instruction_pointer(ctx);
    let input = request::input(ctx, site);
    let in_request = input.holds(lookup.key);
    // A key inside of the request is not that of an item that a storage command brings.
    let caller = match lookup.caller {
        _ if in_request => Caller::Any,
        Some(known) => known,
        None => caller(ctx, site),
    };
    let caller = Caller::of(forget(u64::from(caller as u32), unknown) as u32);
    let is_store = forget_truth(matches!(caller, Caller::Store), unknown);
    let is_delta = forget_truth(matches!(caller, Caller::Delta), unknown);
    let in_request = forget_truth(in_request, unknown);
    let request = if is_store {
        Request::of(Class::Store)
    } else {
        request::of_lookup(ctx, site, &input, in_request, lookup.key, lookup.key_len)
    };
    let class = forget(u64::from(request.class as u32), unknown) as u32;
    let flag = forget_truth(request.flag, unknown);
    // Lookups of text incr and decr are known by their caller also where the request is not.
    let class = if is_delta && class != Class::Arithmetic as u32 { Class::Other as u32 } else { class };
    let class = forget(u64::from(class), unknown) as u32;
    let hit = forget_truth(!is_store && lookup.item != 0 && lookup.found == 1, unknown);
    let mut event = Event { class, hit, found: lookup.found, bytes: 0, size_plus_1: 0, exptime: 0 };
    // 0 where it is none.
    let len = key::length(lookup.key_len).unwrap_or_else(|kind| {
        fault(kind);
        0
    });
    let len = forget(u64::from(len), unknown) as u8;
    let mut place = MaybeUninit::uninit();
    let keyed = Keyed::cleared(&mut place);
    let (mut has_key, mut own) = (false, Own::default());
    if hit || is_store {
        (has_key, own) = read_item(site, lookup, is_store, len, keyed, &mut event);
        // What another lookup of a storage command finds, such as that of one that is too large, was not received.
        if flag && (is_store || class != Class::Store as u32) {
            event.bytes = event.size_plus_1.saturating_sub(1);
        }
    }
    event.bytes = forget(u64::from(event.bytes), unknown) as u32;
    event.size_plus_1 = forget(u64::from(event.size_plus_1), unknown) as u32;
    event.exptime = forget(u64::from(event.exptime), unknown) as u32;
    let has_key = forget_truth(has_key, unknown);
    let has_key =
        forget_truth(len != 0 && (has_key || keyed.read_key(lookup.key, len).map_err(fault).is_ok()), unknown);
    if !has_key {
        return stats::count_nameless(&event);
    }
    let hash = forget(keyed.hash(site.target, len), unknown);
    if own.key != 0 {
        evidence::item(ctx, lookup, own.key, own.len, own.hash == hash);
    }
    if is_store {
        if request::stores_itself(site, input.text, hash) {
            return;
        }
    } else if flag && (!hit && class == Class::Arithmetic as u32 || hit && class == Class::Delete as u32) {
        request::may_store(site, class, input.text, hash);
    }
    stats::count(hash, &keyed.name, &event);
}

/// Reads the item found, or the new item, whose key is the one looked up. Returns whether the key looked up was read with it, and
/// the item's own if it is to be checked.
#[inline(always)]
fn read_item(
    site: &Site,
    lookup: &Lookup,
    is_store: bool,
    len: u8,
    keyed: &mut Keyed,
    event: &mut Event,
) -> (bool, Own) {
    let wide = site.flags & SITE_WIDE_ITEM_FLAGS != 0;
    // Nearly all servers keep CAS numbers in front of the keys.
    let key = if is_store { lookup.key } else { lookup.item + KEY_OFFSET_CAS };
    let words = match keyed.read_item(key, len) {
        Ok(words) => words,
        Err(kind) => {
            fault(kind);
            return (false, Own::default());
        }
    };
    let header = if is_store {
        ItemHeader::before_key(words, lookup.key_len, wide, site.flags & SITE_NO_CAS != 0)
    } else {
        ItemHeader::of([words[0], words[1], words[2]])
    };
    accept(&header, lookup.key_len, event);
    if is_store || site.flags & SITE_VALIDATE == 0 {
        return (is_store || header.has_cas(wide) && header.key_len == len, Own::default());
    }
    let mut own = Own { key: lookup.item + header.key_offset(wide), len: header.key_len, hash: 0 };
    if header.key_len == len && keyed.read_key(own.key, len).is_ok() {
        own.hash = keyed.hash(site.target, len);
    }
    (false, own)
}

/// Size and expiry of an item.
#[inline(always)]
fn accept(header: &ItemHeader, key_len: u64, event: &mut Event) {
    if u64::from(header.key_len) != key_len {
        return fault(Fault::ItemMismatch);
    }
    event.size_plus_1 = header.value_bytes() + 1;
    event.exptime = header.exptime;
}

/// Who called the lookup function, by its return address.
#[inline(always)]
pub fn caller(ctx: &impl EbpfContext, site: &Site) -> Caller {
    let Ok(return_address) = site::operand(ctx, &site.return_address) else {
        fault(Fault::ItemRead);
        return Caller::Any;
    };
    let relative = return_address.wrapping_sub(registers::instruction_pointer(ctx)) as i64;
    if contains(&site.store_returns, relative) {
        Caller::Store
    } else if contains(&site.delta_returns, relative) {
        Caller::Delta
    } else {
        Caller::Any
    }
}

#[inline(always)]
fn contains(list: &[i64], value: i64) -> bool {
    for entry in list {
        if *entry == 0 {
            return false;
        }
        if *entry == value {
            return true;
        }
    }
    false
}
