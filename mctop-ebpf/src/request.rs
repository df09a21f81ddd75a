//! Which request a lookup belongs to: read from the connection at the lookup itself, or remembered from when it began.

use aya_ebpf::EbpfContext;
use aya_ebpf::bindings::BPF_ANY;
use aya_ebpf::btf_maps::HashMap;
use aya_ebpf::helpers::bpf_get_current_pid_tgid;
use aya_ebpf::macros::btf_map;
use aya_ebpf::programs::ProbeContext;
use mctop_common::binary;
use mctop_common::limits::{META_LINE_MAX, SPACES_MAX, THREADS_MAX};
use mctop_common::records::{Command, Fault, INPUT_LENGTH_OFFSET, SITE_ASSUME_READ, SITE_TOKENS, SITE_VALIDATE, Site};
use mctop_common::verb::{Class, FLAG_STEP, META_VERB_LEN, classify, deciding_flag, has_flag, uncut};
use mctop_common::verifier::keep_loop;

use crate::stats::fault;
use crate::verifier::{forget, forget_truth};
use crate::{evidence, registers, site};

/// What is remembered of the request under way on each server thread, by thread id.
#[btf_map]
static COMMANDS: HashMap<u32, Command, { THREADS_MAX as usize }> = HashMap::new();

/// What a request means for its lookups.
pub struct Request {
    pub class: Class,
    /// Whether it has the flag that decides what it counts as ([`deciding_flag`]); so has a request that needs none.
    pub flag: bool,
}

impl Request {
    /// A request without flags.
    #[inline(always)]
    pub const fn of(class: Class) -> Self {
        // A plain delete stores nothing.
        Self { class, flag: !matches!(class, Class::Delete) }
    }
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
    let request = read_text(ctx, site, &Input { text, len: u64::MAX - text }, None, false);
    let command = Command {
        class: request.class as u32,
        target: site.target,
        flag: u32::from(request.flag),
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
pub fn of_lookup(
    ctx: &impl EbpfContext,
    site: &Site,
    input: &Input,
    in_request: bool,
    key: u64,
    key_len: u64,
) -> Request {
    if site.input != 0 {
        return read_request(ctx, site, input, in_request, key, key_len);
    }
    // What was remembered before the probe that sees requests was shed means nothing any more.
    if site.flags & SITE_ASSUME_READ != 0 {
        return Request::of(Class::Read);
    }
    if let Some(command) = COMMANDS.get_ptr_mut(thread()) {
        // SAFETY: a checked map value; only this thread writes its entry.
        let command = unsafe { &*command };
        if command.target == site.target {
            return Request { class: Class::of(command.class), flag: command.flag != 0 };
        }
    }
    Request::of(Class::Unknown)
}

/// Reads the request through the connection. While a text request is processed, the connection's unread input still begins
/// with it; a binary request's input begins behind its key, which lies behind the header.
#[inline(always)]
fn read_request(
    ctx: &impl EbpfContext,
    site: &Site,
    input: &Input,
    in_request: bool,
    key: u64,
    key_len: u64,
) -> Request {
    if !in_request && input.text == key.wrapping_add(key_len) {
        for extras in binary::EXTRAS {
            if let Ok(first8) = site::read::<u64>(key.wrapping_sub(binary::header_distance(extras)))
                && let Some(class) = binary::classify(first8, extras, key_len)
            {
                evidence::request(ctx, site, true, 0);
                return Request::of(class);
            }
        }
    }
    // A key in base64 is either decoded where it is, so that some of it may be left behind the key, or elsewhere.
    let key_end = if in_request { Some(key.wrapping_add(key_len)) } else { None };
    read_text(ctx, site, input, key_end, site.flags & SITE_TOKENS != 0)
}

/// Reads a text request; `key_end` is where its key ends, if that is known.
#[inline(always)]
fn read_text(ctx: &impl EbpfContext, site: &Site, input: &Input, key_end: Option<u64>, cut: bool) -> Request {
    let unknown = registers::instruction_pointer(ctx);
    let mut text = input.text;
    let mut first8 = site::read::<u64>(text).map(uncut);
    // Before `version::ONE_PARSER`, memcached passes over spaces in front of a verb.
    if first8.is_ok_and(|first8| first8 as u8 == b' ') {
        text = behind_spaces(text, unknown);
        first8 = site::read::<u64>(text).map(uncut);
    }
    let Ok(first8) = first8 else {
        fault(Fault::CommandRead);
        evidence::request(ctx, site, false, 0);
        return Request::of(Class::Unknown);
    };
    let class = classify(first8);
    if site.flags & SITE_VALIDATE != 0 {
        let may_be_one = (first8 as u8 | 0x20).is_ascii_lowercase();
        evidence::request(ctx, site, may_be_one || !matches!(class, Class::Unknown), first8);
    }
    let letter = deciding_flag(first8);
    if letter == 0 {
        return Request::of(class);
    }
    let letter = forget(u64::from(letter), unknown) as u8;
    let from = forget(key_end.unwrap_or_else(|| behind_spaces(text + META_VERB_LEN, unknown)), unknown);
    let left = forget(input.text.wrapping_add(input.len).wrapping_sub(from), unknown);
    Request { class, flag: forget_truth(finds_flag(from, letter, left, cut), unknown) }
}

/// Where the next byte other than a space is.
#[inline(always)]
fn behind_spaces(mut address: u64, unknown: u64) -> u64 {
    let mut spaces = 0;
    while spaces < SPACES_MAX && site::read::<u8>(address).is_ok_and(|byte| byte == b' ') {
        address += 1;
        spaces = keep_loop(spaces + 1);
    }
    forget(address, unknown)
}

/// Whether a flag stands in the text from `from` on, of which `left` bytes have been received. In steps, because the stack is small.
#[inline(always)]
fn finds_flag(from: u64, letter: u8, left: u64, cut: bool) -> bool {
    let mut behind = 0;
    while behind < META_LINE_MAX {
        let Ok(window) = site::read::<[u64; FLAG_STEP + 1]>(from + behind as u64) else {
            fault(Fault::CommandRead);
            return letter == b'v';
        };
        if let Some(answer) = has_flag(&window, letter, left.wrapping_sub(behind as u64), cut) {
            return answer;
        }
        behind = keep_loop(behind + 8 * FLAG_STEP);
    }
    false
}

/// Remembers that the request of a class, whose text is at `text`, may now store an item of this key by itself.
#[inline(always)]
pub fn may_store(site: &Site, class: u32, text: u64, hash: u64) {
    remember(&Command { class, target: site.target, may_store: hash, may_store_by: text, flag: 0, pad: 0 });
}

/// Whether a store is one that the request under way makes by itself; that counts as the request, not as a store.
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
fn remember(command: &Command) {
    let thread = thread();
    if let Some(known) = COMMANDS.get_ptr_mut(thread) {
        // SAFETY: a checked map value; only this thread writes its entry.
        unsafe { *known = *command };
    } else if COMMANDS.insert(thread, command, u64::from(BPF_ANY)).is_err() {
        fault(Fault::Threads);
    }
}
