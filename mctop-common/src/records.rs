//! Layouts of the values in mctop's BPF maps. All are plain old data without padding, sizes asserted.

use crate::limits::KEY_WORDS;

/// What was counted under one hash in one epoch, but for what is rare: one cache line, because a line that is not at hand costs
/// more than all the arithmetic of counting.
///
/// Operation counts are 32 bits wide for that: user space flips the epoch every interval, and reports epochs long enough for
/// a wrap as a gap.
#[repr(C, align(64))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Hash of the key, 0 in a free slot.
    pub hash: u64,
    /// Value bytes sent for hits.
    pub bytes_out: u64,
    /// Value bytes received by storage commands.
    pub bytes_in: u64,
    /// Reads that found the key.
    pub hits: u32,
    /// Reads that did not, for whatever reason.
    pub misses: u32,
    /// The misses among them whose item had expired.
    pub expired: u32,
    /// Storage commands.
    pub sets: u32,
    /// Deletes.
    pub deletes: u32,
    /// The deletes among them that found the key.
    pub delete_hits: u32,
    /// incr, decr, touch, ma, and lookups whose verb is not known.
    pub other: u32,
    /// The others among them that found the key.
    pub other_hits: u32,
    /// Value bytes of the item last seen, without the trailing CRLF, plus one; 0 when none was seen.
    pub size_plus_1: u32,
    /// `exptime` of the item last seen: seconds on memcached's own clock, 0 for never. Means nothing without a size.
    pub exptime: u32,
}

/// What is rare among what was counted under one hash in one epoch.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RareStats {
    /// The misses whose item had been flushed.
    pub flushed: u32,
    /// The storage commands that stored nothing, for want of what they ask for.
    pub not_stored: u32,
    /// The storage commands that stored nothing, because the item had been changed (another CAS number).
    pub exists: u32,
    /// Live items of the key that were evicted for want of memory.
    pub evicted: u32,
}

/// A key's bytes, stored once per new key under its hash.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name {
    /// Index of the server it was seen on.
    pub target: u32,
    /// Length of the key in bytes, 1 to 250.
    pub len: u32,
    /// The key, zero-padded.
    pub words: [u64; KEY_WORDS],
}

/// Where an operand is at the probed instruction.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OperandKind {
    /// Not available at this site.
    Absent = 0,
    /// In register `register`.
    Register = 1,
    /// In memory at `[register + value]`.
    Memory = 2,
    /// The constant `value`.
    Constant = 3,
}

/// One operand of a probe site: see [`OperandKind`]. `kind` is a plain byte because the kernel side must not trust it.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Operand {
    /// An [`OperandKind`].
    pub kind: u8,
    /// Register in the processor's encoding order: rax rcx rdx rbx rsp rbp rsi rdi r8 … r15; x0 … x30 sp on AArch64.
    pub register: u8,
    /// Zero.
    pub pad: u16,
    /// Displacement or constant.
    pub value: i32,
}

impl Operand {
    /// Not available.
    pub const ABSENT: Self = Self { kind: OperandKind::Absent as u8, register: 0, pad: 0, value: 0 };

    /// In a register, by the processor's encoding order.
    #[must_use]
    pub const fn register(register: u8) -> Self {
        Self { kind: OperandKind::Register as u8, register, pad: 0, value: 0 }
    }

    /// In memory at a displacement from a register.
    #[must_use]
    pub const fn memory(register: u8, displacement: i32) -> Self {
        Self { kind: OperandKind::Memory as u8, register, pad: 0, value: displacement }
    }

    /// A constant.
    #[must_use]
    pub const fn constant(value: i32) -> Self {
        Self { kind: OperandKind::Constant as u8, register: 0, pad: 0, value }
    }

    /// Whether the operand is available.
    #[must_use]
    pub const fn is_present(&self) -> bool {
        self.kind != OperandKind::Absent as u8
    }
}

/// Most call sites of one kind that a site tells apart by return address.
pub const RETURNS_MAX: usize = 4;

/// What a program must know about the instruction it is attached to; found by the attach cookie.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Site {
    /// Index of the server.
    pub target: u32,
    /// [`SITE_WIDE_ITEM_FLAGS`] and the like.
    pub flags: u32,
    /// Lookup: the key's address. Command: the request's address.
    pub key: Operand,
    /// Lookup: the key's length.
    pub key_len: Operand,
    /// Lookup: 0 not found, 1 found, 2 flushed, 3 expired. When absent, a lookup found its key if there is an item. End of a
    /// storage command: a number of [`crate::store::Outcome`].
    pub found: Operand,
    /// Lookup: the item, or NULL. End of a storage command: its new item. Eviction: the item.
    pub item: Operand,
    /// Lookup: the client's descriptor; absent before [`crate::version::CLIENTS_LOGGED`].
    pub descriptor: Operand,
    /// Lookup: the slot of `do_item_get`'s return address.
    pub return_address: Operand,
    /// Lookup: the connection; absent where it is found by the descriptor, or not at all.
    pub connection: Operand,
    /// Lookup: address of memcached's table of connections by descriptor, or 0.
    pub connections: u64,
    /// Lookup: where the connection keeps the address of its unread input, while a request is processed the request's text.
    /// 0 when requests are not read at lookups. Its length lies [`INPUT_LENGTH_OFFSET`] behind.
    pub input: u64,
    /// Return addresses of the calls from storage commands, relative to the probed instruction; 0 ends the list.
    pub store_returns: [i64; RETURNS_MAX],
    /// Return addresses of the calls from incr, decr and ma, likewise.
    pub delta_returns: [i64; RETURNS_MAX],
}

/// From the address of a connection's unread input (`rcurr`) to its length (`rbytes`, 32 bits), in all of memcached's releases.
pub const INPUT_LENGTH_OFFSET: u64 = 12;

/// Set in [`Site::flags`] when the item's flags are a 16-bit field at +38 ([`crate::version::WIDE_ITEM_FLAGS`]), else 8 bits at +39.
pub const SITE_WIDE_ITEM_FLAGS: u32 = 1;

/// Set in [`Site::flags`] when requests are not seen: lookups that are not known to be something else are reads.
pub const SITE_ASSUME_READ: u32 = 2;

/// Set in [`Site::flags`] while what the probe sees is checked against what it must be; see [`Evidence`].
pub const SITE_VALIDATE: u32 = 4;

/// Set in [`Site::flags`] when memcached cuts the request's text into tokens in place (before [`crate::version::ONE_PARSER`]): at a
/// lookup, NUL stands behind each.
pub const SITE_TOKENS: u32 = 8;

/// Set in [`Site::flags`] when the server gives no item a CAS number (its option `-C`).
pub const SITE_NO_CAS: u32 = 16;

/// The command under way on one server thread.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Command {
    /// Its [`crate::verb::Class`].
    pub class: u32,
    /// Index of the server, so that a thread number that is reused elsewhere means nothing.
    pub target: u32,
    /// Hash of the key of which the request under way may store an item by itself, which is no storage command, else 0: an incr
    /// or `ma` that creates the item it missed, an `md` that leaves an empty one.
    pub may_store: u64,
    /// Address of the text of that request, where requests are read at lookups.
    pub may_store_by: u64,
    /// Whether it has the flag that decides what it counts as; see [`crate::verb::deciding_flag`].
    pub flag: u32,
    /// Zero.
    pub pad: u32,
}

/// What a probe saw while its site was being validated; one for each site.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// Items found that were compared with the key looked up.
    pub items: u32,
    /// Those among them of another key.
    pub wrong_items: u32,
    /// Requests that were read.
    pub requests: u32,
    /// Those among them that could not be read, or do not begin as one.
    pub wrong_requests: u32,
    /// Of the last wrong item: length of the key looked up.
    pub key_len: u32,
    /// Length of its own key.
    pub item_key_len: u32,
    /// The first bytes of the last wrong request.
    pub request: u64,
    /// Of the last wrong item: the first bytes of the key looked up.
    pub key: [u64; EVIDENCE_WORDS],
    /// The first bytes of its own key.
    pub item_key: [u64; EVIDENCE_WORDS],
}

/// How much of a key is kept as evidence.
pub const EVIDENCE_WORDS: usize = 4;

/// A lookup under way on one server thread, from the entry of `do_item_get` to its return.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pending {
    /// The key's address.
    pub key: u64,
    /// The key's length.
    pub key_len: u64,
    /// Index of the server, so that a thread number that is reused elsewhere means nothing.
    pub target: u32,
    /// A [`Caller`].
    pub caller: u32,
}

/// Who called the lookup function.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// Neither of the others.
    Any = 0,
    /// A storage command: the key lies in its new item.
    Store = 1,
    /// incr, decr or ma.
    Delta = 2,
}

impl Caller {
    /// The caller of a number.
    #[inline(always)]
    #[must_use]
    pub const fn of(number: u32) -> Self {
        match number {
            1 => Self::Store,
            2 => Self::Delta,
            _ => Self::Any,
        }
    }
}

/// Counters of what went wrong, one array entry each; they only grow while the object is loaded.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A key could not be read from the server's memory: counted as untracked.
    KeyRead = 0,
    /// An item could not be read: counted without size.
    ItemRead = 1,
    /// A request line could not be read: its lookups count as *other*.
    CommandRead = 2,
    /// A key length outside 1 to 250: counted as untracked.
    KeyLength = 3,
    /// An item whose own key is not the one looked up: the probe point is wrong.
    ItemMismatch = 4,
    /// More threads than there is room for: lookups of a request that could not be remembered count as *other*, a lookup that
    /// could not be remembered until its return as untracked.
    Threads = 5,
    /// The names table was full: the key's counts are reported as untracked.
    Names = 6,
    /// The probed site is not described, or the epoch table is missing: nothing was counted.
    Unconfigured = 7,
}

/// How many kinds of [`Fault`] there are.
pub const FAULTS: u32 = 8;

const _: () = {
    assert!(size_of::<Stats>() == 64 && size_of::<RareStats>() == 16);
    assert!(size_of::<Name>() == 8 + KEY_WORDS * 8);
    assert!(size_of::<Operand>() == 8);
    assert!(size_of::<Site>() == 8 + 9 * 8 + 2 * RETURNS_MAX * 8);
    assert!(size_of::<Command>() == 32);
    assert!(size_of::<Evidence>() == 32 + 2 * 8 * EVIDENCE_WORDS);
    assert!(size_of::<Pending>() == 24);
};
