//! Layouts for one key that is looked at closely: who calls it, and how long answers take.

/// What is looked at, and how the kernel's own structures lie, which differs between kernels; all zero when nothing is.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Focus {
    /// Hash of the key.
    pub hash: u64,
    /// Process id of its server.
    pub process: u32,
    /// Where things are, bytes.
    pub offsets: Offsets,
}

/// Members of the kernel's structures on the way from a thread to the other end of one of its sockets, by their offsets.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offsets {
    /// `task_struct.files`.
    pub files: u32,
    /// `files_struct.fdt`.
    pub table: u32,
    /// `fdtable.fd`.
    pub descriptors: u32,
    /// `file.private_data`, of a socket's file its `socket`.
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

/// The other end of a connection.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Client {
    /// Its address, in the first four bytes for IPv4.
    pub address: [u8; 16],
    /// [`FAMILY_IPV4`] and the like; 0 when it could not be read.
    pub family: u16,
    /// Its port, in network order; 0 for a socket that is connected to nobody, as those for datagrams are.
    pub port: u16,
    /// Of a unix socket: the process that connected it.
    pub process: u32,
}

/// Most connections that call the key between two drains.
pub const CLIENTS_MAX: usize = 16_384;

/// Most operations of a thread that wait for their answers to be sent: memcached sends after 20 requests of a connection at
/// the latest, unless told otherwise with `-R`.
pub const WAITING_MAX: usize = 32;

/// Operations of one thread on the key that are not answered yet.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// The client's descriptor.
    pub descriptor: u32,
    /// How many of `since` are in use.
    pub count: u32,
    /// When each was looked up, nanoseconds since boot.
    pub since: [u64; WAITING_MAX],
}

/// Counters: the first are of operations by the power of two of their nanoseconds.
pub const POWERS: u32 = 40;
/// Operations for which nothing was sent, or too many waited at once.
pub const UNANSWERED: u32 = POWERS;
/// Operations.
pub const CALLS: u32 = POWERS + 1;
/// Operations whose client could not be counted.
pub const UNKNOWN: u32 = POWERS + 2;
/// How many counters there are.
pub const COUNTERS: u32 = POWERS + 3;

const _: () = {
    assert!(size_of::<Focus>() == 56);
    assert!(size_of::<Client>() == 24);
    assert!(size_of::<Waiting>() == 8 + 8 * WAITING_MAX);
};
