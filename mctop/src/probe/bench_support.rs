//! For `cargo xtask bench` only: mctop's programs on a process other than memcached, and its tables without a server.

mod epoch;

use std::path::Path;

use mctop_common::records::Operand;
use procfs::process::Process;

use super::attach::{self, AttachedProbes, Target};
use super::clock::Clock;
use super::detail::Detail;
use super::map_sizes::{MEMORY_DEFAULT, MapSizes};
use super::names::NameTables;
use super::object::{self, LoadedObject, Object};
use super::table::EpochTable;
use crate::model::probe_point::{FoundBy, ProbeKind, SiteKind};
use crate::model::snapshot::TargetInfo;
use crate::target::discover::ServerIdentity;
use crate::target::elf::Machine;
use crate::target::points::{Operands, Point, Resolved};
use crate::yielder::Yielder;

pub use epoch::{EpochTimes, epoch_times};

/// The registers with the operands of a lookup, by their numbers in the instruction encoding.
#[derive(Clone, Copy, Debug)]
pub struct Registers {
    /// memcached's `was_found`.
    pub found: u8,
    /// The key's address.
    pub key: u8,
    /// The key's length.
    pub key_len: u8,
    /// The item's address.
    pub item: u8,
    /// The stack pointer, if the return address is on top of the stack.
    pub stack: Option<u8>,
    /// The link register otherwise.
    pub link: u8,
}

/// A server whose lookups end at one instruction of any process.
#[must_use]
pub fn target_of(pid: u32, image: &Path, offset: u64, registers: &Registers) -> Target {
    let point = Point {
        kind: ProbeKind::Lookup,
        site: SiteKind::Exact,
        function: "victim".into(),
        found_by: FoundBy::Symtab,
        offset,
        address: offset,
        instruction: String::new(),
        emulated: true,
        proof: Vec::new(),
        operands: Operands::Lookup {
            key: Operand::register(registers.key),
            key_len: Operand::register(registers.key_len),
            found: Operand::register(registers.found),
            item: Operand::register(registers.item),
            descriptor: Operand::ABSENT,
            connection: Operand::ABSENT,
            return_address: match registers.stack {
                Some(stack) => Operand::memory(stack, 0),
                None => Operand::register(registers.link),
            },
            store_returns: vec![i64::MAX],
            delta_returns: vec![i64::MAX],
        },
    };
    let start_ticks = i32::try_from(pid)
        .ok()
        .and_then(|pid| Process::new(pid).and_then(|process| process.stat()).ok())
        .map_or(0, |stat| stat.starttime);
    Target {
        is_proxy: false,
        has_no_cas: false,
        identity: ServerIdentity::default(),
        knows_client: true,
        pid,
        image: image.to_owned(),
        resolved: Resolved {
            machine: if cfg!(target_arch = "x86_64") { Machine::X86_64 } else { Machine::Aarch64 },
            build_id: None,
            version: None,
            lookups: vec![point],
            commands: Vec::new(),
            command_notes: Vec::new(),
            events: Vec::new(),
            event_notes: Vec::new(),
            requests: None,
            clock: None,
            wide_item_flags: true,
            steps: Vec::new(),
            notes: Vec::new(),
        },
        requests: None,
        clock: Clock { pid, address: None, start_ticks },
        info: TargetInfo {
            pid,
            binary: image.display().to_string(),
            version: None,
            build_id: None,
            listen: Vec::new(),
            container: None,
            unit: None,
            probes: Vec::new(),
            notes: Vec::new(),
        },
    }
}

/// A server for tests: this process.
#[cfg(test)]
pub(super) fn sample_target() -> Target {
    let registers = Registers { found: 0, key: 1, key_len: 2, item: 3, stack: Some(4), link: 5 };
    target_of(std::process::id(), "/proc/self/exe".as_ref(), 0, &registers)
}

/// mctop's programs on one process, counting into one table.
pub struct Probes {
    table: EpochTable,
    _names: NameTables,
    attached: AttachedProbes,
    object: Object,
}

impl Probes {
    /// Attaches them, with tables of the default size.
    ///
    /// # Errors
    /// A [`crate::error::Failure`] that names the missing privilege, or the kernel's error.
    pub fn attach(target: &Target) -> anyhow::Result<Self> {
        let sizes = MapSizes::of(MEMORY_DEFAULT);
        let LoadedObject { mut object, names, epochs: [table, _] } = object::load(sizes)?;
        let attached = attach::attach(&mut object, 0, target, Detail::default())?;
        Ok(Self { table, _names: names, attached, object })
    }

    /// Judges the evidence of the probe as at the end of an interval. A probe is cheaper once it is validated.
    ///
    /// # Errors
    /// If the probe is wrong.
    pub fn validate(&mut self) -> anyhow::Result<()> {
        self.attached.validate(&mut self.object.sites).map(drop)
    }

    /// The number of lookups: the sum over all keys and of untracked operations. The process must be idle.
    pub fn calls(&mut self) -> u64 {
        let mut calls = 0;
        self.table.drain(&mut Yielder::never(), |_, _, counts| {
            calls += u64::from(counts.stats.hits) + u64::from(counts.stats.misses);
            true
        });
        calls
    }
}
