//! Which request a lookup belongs to: read from the connection at the lookup itself, or remembered from when it began.

use aya_ebpf::EbpfContext;
use aya_ebpf::bindings::BPF_ANY;
use aya_ebpf::btf_maps::HashMap;
use aya_ebpf::helpers::bpf_get_current_pid_tgid;
use aya_ebpf::macros::btf_map;
use aya_ebpf::programs::ProbeContext;
use mctop_common::binary;
use mctop_common::limits::{META_LINE_MAX, THREADS_MAX};
use mctop_common::records::{Command, Fault, INPUT_LENGTH_OFFSET, SITE_ASSUME_READ, SITE_TOKENS, SITE_VALIDATE, Site};
use mctop_common::verb::{Class, META_GET, META_STEP, classify, is_meta_get, meta_get_sends_value, uncut};

use crate::stats::fault;
use crate::verifier::forget;
use crate::{evidence, registers, site};

/// What is remembered of the request under way on each server thread, by thread id.
#[btf_map]
static COMMANDS: HashMap<u32, Command, { THREADS_MAX as usize }> = HashMap::new();

/// What a request means for its lookups.
pub struct Request {
    pub class: Class,
    /// Whether a hit sends the value.
    pub sends_value: bool,
}

/// The thread that was trapped.
#[inline(always)]
pub fn thread() -> u32 {
    bpf_get_current_pid_tgid() as u32
}

/// Remembers which command begins on this thread.
#[inline(always)]
pub fn begin(ctx: &ProbeContext) {
    let Some(site) = site::current(ctx) else { return fault(Fault::Unconfigured) };
    let text = site::value(ctx, &site.key);
    let request = read_text(ctx, site, text, false);
    let command = Command {
        class: request.class as u32,
        target: site.target,
        sends_value: u32::from(request.sends_value),
        ..Command::default()
    };
    remember(&command);
}

/// The unread input of the connection that a lookup belongs to. Both are 0 when it cannot be read, or requests are not read at
/// lookups.
pub struct Input {
    /// Its address. While a text request is processed, it is the request's.
    pub text: u64,
    len: u64,
}

impl Input {
    /// Whether an address lies in it.
    #[inline(always)]
    pub fn holds(&self, address: u64) -> bool {
        address.wrapping_sub(self.text) < self.len
    }
}

/// Reads where the unread input is.
#[inline(always)]
pub fn input(ctx: &impl EbpfContext, site: &Site) -> Input {
    if site.input == 0 {
        return Input { text: 0, len: 0 };
    }
    let connection = if site.connections != 0 {
        let descriptor = site::value(ctx, &site.descriptor) as u32;
        site::read::<u64>(site.connections.wrapping_add(8 * u64::from(descriptor)))
    } else {
        site::operand(ctx, &site.connection)
    };
    let words = connection.and_then(|connection| site::read::<[u64; 2]>(connection.wrapping_add(site.input)));
    let [text, lengths] = words.unwrap_or([0; 2]);
    let unknown = registers::instruction_pointer(ctx);
    Input { text: forget(text, unknown), len: forget(lengths >> (8 * (INPUT_LENGTH_OFFSET - 8)), unknown) }
}

/// The request that the lookup of a key belongs to; `in_request` says that the key lies in the unread input, and so in a text
/// request.
#[inline(always)]
pub fn of_lookup(ctx: &impl EbpfContext, site: &Site, text: u64, in_request: bool, key: u64, key_len: u64) -> Request {
    if site.input != 0 {
        return read_request(ctx, site, text, in_request, key, key_len);
    }
    // What was remembered before the probe that sees requests was shed means nothing any more.
    if site.flags & SITE_ASSUME_READ != 0 {
        return Request { class: Class::Read, sends_value: true };
    }
    if let Some(command) = COMMANDS.get_ptr_mut(thread()) {
        // SAFETY: a checked map value; only this thread writes its entry.
        let command = unsafe { &*command };
        if command.target == site.target {
            return Request { class: Class::of(command.class), sends_value: command.sends_value != 0 };
        }
    }
    Request { class: Class::Unknown, sends_value: true }
}

/// Reads the request through the connection. While a text request is processed, the connection's unread input still begins
/// with it; a binary request's input begins behind its key, which lies behind the header.
#[inline(always)]
fn read_request(ctx: &impl EbpfContext, site: &Site, text: u64, in_request: bool, key: u64, key_len: u64) -> Request {
    if !in_request && text == key.wrapping_add(key_len) {
        for extras in binary::EXTRAS {
            if let Ok(first8) = site::read::<u64>(key.wrapping_sub(binary::header_distance(extras)))
                && let Some(class) = binary::classify(first8, extras, key_len)
            {
                evidence::request(ctx, site, true, 0);
                return Request { class, sends_value: true };
            }
        }
    }
    read_text(ctx, site, text, site.flags & SITE_TOKENS != 0)
}

/// Reads a text request.
#[inline(always)]
fn read_text(ctx: &impl EbpfContext, site: &Site, text: u64, cut: bool) -> Request {
    let Ok(first8) = site::read::<u64>(text).map(uncut) else {
        fault(Fault::CommandRead);
        evidence::request(ctx, site, false, 0);
        return Request { class: Class::Unknown, sends_value: true };
    };
    let class = classify(first8);
    if site.flags & SITE_VALIDATE != 0 {
        // Before 1.6.40, memcached passes over spaces in front of a verb.
        let first = first8 as u8;
        let may_be_one = first == b' ' || (first | 0x20).is_ascii_lowercase();
        evidence::request(ctx, site, may_be_one || !matches!(class, Class::Unknown), first8);
    }
    Request { class, sends_value: !is_meta_get(first8) || asks_for_value(text, cut) }
}

/// Whether the meta get at `text` has the `v` flag; `cut` says that it was cut into tokens. In steps, because the stack is
/// small.
#[inline(always)]
fn asks_for_value(text: u64, cut: bool) -> bool {
    for step in 0..META_LINE_MAX / (8 * META_STEP) {
        let from = text + (META_GET.len() + step * 8 * META_STEP) as u64;
        let Ok(window) = site::read::<[u64; META_STEP + 1]>(from) else {
            fault(Fault::CommandRead);
            return true;
        };
        if let Some(answer) = meta_get_sends_value(&window, cut) {
            return answer;
        }
    }
    false
}

/// Remembers that the request of a class, whose text is at `text`, missed a key that it may now create.
#[inline(always)]
pub fn missed(site: &Site, class: u32, text: u64, hash: u64) {
    remember(&Command { class, target: site.target, missed: hash, missed_by: text, sends_value: 1, pad: 0 });
}

/// Whether a store creates the key that the request under way has missed; that counts as the request, not as a store.
#[inline(always)]
pub fn creates_missed(site: &Site, text: u64, hash: u64) -> bool {
    let Some(command) = COMMANDS.get_ptr_mut(thread()) else { return false };
    // SAFETY: a checked map value; only this thread writes its entry.
    let command = unsafe { &mut *command };
    if command.missed != hash || command.target != site.target {
        return false;
    }
    command.missed = 0;
    text == command.missed_by
}

#[inline(always)]
fn remember(command: &Command) {
    let thread = thread();
    if let Some(known) = COMMANDS.get_ptr_mut(thread) {
        // SAFETY: a checked map value; only this thread writes its entry.
        unsafe { *known = *command };
    } else if COMMANDS.insert(thread, command, u64::from(BPF_ANY)).is_err() {
        fault(Fault::Threads);
    }
}
