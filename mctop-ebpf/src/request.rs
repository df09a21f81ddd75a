//! The request of a lookup: read from the connection at the lookup itself, or remembered from the start of the request.

use aya_ebpf::EbpfContext;
use aya_ebpf::bindings::BPF_ANY;
use aya_ebpf::btf_maps::HashMap;
use aya_ebpf::helpers::bpf_get_current_pid_tgid;
use aya_ebpf::macros::btf_map;
use aya_ebpf::programs::ProbeContext;
use mctop_common::binary;
use mctop_common::limits::{META_LINE_MAX, SPACES_MAX, THREADS_MAX};
use mctop_common::records::{
    CurrentCommand, Fault, INPUT_LENGTH_OFFSET, SITE_ASSUME_READ, SITE_TOKENS, SITE_VALIDATE, Site,
};
use mctop_common::verb::{Class, FLAG_STEP, META_VERB_LEN, classify, deciding_flag, has_flag, unsplit};
use mctop_common::verifier::keep_loop;

use crate::stats::fault;
use crate::verifier::{forget, forget_bool};
use crate::{evidence, registers, site};

/// The current request of each server thread, by thread id.
#[btf_map]
static COMMANDS: HashMap<u32, CurrentCommand, { THREADS_MAX as usize }> = HashMap::new();

/// How the lookups of a request are counted.
pub struct RequestInfo {
    pub class: Class,
    /// Whether it has the flag that determines how it is counted ([`deciding_flag`]); true if its verb has no such flag.
    pub flag: bool,
}

impl RequestInfo {
    /// A request without flags.
    #[inline(always)]
    pub const fn of(class: Class) -> Self {
        // A delete without the flag stores nothing.
        Self { class, flag: !matches!(class, Class::Delete) }
    }
}

/// The id of this thread.
#[inline(always)]
pub fn thread() -> u32 {
    bpf_get_current_pid_tgid() as u32
}

/// Remembers the command that starts on this thread.
#[inline(always)]
pub fn start(ctx: &ProbeContext) {
    let Some(site) = site::current(ctx) else { return fault(Fault::Unconfigured) };
    let text = site::value(ctx, &site.key);
    let request = read_text(ctx, site, &UnreadInput { text, len: u64::MAX - text }, None, false);
    let command = CurrentCommand {
        class: request.class as u32,
        target: site.target,
        flag: u32::from(request.flag),
        ..CurrentCommand::default()
    };
    remember(&command);
}

/// The unread input of the connection of a lookup. Both fields are 0 if it cannot be read, or if requests are not read at lookups.
pub struct UnreadInput {
    /// Its address. While a text request is processed, the input starts with the request.
    pub text: u64,
    len: u64,
}

impl UnreadInput {
    /// Whether it contains an address.
    #[inline(always)]
    pub fn holds(&self, address: u64) -> bool {
        address.wrapping_sub(self.text) < self.len
    }
}

/// Reads address and length of the unread input.
#[inline(always)]
pub fn input(ctx: &impl EbpfContext, site: &Site) -> UnreadInput {
    if site.input == 0 {
        return UnreadInput { text: 0, len: 0 };
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
    UnreadInput { text: forget(text, unknown), len: forget(lengths >> (8 * (INPUT_LENGTH_OFFSET - 8)), unknown) }
}

/// The request of a lookup. `in_request`: the key is in the unread input, and therefore in a text request.
///
/// While a text request is processed, the connection's unread input still starts with it. During a binary request the unread input
/// starts after its key, which follows the header.
#[inline(always)]
pub fn of_lookup(
    ctx: &impl EbpfContext,
    site: &Site,
    input: &UnreadInput,
    in_request: bool,
    key: u64,
    key_len: u64,
) -> RequestInfo {
    if site.input == 0 {
        return remembered(site);
    }
    if !in_request && input.text == key.wrapping_add(key_len) {
        for extras in binary::EXTRAS {
            if let Ok(first8) = site::read::<u64>(key.wrapping_sub(binary::header_distance(extras)))
                && let Some(class) = binary::classify(first8, extras, key_len)
            {
                evidence::request(ctx, site, true, 0);
                return RequestInfo::of(class);
            }
        }
    }
    // A base64 key is either decoded in place, so that parts of it may remain after the key, or elsewhere.
    let key_end = if in_request { Some(key.wrapping_add(key_len)) } else { None };
    read_text(ctx, site, input, key_end, site.flags & SITE_TOKENS != 0)
}

/// The request that was remembered for this thread.
#[inline(always)]
fn remembered(site: &Site) -> RequestInfo {
    // Requests that were remembered before their probe was detached are outdated.
    if site.flags & SITE_ASSUME_READ != 0 {
        return RequestInfo::of(Class::Read);
    }
    if let Some(command) = COMMANDS.get_ptr_mut(thread()) {
        // SAFETY: a checked map value; only this thread writes its entry.
        let command = unsafe { &*command };
        if command.target == site.target {
            return RequestInfo { class: Class::of(command.class), flag: command.flag != 0 };
        }
    }
    RequestInfo::of(Class::Unknown)
}

/// Reads a text request. `key_end` is the end of its key, if known. For `split` see [`has_flag`].
#[inline(always)]
fn read_text(
    ctx: &impl EbpfContext,
    site: &Site,
    input: &UnreadInput,
    key_end: Option<u64>,
    split: bool,
) -> RequestInfo {
    let unknown = registers::instruction_pointer(ctx);
    let mut text = input.text;
    let mut first8 = site::read::<u64>(text).map(unsplit);
    // Before `version::ONE_PARSER`, memcached skips spaces before a verb.
    if first8.is_ok_and(|first8| first8 as u8 == b' ') {
        text = after_spaces(text, unknown);
        first8 = site::read::<u64>(text).map(unsplit);
    }
    let Ok(first8) = first8 else {
        fault(Fault::CommandRead);
        evidence::request(ctx, site, false, 0);
        return RequestInfo::of(Class::Unknown);
    };
    let class = classify(first8);
    if site.flags & SITE_VALIDATE != 0 {
        let may_be_verb = (first8 as u8 | 0x20).is_ascii_lowercase();
        evidence::request(ctx, site, may_be_verb || !matches!(class, Class::Unknown), first8);
    }
    let letter = deciding_flag(first8);
    if letter == 0 {
        return RequestInfo::of(class);
    }
    let letter = forget(u64::from(letter), unknown) as u8;
    let from = forget(key_end.unwrap_or_else(|| after_spaces(text + META_VERB_LEN, unknown)), unknown);
    let left = forget(input.text.wrapping_add(input.len).wrapping_sub(from), unknown);
    RequestInfo { class, flag: forget_bool(finds_flag(from, letter, left, split), unknown) }
}

/// The address of the next byte that is not a space.
#[inline(always)]
fn after_spaces(mut address: u64, unknown: u64) -> u64 {
    let mut spaces = 0;
    while spaces < SPACES_MAX && site::read::<u8>(address).is_ok_and(|byte| byte == b' ') {
        address += 1;
        spaces = keep_loop(spaces + 1);
    }
    forget(address, unknown)
}

/// Whether the text from `from` on, of which `left` bytes belong to the input, has a flag. In steps, because the stack is small.
#[inline(always)]
fn finds_flag(from: u64, letter: u8, left: u64, split: bool) -> bool {
    let mut offset = 0;
    while offset < META_LINE_MAX {
        let Ok(window) = site::read::<[u64; FLAG_STEP + 1]>(from + offset as u64) else {
            fault(Fault::CommandRead);
            return letter == b'v';
        };
        if let Some(answer) = has_flag(&window, letter, left.wrapping_sub(offset as u64), split) {
            return answer;
        }
        offset = keep_loop(offset + 8 * FLAG_STEP);
    }
    false
}

/// Remembers that the request with its text at `text` may store an item of this key without being a storage command.
#[inline(always)]
pub fn may_store(site: &Site, class: u32, text: u64, hash: u64) {
    remember(&CurrentCommand { class, target: site.target, may_store: hash, may_store_by: text, flag: 0, pad: 0 });
}

/// Whether a store belongs to a request that is not a storage command. It is then counted as that request only.
#[inline(always)]
pub fn stores_itself(site: &Site, text: u64, hash: u64) -> bool {
    let Some(command) = COMMANDS.get_ptr_mut(thread()) else { return false };
    // SAFETY: a checked map value; only this thread writes its entry.
    let command = unsafe { &mut *command };
    if command.may_store != hash || command.target != site.target {
        return false;
    }
    command.may_store = 0;
    text == command.may_store_by
}

#[inline(always)]
fn remember(command: &CurrentCommand) {
    let thread = thread();
    if let Some(known) = COMMANDS.get_ptr_mut(thread) {
        // SAFETY: a checked map value; only this thread writes its entry.
        unsafe { *known = *command };
    } else if COMMANDS.insert(thread, command, u64::from(BPF_ANY)).is_err() {
        fault(Fault::Threads);
    }
}
