//! For `cargo xtask bench` only: mctop's programs on a process that is no memcached, and its tables without a server.

mod epoch;

use std::path::Path;

use mctop_common::records::Operand;
use procfs::process::Process;

use super::attach::{self, Attached, Target};
use super::clock::Clock;
use super::detail::Detail;
use super::memory::{self, Sizes};
use super::names;
use super::object::{self, Loaded, Object};
use super::table::Table;
use crate::model::probe_point::{FoundBy, ProbeKind, SiteKind};
use crate::model::snapshot::TargetInfo;
use crate::target::discover::ServerIdentity;
use crate::target::elf::Machine;
use crate::target::points::{Operands, Point, Resolved};
use crate::yielder::Yielder;

pub use epoch::{EpochTimes, epoch_times};

/// Where the operands of a lookup are at the probed instruction, by the processor's encoding order.
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
    /// The stack pointer, where the return address is on top of the stack.
    pub stack: Option<u8>,
    /// The link register, where it is not.
    pub link: u8,
}

/// A lookup that is finished at one instruction of any process.
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
        stand: ServerIdentity::default(),
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

/// mctop's programs on one process, counting into one table.
pub struct Probes {
    table: Table,
    _names: names::Tables,
    attached: Attached,
    object: Object,
}

impl Probes {
    /// Attaches them, with tables of the default size.
    ///
    /// # Errors
    /// A [`crate::error::Failure`] that names the missing privilege, or what the kernel said.
    pub fn attach(target: &Target) -> anyhow::Result<Self> {
        let sizes = Sizes::of(memory::DEFAULT);
        let Loaded { mut object, names, epochs: [table, _] } = object::load(sizes)?;
        let attached = attach::attach(&mut object, 0, target, Detail::default())?;
        Ok(Self { table, _names: names, attached, object })
    }

    /// Judges what the probe has seen, as at the end of an interval: it costs more while each item is checked.
    ///
    /// # Errors
    /// When it does not see what it should.
    pub fn validate(&mut self) -> anyhow::Result<()> {
        self.attached.validate(&mut self.object).map(drop)
    }

    /// What was counted: the sum over all keys, and of what is untracked. The process must be at rest.
    pub fn calls(&mut self) -> u64 {
        let mut calls = 0;
        self.table.drain(&mut Yielder::never(), |_, _, stats, _| {
            calls += u64::from(stats.hits) + u64::from(stats.misses);
            true
        });
        calls
    }
}
