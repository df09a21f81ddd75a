//! Layouts for the detail of one key: who calls it, and how long memcached takes to answer.

/// The key that is watched in detail, and the layout of the kernel's structures, which differs between kernels. All zero when no
/// key is watched.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WatchedKey {
    /// Hash of the key.
    pub hash: u64,
    /// Process id of its server.
    pub process: u32,
    /// Layout of the kernel's structures.
    pub offsets: KernelOffsets,
}

/// Offsets in bytes of the members that lead from a thread to the remote end of one of its sockets.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KernelOffsets {
    /// `task_struct.files`.
    pub files: u32,
    /// `files_struct.fdt`.
    pub table: u32,
    /// `fdtable.fd`.
    pub descriptors: u32,
    /// `file.private_data`: the `socket`, if the file is one.
    pub private_data: u32,
    /// `socket.sk`.
    pub sock: u32,
    /// `sock.__sk_common.skc_family`.
    pub family: u32,
    /// `sock.__sk_common.skc_dport`.
    pub port: u32,
    /// `sock.__sk_common.skc_daddr`.
    pub ipv4: u32,
    /// `sock.__sk_common.skc_v6_daddr`.
    pub ipv6: u32,
    /// `sock.sk_peer_pid`.
    pub peer: u32,
    /// `pid.numbers[0].nr`, the process id in the initial namespace.
    pub number: u32,
}

/// `AF_UNIX`.
pub const FAMILY_UNIX: u16 = 1;
/// `AF_INET`.
pub const FAMILY_IPV4: u16 = 2;
/// `AF_INET6`.
pub const FAMILY_IPV6: u16 = 10;

/// A client's connection, identified by its remote end.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Connection {
    /// Remote address; an IPv4 address is in the first four bytes.
    pub address: [u8; 16],
    /// [`FAMILY_IPV4`] or one of the others.
    pub family: u16,
    /// Remote port in network byte order; 0 for a socket that is not connected, as for UDP.
    pub port: u16,
    /// The process that connected a Unix socket.
    pub process: u32,
}

/// Maximum number of connections that call the key and are counted between two reads by user space.
pub const CONNECTIONS_MAX: usize = 16_384;

/// Maximum number of a thread's operations that wait for a reply. By default memcached replies after at most 20 requests of a
/// connection (its option `-R`).
pub const PENDING_REPLIES_MAX: usize = 32;

/// One thread's operations on the key that have not been answered yet.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PendingReplies {
    /// The client's file descriptor.
    pub descriptor: u32,
    /// Number of entries of `since` in use.
    pub count: u32,
    /// Time of each lookup in nanoseconds since boot.
    pub since: [u64; PENDING_REPLIES_MAX],
}

/// Number of latency counters, which come first: counter `n` has the operations that took from 2^n to 2^(n+1) ns.
pub const LATENCY_BUCKETS: u32 = 40;
/// Counter of operations without a reply, or that waited together with too many others.
pub const UNANSWERED: u32 = LATENCY_BUCKETS;
/// Counter of operations.
pub const CALLS: u32 = LATENCY_BUCKETS + 1;
/// Number of counters.
pub const COUNTERS: u32 = LATENCY_BUCKETS + 2;

const _: () = {
    assert!(size_of::<WatchedKey>() == 56);
    assert!(size_of::<Connection>() == 24);
    assert!(size_of::<PendingReplies>() == 8 + 8 * PENDING_REPLIES_MAX);
};
