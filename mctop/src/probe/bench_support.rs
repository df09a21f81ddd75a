//! For `cargo xtask bench` only: mctop's programs on a process that is no memcached, and its tables without a server.

mod epoch;

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;
use aya::maps::{Array, Map, MapData};
use mctop_common::hash::KEY_BIT;
use mctop_common::records::{ExtraStats, Operand, Stats};
use mctop_common::table::{SLOTS, StatsBucket, UNTRACKED_BUCKETS};
use procfs::process::Process;

use super::attach::{self, Attached, Target};
use super::clock::Clock;
use super::detail::Detail;
use super::memory::{self, Sizes};
use super::names;
use super::object::{self, Loaded, Object};
use super::table::{Counted, Table};
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
        self.table.drain(&mut Yielder::never(), |_, _, counts| {
            calls += u64::from(counts.stats.hits) + u64::from(counts.stats.misses);
            true
        });
        calls
    }
}

/// How long a full table takes to drain.
#[derive(Clone, Copy, Debug)]
pub struct DrainTimes {
    /// As mctop does it: through a mapping.
    pub mapped: Duration,
    /// By two system calls for each bucket of eight keys: one that reads it, and one that empties it.
    pub by_calls: Duration,
}

/// Fills and drains a table of `entries` keys.
///
/// # Errors
/// What the kernel says.
pub fn drain_times(entries: u32) -> anyhow::Result<DrainTimes> {
    let buckets = entries.div_ceil(u32::try_from(SLOTS)?);
    let mut table = Table::alone(buckets)?;
    let id = table.map().info().context("cannot ask for the table's id")?.id();
    let map = Map::Array(MapData::from_id(id).context("cannot open the table again")?);
    let mut calls: Array<MapData, StatsBucket> = map.try_into().context("the table is no array")?;

    fill(&mut calls, entries)?;
    let mut drained = 0;
    let begin = Instant::now();
    table.drain(&mut Yielder::never(), |counted, _, _| {
        drained += u32::from(matches!(counted, Counted::Key(_)));
        true
    });
    let mapped = begin.elapsed();
    anyhow::ensure!(drained == entries, "{drained} of {entries} entries were drained");

    fill(&mut calls, entries)?;
    let mut drained = 0;
    let begin = Instant::now();
    for bucket in 0..calls.len() {
        let mut found = calls.get(&bucket, 0).context("cannot read a bucket")?;
        drained += found.stats.iter().filter(|stats| stats.hash != 0).count();
        found.stats = Default::default();
        found.extra = Default::default();
        calls.set(bucket, found, 0).context("cannot empty a bucket")?;
    }
    let by_calls = begin.elapsed();
    anyhow::ensure!(drained == entries as usize, "{drained} of {entries} entries were drained by system calls");
    Ok(DrainTimes { mapped, by_calls })
}

/// Puts so many keys into a table, bucket after bucket.
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
