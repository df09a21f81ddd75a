//! For `cargo xtask bench` only: mctop's programs on a process other than memcached, and its tables without a server.

mod epoch;

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;
use aya::maps::{Array, Map, MapData};
use mctop_common::hash::KEY_BIT;
use mctop_common::records::{ExtraStats, Operand, Stats};
use mctop_common::table::{SLOTS, StatsBucket, UNTRACKED_BUCKETS};
use procfs::process::Process;

use super::attach::{self, AttachedProbes, Target};
use super::clock::Clock;
use super::detail::Detail;
use super::map_sizes::{MEMORY_DEFAULT, MapSizes};
use super::names::NameTables;
use super::object::{self, LoadedObject, Object};
use super::table::{Counted, EpochTable};
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

/// How long it takes to drain a full table.
#[derive(Clone, Copy, Debug)]
pub struct DrainTimes {
    /// Through a mapping, as mctop does it.
    pub mapped: Duration,
    /// With two system calls for each bucket of eight keys: one that reads it, and one that empties it.
    pub by_calls: Duration,
}

/// Fills and drains a table of `entries` keys.
///
/// # Errors
/// If the kernel refuses to create or access the table.
pub fn drain_times(entries: u32) -> anyhow::Result<DrainTimes> {
    let buckets = entries.div_ceil(u32::try_from(SLOTS)?);
    let mut table = EpochTable::alone(buckets)?;
    let id = table.map().info().context("cannot ask for the table's id")?.id();
    let map = Map::Array(MapData::from_id(id).context("cannot open the table again")?);
    let mut calls: Array<MapData, StatsBucket> = map.try_into().context("the table is no array")?;

    fill(&mut calls, entries)?;
    let mut drained = 0;
    let start = Instant::now();
    table.drain(&mut Yielder::never(), |counted, _, _| {
        drained += u32::from(matches!(counted, Counted::Key(_)));
        true
    });
    let mapped = start.elapsed();
    anyhow::ensure!(drained == entries, "{drained} of {entries} entries were drained");

    fill(&mut calls, entries)?;
    let mut drained = 0;
    let start = Instant::now();
    for bucket in 0..calls.len() {
        let mut found = calls.get(&bucket, 0).context("cannot read a bucket")?;
        drained += found.stats.iter().filter(|stats| stats.hash != 0).count();
        found.stats = Default::default();
        found.extra = Default::default();
        calls.set(bucket, found, 0).context("cannot empty a bucket")?;
    }
    let by_calls = start.elapsed();
    anyhow::ensure!(drained == entries as usize, "{drained} of {entries} entries were drained by system calls");
    Ok(DrainTimes { mapped, by_calls })
}

/// Puts `entries` keys into a table, bucket by bucket.
fn fill(table: &mut Array<MapData, StatsBucket>, entries: u32) -> anyhow::Result<()> {
    let hashes: Vec<u64> = (1..=u64::from(entries)).map(|number| KEY_BIT | number).collect();
    for (bucket, hashes) in (UNTRACKED_BUCKETS..).zip(hashes.chunks(SLOTS)) {
        let mut full = StatsBucket { stats: Default::default(), extra: [ExtraStats::default(); SLOTS] };
        for (slot, hash) in full.stats.iter_mut().zip(hashes) {
            *slot = Stats { hash: *hash, hits: 1, ..Stats::default() };
        }
        table.set(bucket, full, 0).context("cannot fill a table")?;
    }
    Ok(())
}
