//! Detail of one key: its clients, and how long memcached takes to answer. These programs are attached only while a key is watched in
//! detail.

use core::mem::MaybeUninit;

use aya_ebpf::bindings::{BPF_ANY, BPF_NOEXIST};
use aya_ebpf::btf_maps::{Array, HashMap};
use aya_ebpf::helpers::{bpf_get_current_pid_tgid, bpf_get_current_task, bpf_ktime_get_ns, bpf_probe_read_kernel};
use aya_ebpf::macros::btf_map;
use aya_ebpf::programs::{ProbeContext, RawTracePointContext};
use mctop_common::key_detail::{
    CALLS, CONNECTIONS_MAX, COUNTERS, Connection, FAMILY_IPV4, FAMILY_IPV6, FAMILY_UNIX, LATENCY_BUCKETS,
    PENDING_REPLIES_MAX, PendingReplies, UNANSWERED, WatchedKey,
};

use crate::key::{self, Keyed};
use crate::registers::syscall;
use crate::{request, site, stats};

#[btf_map]
static WATCHED_KEY: Array<WatchedKey, 1> = Array::new();

/// Calls by connection.
#[btf_map]
static CONNECTIONS: HashMap<Connection, u64, CONNECTIONS_MAX> = HashMap::new();

/// By thread id.
#[btf_map]
static PENDING_REPLIES: HashMap<u32, PendingReplies, 1024> = HashMap::new();

/// Static, because it is too large for the stack.
static NO_REPLIES: PendingReplies = PendingReplies { descriptor: 0, count: 0, since: [0; PENDING_REPLIES_MAX] };

#[btf_map]
static KEY_COUNTS: Array<u64, { COUNTERS as usize }> = Array::new();

/// A key is looked up. If it is the watched one, records the client and the time.
#[inline(always)]
pub fn lookup(ctx: &ProbeContext) {
    let (Some(watched), Some(site)) = (WATCHED_KEY.get(0), site::current(ctx)) else { return };
    let mut place = MaybeUninit::uninit();
    let keyed = Keyed::cleared(&mut place);
    let address = site::value(ctx, &site.key);
    let Ok(len) = key::length(site::value(ctx, &site.key_len)) else { return };
    if keyed.read_key(address, len).is_err() || keyed.hash(site.target, len) != watched.hash {
        return;
    }
    add(CALLS, 1);
    if !site.descriptor.is_present() {
        return;
    }
    let descriptor = site::value(ctx, &site.descriptor) as u32;
    if let Some(connection) = connection(watched, descriptor) {
        count(connection);
    }
    await_reply(descriptor);
}

/// Calls that are not counted here, because the map is full, are calls of unknown clients.
#[inline(always)]
fn count(connection: Connection) {
    if CONNECTIONS.get_ptr_mut(connection).is_none() {
        // Fails if another thread has just inserted it.
        let _ = CONNECTIONS.insert(connection, 0, u64::from(BPF_NOEXIST));
    }
    if let Some(calls) = CONNECTIONS.get_ptr_mut(connection) {
        stats::add_u64(calls, 1);
    }
}

/// The connection with a descriptor of this process.
#[inline(always)]
fn connection(watched: &WatchedKey, descriptor: u32) -> Option<Connection> {
    let at = &watched.offsets;
    // SAFETY: no arguments, no effects.
    let task = unsafe { bpf_get_current_task() };
    let files = read::<u64>(task, at.files)?;
    let table = read::<u64>(files, at.table)?;
    let descriptors = read::<u64>(table, at.descriptors)?;
    let file = read::<u64>(descriptors.wrapping_add(8 * u64::from(descriptor)), 0)?;
    let socket = read::<u64>(file, at.private_data)?;
    let sock = read::<u64>(socket, at.sock)?;
    let family = read::<u16>(sock, at.family)?;
    let mut connection = Connection { family, ..Connection::default() };
    match family {
        FAMILY_IPV4 => {
            connection.port = read(sock, at.port)?;
            let address = read::<[u8; 4]>(sock, at.ipv4)?;
            connection.address[..4].copy_from_slice(&address);
        }
        FAMILY_IPV6 => {
            connection.port = read(sock, at.port)?;
            connection.address = read(sock, at.ipv6)?;
        }
        FAMILY_UNIX => connection.process = read(read(sock, at.peer)?, at.number)?,
        _ => return None,
    }
    Some(connection)
}

#[inline(always)]
fn read<T>(address: u64, offset: u32) -> Option<T> {
    // SAFETY: the helper checks the address; a failed read is an error.
    unsafe { bpf_probe_read_kernel(address.wrapping_add(u64::from(offset)) as *const T) }.ok()
}

/// Remembers an operation until its reply is sent.
#[inline(always)]
fn await_reply(descriptor: u32) {
    // SAFETY: no arguments, no effects.
    let now = unsafe { bpf_ktime_get_ns() };
    let thread = request::thread();
    if PENDING_REPLIES.get_ptr_mut(thread).is_none() {
        let _ = PENDING_REPLIES.insert(thread, &NO_REPLIES, u64::from(BPF_ANY));
    }
    let Some(pending) = PENDING_REPLIES.get_ptr_mut(thread) else { return add(UNANSWERED, 1) };
    // SAFETY: a checked map value; only this thread writes its entry.
    let pending = unsafe { &mut *pending };
    if pending.descriptor != descriptor {
        // A thread sends the replies of one connection before it serves the next.
        add(UNANSWERED, u64::from(pending.count));
        pending.descriptor = descriptor;
        pending.count = 0;
    }
    match pending.since.get_mut(pending.count as usize) {
        Some(since) => {
            *since = now;
            pending.count += 1;
        }
        None => add(UNANSWERED, 1),
    }
}

/// A system call of any process returns. Those of interest send replies, or wait for requests after all that could be sent was sent.
#[inline(always)]
pub fn system_call(ctx: &RawTracePointContext) {
    let Some(watched) = WATCHED_KEY.get(0) else { return };
    let thread = bpf_get_current_pid_tgid();
    if (thread >> 32) as u32 != watched.process {
        return;
    }
    let Some(pending) = PENDING_REPLIES.get_ptr_mut(thread as u32) else { return };
    // SAFETY: a checked map value; only this thread writes its entry.
    let pending = unsafe { &mut *pending };
    if pending.count == 0 {
        return;
    }
    let registers = ctx.arg::<u64>(0);
    let Some(call) = syscall::number(registers) else { return };
    if syscall::SENDS.contains(&call) {
        if ctx.arg::<i64>(1) > 0 && syscall::first_argument(registers) == Some(u64::from(pending.descriptor)) {
            answered(pending);
        }
    } else if syscall::WAITS.contains(&call) {
        add(UNANSWERED, u64::from(pending.count));
        pending.count = 0;
    }
}

#[inline(always)]
fn answered(pending: &mut PendingReplies) {
    // SAFETY: no arguments, no effects.
    let now = unsafe { bpf_ktime_get_ns() };
    for (index, since) in pending.since.iter().enumerate() {
        if index as u32 >= pending.count {
            break;
        }
        let power = 63 - (now.saturating_sub(*since) | 1).leading_zeros();
        add(power.min(LATENCY_BUCKETS - 1), 1);
    }
    pending.count = 0;
}

#[inline(always)]
fn add(counter: u32, count: u64) {
    if let Some(value) = KEY_COUNTS.get_ptr_mut(counter) {
        stats::add_u64(value, count);
    }
}
