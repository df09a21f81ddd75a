//! For `cargo xtask bench` only: mctop's programs on a process that is no memcached, and its tables without a server.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;
use aya::maps::{HashMap, Map, MapData};
use mctop_common::records::{KEY_ENTRIES_FROM, Operand, Stats, UNTRACKED_ENTRY};
use procfs::process::Process;

use super::attach::{self, Attached, Target};
use super::clock::Clock;
use super::object::{self, NamesMap, Object};
use super::table::Table;
use super::{batch, live};
use crate::model::snapshot::TargetInfo;
use crate::target::elf::Machine;
use crate::target::points::{FoundBy, Operands, Point, ProbeKind, Resolved, SiteKind};

/// Keys told apart, by default as in an observation.
pub const KEYS: u32 = live::DEFAULT_KEYS;

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
        pid,
        image: image.to_owned(),
        resolved: Resolved {
            machine: if cfg!(target_arch = "x86_64") { Machine::X86_64 } else { Machine::Aarch64 },
            build_id: None,
            version: None,
            lookups: vec![point],
            commands: Vec::new(),
            clock: None,
            wide_item_flags: true,
            steps: Vec::new(),
            notes: Vec::new(),
        },
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
    _names: NamesMap,
    _attached: Attached,
    _object: Object,
}

impl Probes {
    /// Attaches them.
    ///
    /// # Errors
    /// A [`crate::error::Failure`] that names the missing privilege, or what the kernel said.
    pub fn attach(target: &Target, keys: u32) -> anyhow::Result<Self> {
        let (mut object, names) = object::load(keys)?;
        let table = Table::new(keys)?;
        object.epoch.set(0, table.map(), 0).context("cannot put a table into the epoch's slot")?;
        let attached = attach::attach(&mut object, 0, target)?;
        Ok(Self { table, _names: names, _attached: attached, _object: object })
    }

    /// What was counted: the sum over all keys, and of what is untracked.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn calls(&self) -> anyhow::Result<u64> {
        let mut calls = 0;
        self.table.drain(|hash, stats| {
            if *hash >= KEY_ENTRIES_FROM || *hash == UNTRACKED_ENTRY {
                calls += u64::from(stats.hits) + u64::from(stats.misses);
            }
        })?;
        Ok(calls)
    }
}

/// How long a full table takes to drain.
#[derive(Clone, Copy, Debug)]
pub struct DrainTimes {
    /// As mctop does it.
    pub batch: Duration,
    /// By three system calls a key: next key, look up, delete.
    pub one_by_one: Duration,
}

/// Fills and drains a table of `entries` keys.
///
/// # Errors
/// What the kernel says.
pub fn drain_times(entries: u32) -> anyhow::Result<DrainTimes> {
    let table = Table::new(entries)?;
    fill(&table, entries)?;
    let begin = Instant::now();
    let mut drained = 0;
    table.drain(|hash, _| drained += u32::from(*hash >= KEY_ENTRIES_FROM))?;
    let batch = begin.elapsed();
    anyhow::ensure!(drained == entries, "{drained} of {entries} entries were drained");

    fill(&table, entries)?;
    let id = table.map().info().context("cannot ask for the table's id")?.id();
    let map = Map::HashMap(MapData::from_id(id).context("cannot open the table again")?);
    let mut map: HashMap<MapData, u64, Stats> = map.try_into().context("the table is not a hash map")?;
    let begin = Instant::now();
    let keys = map.keys().collect::<Result<Vec<_>, _>>().context("cannot list the table")?;
    for key in keys.iter().filter(|key| **key >= KEY_ENTRIES_FROM) {
        map.get(key, 0).context("cannot look a key up")?;
        map.remove(key).context("cannot delete a key")?;
    }
    Ok(DrainTimes { batch, one_by_one: begin.elapsed() })
}

/// Puts keys that are spread as hashes are into a table.
fn fill(table: &Table, entries: u32) -> anyhow::Result<()> {
    use std::os::fd::AsFd;
    // The constant of Fibonacci hashing (Knuth, The Art of Computer Programming 3, 6.4).
    let spread = |number: u32| KEY_ENTRIES_FROM | (u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 1);
    let hashes: Vec<u64> = (1..=entries).map(spread).collect();
    let stats = vec![Stats { hits: 1, ..Stats::default() }; hashes.len()];
    batch::update(table.map().fd().as_fd(), &hashes, &stats).context("cannot fill a table")
}
