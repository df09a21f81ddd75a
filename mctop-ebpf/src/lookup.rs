//! From a lookup to an event: what it means, given who called and which request it belongs to.

use core::mem::MaybeUninit;

use aya_ebpf::EbpfContext;
use aya_ebpf::programs::ProbeContext;
use mctop_common::item::{BEFORE_KEY_WORDS, HEADER_BYTES, HEADER_OFFSET, Header};
use mctop_common::records::{Caller, Fault, Name, SITE_VALIDATE, SITE_WIDE_ITEM_FLAGS, Site};
use mctop_common::verb::Class;

use crate::request::{self, Request};
use crate::stats::{self, Event, fault};
use crate::verifier::{forget, forget_truth};
use crate::{evidence, key, registers, site};

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
    let text = request::address_of_text(ctx, site);
    let is_near = request::is_near(text, lookup.key);
    // A key inside of the request is not that of an item that a storage command brings.
    let caller = match lookup.caller {
        _ if is_near => Caller::Any,
        Some(known) => known,
        None => caller(ctx, site),
    };
    let caller = Caller::of(forget(u64::from(caller as u32), unknown) as u32);
    let is_store = forget_truth(matches!(caller, Caller::Store), unknown);
    let is_delta = forget_truth(matches!(caller, Caller::Delta), unknown);
    let mut name = MaybeUninit::<Name>::uninit();
    // SAFETY: plain old data; `key::read` writes all of it before anything reads it.
    let name = unsafe { name.assume_init_mut() };
    let is_near = forget_truth(is_near, unknown);
    // A hash is never 0, which stands for a key that could not be read.
    let (hash, preceding) = key::read(name, site.target, lookup.key, lookup.key_len, is_near).unwrap_or_else(|kind| {
        fault(kind);
        (0, 0)
    });
    let (hash, preceding) = (forget(hash, unknown), forget(preceding, unknown));
    let is_near = forget_truth(is_near, unknown);
    let request = if is_store {
        Request { class: Class::Store, sends_value: true, text }
    } else if is_near {
        request::in_front(ctx, site, text, lookup.key, preceding, name.words[0])
    } else {
        request::of_lookup(ctx, site, text, lookup.key, lookup.key_len)
    };
    let class = forget(u64::from(request.class as u32), unknown) as u32;
    let sends_value = forget_truth(request.sends_value, unknown);
    // Lookups of text incr and decr are known by their caller also where the request is not.
    let class = if is_delta && class != Class::Arithmetic as u32 { Class::Other as u32 } else { class };
    let class = forget(u64::from(class), unknown) as u32;
    let hit = !is_store && lookup.item != 0 && lookup.found == 1;
    let mut event = Event { class, hit, found: lookup.found, bytes: 0, size_plus_1: 0, exptime: 0 };
    // The item found; or the new item, whose key is the one looked up.
    if hit || is_store {
        let before = 8 * BEFORE_KEY_WORDS as u64;
        let from = if is_store { lookup.key - before } else { lookup.item + HEADER_OFFSET + HEADER_BYTES - before };
        match site::read::<[u64; BEFORE_KEY_WORDS]>(from) {
            Ok(words) => {
                let wide = site.flags & SITE_WIDE_ITEM_FLAGS != 0;
                let header = if is_store {
                    Header::before_key(words, lookup.key_len, wide)
                } else {
                    Header::of([words[1], words[2], words[3]])
                };
                if hit && site.flags & SITE_VALIDATE != 0 {
                    let own = lookup.item + header.key_offset(wide);
                    // Into the same place, because the stack is small: it is the same key, or no figure will be shown.
                    if let Ok((own_hash, _)) = key::read(name, site.target, own, u64::from(header.key_len), false) {
                        evidence::item(ctx, lookup, own, u32::from(header.key_len), own_hash == hash);
                    }
                }
                accept(&header, lookup.key_len, &mut event);
            }
            Err(()) => fault(Fault::ItemRead),
        }
        if sends_value {
            event.bytes = event.size_plus_1.saturating_sub(1);
        }
    }
    event.bytes = forget(u64::from(event.bytes), unknown) as u32;
    event.size_plus_1 = forget(u64::from(event.size_plus_1), unknown) as u32;
    event.exptime = forget(u64::from(event.exptime), unknown) as u32;
    if hash == 0 {
        return stats::count_nameless(&event);
    }
    if is_store {
        if request::creates_missed(site, text, hash) {
            return;
        }
    } else if !hit && class == Class::Arithmetic as u32 {
        request::missed(site, class, text, hash);
    }
    stats::count(hash, name, &event);
}

/// Size and expiry of an item.
#[inline(always)]
fn accept(header: &Header, key_len: u64, event: &mut Event) {
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
