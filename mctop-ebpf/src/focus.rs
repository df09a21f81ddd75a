//! One key looked at closely: its clients, and how long answers take. These programs are attached only meanwhile.

use core::mem::MaybeUninit;

use aya_ebpf::bindings::{BPF_ANY, BPF_NOEXIST};
use aya_ebpf::btf_maps::{Array, HashMap};
use aya_ebpf::helpers::{bpf_get_current_pid_tgid, bpf_get_current_task, bpf_ktime_get_ns, bpf_probe_read_kernel};
use aya_ebpf::macros::btf_map;
use aya_ebpf::programs::{ProbeContext, RawTracePointContext};
use mctop_common::focus::{
    CALLS, CLIENTS_MAX, COUNTERS, Client, FAMILY_IPV4, FAMILY_IPV6, FAMILY_UNIX, Focus, POWERS, UNANSWERED, UNKNOWN,
    WAITING_MAX, Waiting,
};

use crate::key::{self, Keyed};
use crate::registers::syscall;
use crate::{request, site, stats};

#[btf_map]
static FOCUS: Array<Focus, 1> = Array::new();

#[btf_map]
static CLIENTS: HashMap<Client, u64, CLIENTS_MAX> = HashMap::new();

/// By thread id.
#[btf_map]
static WAITING: HashMap<u32, Waiting, 1024> = HashMap::new();

/// Too large for the stack.
static NONE_WAITING: Waiting = Waiting { descriptor: 0, count: 0, since: [0; WAITING_MAX] };

#[btf_map]
static COUNTS: Array<u64, { COUNTERS as usize }> = Array::new();

/// A key is looked up: if it is the one, takes down who asks and when.
#[inline(always)]
pub fn lookup(ctx: &ProbeContext) {
    let (Some(focus), Some(site)) = (FOCUS.get(0), site::current(ctx)) else { return };
    let mut place = MaybeUninit::uninit();
    let keyed = Keyed::cleared(&mut place);
    let address = site::value(ctx, &site.key);
    let Ok(len) = key::length(site::value(ctx, &site.key_len)) else { return };
    if keyed.read_key(address, len).is_err() || keyed.hash(site.target, len) != focus.hash {
        return;
    }
    add(CALLS, 1);
    if !site.descriptor.is_present() {
        return count(None);
    }
    let descriptor = site::value(ctx, &site.descriptor) as u32;
    count(client(focus, descriptor));
    wait(descriptor);
}

#[inline(always)]
fn count(client: Option<Client>) {
    let Some(client) = client else { return add(UNKNOWN, 1) };
    if CLIENTS.get_ptr_mut(client).is_none() {
        // Another thread may have done so meanwhile, or the table be full; what counts is whether it is there now.
        let _ = CLIENTS.insert(client, 0, u64::from(BPF_NOEXIST));
    }
    match CLIENTS.get_ptr_mut(client) {
        Some(calls) => stats::add_u64(calls, 1),
        None => add(UNKNOWN, 1),
    }
}

/// The other end of a socket of this process.
#[inline(always)]
fn client(focus: &Focus, descriptor: u32) -> Option<Client> {
    let at = &focus.offsets;
    // SAFETY: no arguments, no effects.
    let task = unsafe { bpf_get_current_task() };
    let files = read::<u64>(task, at.files)?;
    let table = read::<u64>(files, at.table)?;
    let descriptors = read::<u64>(table, at.descriptors)?;
    let file = read::<u64>(descriptors.wrapping_add(8 * u64::from(descriptor)), 0)?;
    let socket = read::<u64>(file, at.private_data)?;
    let sock = read::<u64>(socket, at.sock)?;
    let family = read::<u16>(sock, at.family)?;
    let mut client = Client { family, ..Client::default() };
    match family {
        FAMILY_IPV4 => {
            client.port = read(sock, at.port)?;
            let address = read::<[u8; 4]>(sock, at.ipv4)?;
            client.address[..4].copy_from_slice(&address);
        }
        FAMILY_IPV6 => {
            client.port = read(sock, at.port)?;
            client.address = read(sock, at.ipv6)?;
        }
        FAMILY_UNIX => client.process = read(read(sock, at.peer)?, at.number)?,
        _ => return None,
    }
    Some(client)
}

#[inline(always)]
fn read<T>(address: u64, offset: u32) -> Option<T> {
    // SAFETY: the helper checks the address; a failed read is an error.
    unsafe { bpf_probe_read_kernel(address.wrapping_add(u64::from(offset)) as *const T) }.ok()
}

/// Remembers an operation until its answer is sent.
#[inline(always)]
fn wait(descriptor: u32) {
    // SAFETY: no arguments, no effects.
    let now = unsafe { bpf_ktime_get_ns() };
    let thread = request::thread();
    if WAITING.get_ptr_mut(thread).is_none() {
        let _ = WAITING.insert(thread, &NONE_WAITING, u64::from(BPF_ANY));
    }
    let Some(waiting) = WAITING.get_ptr_mut(thread) else { return add(UNANSWERED, 1) };
    // SAFETY: a checked map value; only this thread writes its entry.
    let waiting = unsafe { &mut *waiting };
    if waiting.descriptor != descriptor {
        // A thread serves its connections in turn, and sends before it turns to the next.
        add(UNANSWERED, u64::from(waiting.count));
        waiting.descriptor = descriptor;
        waiting.count = 0;
    }
    match waiting.since.get_mut(waiting.count as usize) {
        Some(since) => {
            *since = now;
            waiting.count += 1;
        }
        None => add(UNANSWERED, 1),
    }
}

/// A system call of any process returns: one that sends answers, or one that waits for requests when all that could be sent
/// has been.
#[inline(always)]
pub fn system_call(ctx: &RawTracePointContext) {
    let Some(focus) = FOCUS.get(0) else { return };
    let thread = bpf_get_current_pid_tgid();
    if (thread >> 32) as u32 != focus.process {
        return;
    }
    let Some(waiting) = WAITING.get_ptr_mut(thread as u32) else { return };
    // SAFETY: a checked map value; only this thread writes its entry.
    let waiting = unsafe { &mut *waiting };
    if waiting.count == 0 {
        return;
    }
    let registers = ctx.arg::<u64>(0);
    let Some(call) = syscall::number(registers) else { return };
    if syscall::SENDS.contains(&call) {
        if ctx.arg::<i64>(1) > 0 && syscall::first_argument(registers) == Some(u64::from(waiting.descriptor)) {
            answered(waiting);
        }
    } else if syscall::WAITS.contains(&call) {
        add(UNANSWERED, u64::from(waiting.count));
        waiting.count = 0;
    }
}

#[inline(always)]
fn answered(waiting: &mut Waiting) {
    // SAFETY: no arguments, no effects.
    let now = unsafe { bpf_ktime_get_ns() };
    for (index, since) in waiting.since.iter().enumerate() {
        if index as u32 >= waiting.count {
            break;
        }
        let power = 63 - (now.saturating_sub(*since) | 1).leading_zeros();
        add(power.min(POWERS - 1), 1);
    }
    waiting.count = 0;
}

#[inline(always)]
fn add(counter: u32, count: u64) {
    if let Some(value) = COUNTS.get_ptr_mut(counter) {
        stats::add_u64(value, count);
    }
}
