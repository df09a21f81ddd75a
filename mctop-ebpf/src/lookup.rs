//! Turns a lookup into an event to count, given its caller and its request.

use core::mem::MaybeUninit;

use aya_ebpf::EbpfContext;
use aya_ebpf::programs::ProbeContext;
use mctop_common::item::{ItemHeader, KEY_OFFSET_CAS};
use mctop_common::records::{Caller, Fault, SITE_NO_CAS, SITE_VALIDATE, SITE_WIDE_ITEM_FLAGS, Site};
use mctop_common::verb::Class;

use crate::key::{self, Keyed};
use crate::request::{self, RequestInfo};
use crate::stats::{self, Event, fault};
use crate::verifier::{forget, forget_bool};
use crate::{evidence, registers, site};

/// The key of an item that is checked against the key that was looked up.
#[derive(Default)]
struct ItemKey {
    /// Its address; 0 if no key is checked.
    address: u64,
    len: u8,
    /// 0 if it has another length or could not be read.
    hash: u64,
}

/// A lookup as the probe observed it.
pub struct Lookup {
    /// The key's address.
    pub key: u64,
    /// The key's length.
    pub key_len: u64,
    /// The item, or 0.
    pub item: u64,
    /// memcached's `was_found`.
    pub found: u32,
    /// `None` if it is not known yet.
    pub caller: Option<Caller>,
}

/// Counts a lookup whose outcome is known at the probed instruction.
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

/// Counts a lookup as its request requires.
#[inline(always)]
pub fn count(ctx: &impl EbpfContext, site: &Site, lookup: &Lookup) {
    let unknown = registers::instruction_pointer(ctx);
    let input = request::input(ctx, site);
    let in_request = input.holds(lookup.key);
    // A key inside the request is not the key inside the new item of a storage command.
    let caller = match lookup.caller {
        _ if in_request => Caller::Any,
        Some(known) => known,
        None => caller(ctx, site),
    };
    let caller = Caller::of(forget(u64::from(caller as u32), unknown) as u32);
    let is_store = forget_bool(matches!(caller, Caller::Store), unknown);
    let is_delta = forget_bool(matches!(caller, Caller::Delta), unknown);
    let in_request = forget_bool(in_request, unknown);
    let request = if is_store {
        RequestInfo::of(Class::Store)
    } else {
        request::of_lookup(ctx, site, &input, in_request, lookup.key, lookup.key_len)
    };
    let class = forget(u64::from(request.class as u32), unknown) as u32;
    let flag = forget_bool(request.flag, unknown);
    // Lookups of incr and decr of the text protocol are recognised by their caller even if the request is unknown.
    let class = if is_delta && class != Class::Arithmetic as u32 { Class::Other as u32 } else { class };
    let class = forget(u64::from(class), unknown) as u32;
    let hit = forget_bool(!is_store && lookup.item != 0 && lookup.found == 1, unknown);
    let mut event = Event { class, hit, found: lookup.found, bytes: 0, size_plus_1: 0, exptime: 0 };
    // 0 if it is invalid.
    let len = key::length(lookup.key_len).unwrap_or_else(|kind| {
        fault(kind);
        0
    });
    let len = forget(u64::from(len), unknown) as u8;
    let mut place = MaybeUninit::uninit();
    let keyed = Keyed::cleared(&mut place);
    let (mut has_key, mut own) = (false, ItemKey::default());
    if hit || is_store {
        (has_key, own) = read_item(site, lookup, is_store, len, keyed, &mut event);
        // If a storage command looks up an existing item, for example because its value is too large, the item was not received.
        if flag && (is_store || class != Class::Store as u32) {
            event.bytes = event.size_plus_1.saturating_sub(1);
        }
    }
    event.bytes = forget(u64::from(event.bytes), unknown) as u32;
    event.size_plus_1 = forget(u64::from(event.size_plus_1), unknown) as u32;
    event.exptime = forget(u64::from(event.exptime), unknown) as u32;
    let has_key = forget_bool(has_key, unknown);
    let has_key = forget_bool(len != 0 && (has_key || keyed.read_key(lookup.key, len).map_err(fault).is_ok()), unknown);
    if !has_key {
        return stats::count_nameless(&event);
    }
    let hash = forget(keyed.hash(site.target, len), unknown);
    if own.address != 0 {
        evidence::item(ctx, (lookup.key, lookup.key_len), (own.address, own.len), own.hash == hash);
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

/// Reads the item found, or a storage command's new item, which contains the key that is looked up. Returns whether the key was read
/// with the item, and the item's own key if it is to be checked.
#[inline(always)]
fn read_item(
    site: &Site,
    lookup: &Lookup,
    is_store: bool,
    len: u8,
    keyed: &mut Keyed,
    event: &mut Event,
) -> (bool, ItemKey) {
    let wide = site.flags & SITE_WIDE_ITEM_FLAGS != 0;
    // Nearly all servers have CAS numbers before the keys.
    let key = if is_store { lookup.key } else { lookup.item + KEY_OFFSET_CAS };
    let words = match keyed.read_item(key, len) {
        Ok(words) => words,
        Err(kind) => {
            fault(kind);
            return (false, ItemKey::default());
        }
    };
    let header = if is_store {
        ItemHeader::before_key(words, lookup.key_len, wide, site.flags & SITE_NO_CAS != 0)
    } else {
        ItemHeader::of([words[0], words[1], words[2]])
    };
    accept(&header, lookup.key_len, event);
    if is_store || site.flags & SITE_VALIDATE == 0 {
        return (is_store || header.has_cas(wide) && header.key_len == len, ItemKey::default());
    }
    let mut own = ItemKey { address: lookup.item + header.key_offset(wide), len: header.key_len, hash: 0 };
    if header.key_len == len && keyed.read_key(own.address, len).is_ok() {
        own.hash = keyed.hash(site.target, len);
    }
    (false, own)
}

/// Takes size and expiry from an item's header.
#[inline(always)]
fn accept(header: &ItemHeader, key_len: u64, event: &mut Event) {
    if u64::from(header.key_len) != key_len {
        return fault(Fault::ItemMismatch);
    }
    event.size_plus_1 = header.value_bytes() + 1;
    event.exptime = header.exptime;
}

/// The caller of the lookup function, by the return address.
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
