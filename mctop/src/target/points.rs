//! Probe points: where in a memcached binary to trap, what is where in the registers there, and how that was proved.

use mctop_common::records::Operand;
use serde::{Deserialize, Serialize};

use super::elf::Machine;
use super::steps::Step;

/// How a function's address was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FoundBy {
    /// The binary's own `.symtab`.
    Symtab,
    /// The binary's `.dynsym`.
    Dynsym,
    /// A separate debug file: the one that `.gnu_debuglink` names, that of the build-id, or one that the user names.
    Debuglink,
    /// The xz-compressed mini symbol table in `.gnu_debugdata`.
    Debugdata,
    /// Recovery: strings, call graph and unwind tables of a stripped binary.
    Recovered,
}

/// What a probe at a point tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProbeKind {
    /// A text request begins.
    Command,
    /// A key was looked up.
    Lookup,
    /// The lookup function is entered: which key, and for whom.
    LookupEnter,
    /// The lookup function returns the item, or none. Attached to the function's entry, whose return address it replaces.
    LookupReturn,
    /// How a storage command ends is known.
    Store,
    /// A live item is being evicted.
    Eviction,
}

impl ProbeKind {
    /// Its name in the eBPF object and in machine formats.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Command => "command",
            Self::Lookup => "lookup",
            Self::LookupEnter => "lookup_enter",
            Self::LookupReturn => "lookup_return",
            Self::Store => "store",
            Self::Eviction => "eviction",
        }
    }
}

/// What kind of place a point is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SiteKind {
    /// The head of a function, with its arguments in place.
    Head,
    /// The branch at the end of `do_item_get`: after expiry and flush were decided, with the outcome in hand.
    Exact,
    /// The branch after the hash lookup in `do_item_get`: an item that has expired or was flushed looks like a hit.
    Early,
    /// The entry and the return of `do_item_get`: two traps a lookup, without the reason of a miss.
    EntryAndReturn,
    /// The call that searches a connection's unread input for a line end, with the input as its argument.
    LineSearch,
    /// A branch on memcached's logger: whether anybody wants to be told of this event.
    Event,
}

impl SiteKind {
    /// In words.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Head => "head",
            Self::Exact => "exact",
            Self::Early => "early",
            Self::EntryAndReturn => "entry and return",
            Self::LineSearch => "line search",
            Self::Event => "event",
        }
    }
}

/// One instruction to probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Point {
    /// What it tells.
    pub kind: ProbeKind,
    /// What kind of place it is.
    pub site: SiteKind,
    /// The function it lies in, by memcached's name for it.
    pub function: String,
    /// How that function was found.
    pub found_by: FoundBy,
    /// Offset in the file: what a uprobe is attached by.
    pub offset: u64,
    /// Virtual address in the file, before relocation.
    pub address: u64,
    /// The instruction, disassembled.
    pub instruction: String,
    /// Whether the kernel emulates it (cheap) or must single-step it (5 to 10 times the cost).
    pub emulated: bool,
    /// The independent facts that prove the site, one sentence each.
    pub proof: Vec<String>,
    /// What is where at the instruction.
    pub operands: Operands,
}

/// Operands of a [`Point`]; see [`mctop_common::records::Site`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operands {
    /// Of a command probe.
    Command {
        /// Address of the request text.
        text: Operand,
    },
    /// Of the return of the lookup function.
    Return {
        /// The item or NULL.
        item: Operand,
    },
    /// Of the end of a storage command, and of an eviction.
    Event {
        /// The item.
        item: Operand,
        /// Of a storage command, memcached's number for how it ends.
        outcome: Operand,
    },
    /// Of a lookup probe, and of the entry of the lookup function.
    Lookup {
        /// Address of the key.
        key: Operand,
        /// Length of the key.
        key_len: Operand,
        /// 0 not found, 1 found, 2 flushed, 3 expired; absent where the item alone tells.
        found: Operand,
        /// The item or NULL; absent at the entry.
        item: Operand,
        /// The client's descriptor, or absent.
        descriptor: Operand,
        /// The client's connection, or absent.
        connection: Operand,
        /// Slot of the function's return address.
        return_address: Operand,
        /// Return addresses of its calls from `do_store_item`, minus [`Point::address`].
        store_returns: Vec<i64>,
        /// Return addresses of its calls from `do_add_delta`, minus [`Point::address`].
        delta_returns: Vec<i64>,
    },
}

/// How the request that a lookup belongs to is read at the lookup: the connection's unread input begins with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requests {
    /// Displacement in the connection of the address of its unread input (`rcurr`).
    pub input: u32,
    /// Whether memcached cuts text requests into tokens in place.
    pub cut: bool,
    /// How the connection is found.
    pub connection: Connection,
    /// The independent facts that prove it, one sentence each.
    pub proof: Vec<String>,
}

/// How the connection of a lookup is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Connection {
    /// It is an operand of every lookup point.
    AtLookup,
    /// By its descriptor, in the table that a variable points to (`conns`): one at these virtual addresses, of which the
    /// running server's memory tells the right one.
    ByDescriptor(Vec<u64>),
}

/// Everything that was found out about one binary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// What machine it is for, which says what the registers of operands are.
    pub machine: Machine,
    /// GNU build-id in hex, where there is one.
    pub build_id: Option<String>,
    /// memcached's version, read from the binary's strings.
    pub version: Option<String>,
    /// Lookup points: one, or two exclusive ones in clang builds, or the entry and the return of the lookup function.
    pub lookups: Vec<Point>,
    /// Command points: needed where requests are not read at lookups.
    pub commands: Vec<Point>,
    /// What is to be said where requests are not read at lookups: what the command points miss, or why there are none.
    pub command_notes: Vec<String>,
    /// Where storage commands end and items are evicted.
    pub events: Vec<Point>,
    /// Which of them are not found and why, one sentence each: to be said where they are wanted.
    pub event_notes: Vec<String>,
    /// How requests are read at lookups, where that is proved.
    pub requests: Option<Requests>,
    /// Virtual address of memcached's `current_time` (u32, seconds), where data flow proves it.
    pub clock: Option<u64>,
    /// Whether the item's flags are 16 bits wide at +38.
    pub wide_item_flags: bool,
    /// Where the functions' addresses were looked for, in order, and what came of it.
    pub steps: Vec<Step>,
    /// What could not be found and what follows from it, one sentence each.
    pub notes: Vec<String>,
}

impl Resolved {
    /// Whether it may be otherwise for another process of the same binary: a return is probed only where the process's
    /// seccomp filter and shadow stack allow it.
    #[must_use]
    pub fn depends_on_process(&self) -> bool {
        self.lookups.iter().any(|point| point.site == SiteKind::EntryAndReturn)
    }
}
