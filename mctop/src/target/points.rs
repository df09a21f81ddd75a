//! Probe points: the instructions of a memcached binary to probe, where their operands are, and the proof for that.

use iced_x86::{Formatter, Instruction, NasmFormatter};
use mctop_common::records::Operand;

use super::code::is_emulated;
use super::elf::{Image, Machine};
use super::steps::SearchStep;
use crate::model::probe_point::{FoundBy, ProbeKind, SiteKind};

/// Bytes of the longest instruction.
const INSTRUCTION_BYTES: usize = 15;

/// One instruction to probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Point {
    /// The event that it reports.
    pub kind: ProbeKind,
    /// The kind of site.
    pub site: SiteKind,
    /// memcached's name for the function that contains it.
    pub function: String,
    /// How that function was found.
    pub found_by: FoundBy,
    /// Offset in the file, by which a uprobe is attached.
    pub offset: u64,
    /// Virtual address in the file, before relocation.
    pub address: u64,
    /// The instruction, disassembled.
    pub instruction: String,
    /// Whether the kernel emulates it (cheap) or must single-step it (5 to 10 times the cost).
    pub emulated: bool,
    /// The independent facts that prove the site, one sentence each.
    pub proof: Vec<String>,
    /// Where the values are at the instruction.
    pub operands: Operands,
}

impl Point {
    /// The point at an address of a binary.
    pub(super) fn new(
        image: &Image,
        (kind, site): (ProbeKind, SiteKind),
        function: &str,
        found_by: FoundBy,
        address: u64,
        operands: Operands,
        proof: Vec<String>,
    ) -> Result<Self, String> {
        let offset = image.file_offset(address).ok_or("a probe point is not backed by the file")?;
        let bytes = image.bytes(address, INSTRUCTION_BYTES).ok_or("a probe point is not backed by the file")?;
        Ok(Self {
            kind,
            site,
            function: function.to_owned(),
            found_by,
            offset,
            address,
            instruction: match image.machine() {
                Machine::X86_64 => disassemble(address, bytes),
                Machine::Aarch64 => assembler_word(bytes),
            },
            emulated: image.machine() == Machine::X86_64 && is_emulated(bytes),
            operands,
            proof,
        })
    }
}

fn disassemble(address: u64, bytes: &[u8]) -> String {
    let mut decoder = iced_x86::Decoder::with_ip(64, bytes, address, iced_x86::DecoderOptions::NONE);
    let mut text = String::new();
    let mut formatter = NasmFormatter::new();
    let options = formatter.options_mut();
    options.set_hex_prefix("0x");
    options.set_hex_suffix("");
    options.set_uppercase_hex(false);
    options.set_leading_zeros(false);
    options.set_branch_leading_zeros(false);
    options.set_show_branch_size(false);
    let instruction: Instruction = decoder.decode();
    formatter.format(&instruction, &mut text);
    text
}

/// An AArch64 instruction in assembler syntax.
fn assembler_word(bytes: &[u8]) -> String {
    bytes.first_chunk().map_or_else(String::new, |word| format!(".inst {:#010x}", u32::from_le_bytes(*word)))
}

/// Operands of a [`Point`]; see [`mctop_common::records::Site`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operands {
    /// A command probe.
    Command {
        /// Address of the request text.
        text: Operand,
    },
    /// The return of the lookup function.
    Return {
        /// The item or NULL.
        item: Operand,
    },
    /// The end of a storage command, or an eviction.
    Event {
        /// The item.
        item: Operand,
        /// memcached's number for the outcome of a storage command; absent for evictions.
        outcome: Operand,
    },
    /// A lookup probe, or the entry of the lookup function.
    Lookup {
        /// Address of the key.
        key: Operand,
        /// Length of the key.
        key_len: Operand,
        /// 0 not found, 1 found, 2 flushed, 3 expired; absent if only the item shows whether it was found.
        found: Operand,
        /// The item or NULL; absent at the entry.
        item: Operand,
        /// The client's file descriptor, or absent.
        descriptor: Operand,
        /// The client's connection, or absent.
        connection: Operand,
        /// Where the function's return address is.
        return_address: Operand,
        /// Return addresses of its calls from `do_store_item`, minus [`Point::address`].
        store_returns: Vec<i64>,
        /// Return addresses of its calls from `do_add_delta`, minus [`Point::address`].
        delta_returns: Vec<i64>,
    },
}

/// How a lookup probe reads the request that it belongs to, which is at the start of the connection's unread input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestSource {
    /// Displacement in the connection of the pointer to its unread input (`rcurr`).
    pub input: u32,
    /// Whether memcached splits text requests into tokens in place, by overwriting their spaces.
    pub cut: bool,
    /// How the connection is found.
    pub connection: ConnectionSource,
    /// The independent facts that prove it, one sentence each.
    pub proof: Vec<String>,
}

/// How the connection of a lookup is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConnectionSource {
    /// It is an operand of every lookup point.
    AtLookup,
    /// By its file descriptor, in the table to which a variable points (`conns`). The variable is at one of these virtual addresses;
    /// the memory of the running server shows which one is right.
    ByDescriptor(Vec<u64>),
}

/// Everything that is known about one binary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// Its machine type, which determines the meaning of register numbers in operands.
    pub machine: Machine,
    /// GNU build-id in hexadecimal, if it has one.
    pub build_id: Option<String>,
    /// memcached's version, read from the binary's strings.
    pub version: Option<String>,
    /// Lookup points: one, or two mutually exclusive ones in clang builds, or the entry and the return of the lookup function.
    pub lookups: Vec<Point>,
    /// Command points, which are needed if requests are not read at lookups.
    pub commands: Vec<Point>,
    /// Notes for the case that requests are not read at lookups: what the command points miss, or why there are none.
    pub command_notes: Vec<String>,
    /// Points for outcomes of storage commands and for evictions.
    pub events: Vec<Point>,
    /// Which event points were not found and why, one sentence each.
    pub event_notes: Vec<String>,
    /// How requests are read at lookups, if that could be proved.
    pub requests: Option<RequestSource>,
    /// Virtual address of memcached's `current_time` (u32, seconds), if it is known.
    pub clock: Option<u64>,
    /// Whether the item flags are 16 bits wide at offset 38.
    pub wide_item_flags: bool,
    /// The sources of function addresses that were tried, in order, with their results.
    pub steps: Vec<SearchStep>,
    /// What could not be found and its consequences, one sentence each.
    pub notes: Vec<String>,
}

impl Resolved {
    /// Whether the result may differ for another process with the same binary: a return is probed only if the process's seccomp
    /// filter and shadow stack allow it.
    #[must_use]
    pub fn depends_on_process(&self) -> bool {
        self.lookups.iter().any(|point| point.site == SiteKind::EntryAndReturn)
    }
}

/// Which kinds of lookup sites may be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SitePreference {
    /// The best kind that can be proved.
    #[default]
    Best,
    /// Only this kind; tests use this to compare the kinds on one binary.
    Only(SiteKind),
}

impl SitePreference {
    /// Whether a kind of site may be used.
    #[must_use]
    pub fn allows(self, kind: SiteKind) -> bool {
        match self {
            Self::Best => true,
            Self::Only(only) => only == kind,
        }
    }
}
