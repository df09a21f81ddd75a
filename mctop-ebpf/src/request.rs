//! From a probe hit to an event: which command is under way on a thread, and what a lookup on it means.

use core::mem::MaybeUninit;

use aya_ebpf::bindings::BPF_ANY;
use aya_ebpf::btf_maps::HashMap;
use aya_ebpf::helpers::bpf_get_current_pid_tgid;
use aya_ebpf::helpers::generated::bpf_probe_read_user_str;
use aya_ebpf::macros::btf_map;
use aya_ebpf::programs::ProbeContext;
use mctop_common::item::{HEADER_BYTES, HEADER_OFFSET, Header, KEY_OFFSET, KEY_OFFSET_CAS};
use mctop_common::limits::{META_LINE_MAX, THREADS_MAX};
use mctop_common::records::{Caller, Command, Fault, Name, SITE_ASSUME_READ, SITE_WIDE_ITEM_FLAGS, Site};
use mctop_common::verb::{Class, META_GET, classify, is_meta_get, meta_get_sends_value};

use crate::stats::{self, Event, fault};
use crate::{key, registers, site};

/// The command under way on each server thread, by thread id.
#[btf_map]
static COMMANDS: HashMap<u32, Command, { THREADS_MAX as usize }> = HashMap::new();

/// The thread that was trapped.
#[inline(always)]
pub fn thread() -> u32 {
    bpf_get_current_pid_tgid() as u32
}

/// Remembers which command begins on this thread.
#[inline(always)]
pub fn begin(ctx: &ProbeContext) {
    let Some(site) = site::current(ctx) else { return fault(Fault::Unconfigured) };
    let address = site::operand(ctx, &site.key).unwrap_or(0);
    let first8 = match site::read::<u64>(address) {
        Ok(first8) => first8,
        Err(()) => {
            fault(Fault::CommandRead);
            0
        }
    };
    let sends_value = !is_meta_get(first8) || asks_for_value(address);
    let class = classify(first8) as u32;
    let thread = thread();
    if let Some(command) = COMMANDS.get_ptr_mut(thread) {
        // SAFETY: a checked map value; only this thread writes its entry.
        unsafe {
            (*command).class = class;
            (*command).target = site.target;
            (*command).missed_meta_arithmetic = 0;
            (*command).sends_value = u32::from(sends_value);
        }
        return;
    }
    let command =
        Command { class, target: site.target, missed_meta_arithmetic: 0, sends_value: u32::from(sends_value), pad: 0 };
    if COMMANDS.insert(thread, &command, u64::from(BPF_ANY)).is_err() {
        fault(Fault::Threads);
    }
}

/// Whether the meta get at `address` has the `v` flag.
#[inline(always)]
fn asks_for_value(address: u64) -> bool {
    let mut arguments = MaybeUninit::<[u64; META_LINE_MAX / 8]>::uninit();
    let from = (address + META_GET.len() as u64) as *const _;
    // SAFETY: the helper checks the address, and writes at most the buffer's length.
    let read = unsafe { bpf_probe_read_user_str(arguments.as_mut_ptr().cast(), META_LINE_MAX as u32, from) };
    if read < 0 {
        fault(Fault::CommandRead);
        return true;
    }
    // SAFETY: plain numbers; what the helper has not written lies behind the NUL that ends the search.
    meta_get_sends_value(unsafe { arguments.assume_init_ref() })
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
    pub caller: Caller,
}

/// Counts the lookup whose outcome is known at the probed instruction.
#[inline(always)]
pub fn lookup(ctx: &ProbeContext) {
    let Some(site) = site::current(ctx) else { return fault(Fault::Unconfigured) };
    let item = site::operand(ctx, &site.item).unwrap_or(0);
    let found = if site.found.is_present() {
        site::operand(ctx, &site.found).unwrap_or(0) as u32
    } else {
        u32::from(item != 0)
    };
    count(
        site,
        &Lookup {
            key: site::operand(ctx, &site.key).unwrap_or(0),
            key_len: site::operand(ctx, &site.key_len).unwrap_or(0),
            item,
            found,
            caller: caller(ctx, site),
        },
    );
}

/// Counts one lookup under the command it belongs to.
#[inline(always)]
pub fn count(site: &Site, lookup: &Lookup) {
    let &Lookup { key: key_address, key_len, item, found, caller } = lookup;
    let command = COMMANDS.get_ptr_mut(thread());
    let mut event =
        Event { class: Class::Unknown, hit: item != 0 && found == 1, found, bytes: 0, size_plus_1: 0, exptime: 0 };
    let mut sends_value = true;
    match caller {
        Caller::Store => {
            event.class = Class::Store;
            read_item_of_key(site, key_address, key_len, &mut event);
            event.bytes = event.size_plus_1.saturating_sub(1);
        }
        Caller::Delta | Caller::Any => {
            event.class = if site.flags & SITE_ASSUME_READ != 0 { Class::Read } else { Class::Unknown };
            if let Some(command) = command {
                // SAFETY: a checked map value; only this thread writes its entry.
                let command = unsafe { &*command };
                if command.target == site.target {
                    event.class = class_of(command.class);
                    sends_value = command.sends_value != 0;
                }
            }
            if let Caller::Delta = caller
                && !matches!(event.class, Class::MetaArithmetic)
            {
                event.class = Class::Other;
            }
            if event.hit {
                read_item(item, key_len, &mut event);
                if let Class::Read = event.class
                    && sends_value
                {
                    event.bytes = event.size_plus_1.saturating_sub(1);
                }
            }
        }
    }

    let mut name = MaybeUninit::<Name>::uninit();
    // SAFETY: plain old data; `key::read` writes all of it before anything reads it.
    let name = unsafe { name.assume_init_mut() };
    let hash = match key::read(name, site.target, key_address, key_len) {
        Ok(hash) => hash,
        Err(kind) => {
            fault(kind);
            return stats::count_nameless(&event);
        }
    };
    if let Some(command) = command {
        // SAFETY: as above.
        let command = unsafe { &mut *command };
        if let Class::MetaArithmetic = event.class
            && !event.hit
        {
            command.missed_meta_arithmetic = hash;
        } else if let Caller::Store = caller
            && command.missed_meta_arithmetic == hash
        {
            command.missed_meta_arithmetic = 0;
            return;
        }
    }
    stats::count(hash, name, &event);
}

/// Who called the lookup function, by its return address.
#[inline(always)]
pub fn caller(ctx: &ProbeContext, site: &Site) -> Caller {
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

#[inline(always)]
fn class_of(number: u32) -> Class {
    match number {
        1 => Class::Read,
        2 => Class::Store,
        3 => Class::Delete,
        4 => Class::Other,
        5 => Class::MetaArithmetic,
        _ => Class::Unknown,
    }
}

/// Size and expiry of the item that was found.
#[inline(always)]
fn read_item(item: u64, key_len: u64, event: &mut Event) {
    match site::read::<Header>(item + HEADER_OFFSET) {
        Ok(header) => accept(&header, key_len, event),
        Err(()) => fault(Fault::ItemRead),
    }
}

/// Size and expiry of the item that a storage command brings: the key looked up is the one inside it, behind the header
/// and, when the item has one, its CAS number.
#[inline(always)]
fn read_item_of_key(site: &Site, key_address: u64, key_len: u64, event: &mut Event) {
    let wide = site.flags & SITE_WIDE_ITEM_FLAGS != 0;
    let plain = site::read::<Header>(key_address.wrapping_sub(HEADER_BYTES));
    let with_cas = site::read::<Header>(key_address.wrapping_sub(HEADER_BYTES + (KEY_OFFSET_CAS - KEY_OFFSET)));
    match (with_cas, plain) {
        (Ok(header), _) if header.has_cas(wide) && u64::from(header.key_len) == key_len => {
            accept(&header, key_len, event)
        }
        (_, Ok(header)) => accept(&header, key_len, event),
        _ => fault(Fault::ItemRead),
    }
}

#[inline(always)]
fn accept(header: &Header, key_len: u64, event: &mut Event) {
    if u64::from(header.key_len) != key_len {
        return fault(Fault::ItemMismatch);
    }
    event.size_plus_1 = header.value_bytes() + 1;
    event.exptime = header.exptime;
}
