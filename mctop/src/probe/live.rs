//! Probes on running servers: flips the epoch, drains it, and turns hashes into keys.

use std::time::{Duration, Instant};

use anyhow::Context;
use jiff::Timestamp;
use mctop_common::records::{FAULTS, Fault, KEY_ENTRIES_FROM, Stats, UNTRACKED_ENTRY};

use super::clock;
use super::fleet::Fleet;
use super::names::Names;
use super::object::{self, Object};
use super::privilege;
use super::servers::Servers;
use super::table::Table;
use crate::error::Failure;
use crate::model::counts::Counts;
use crate::model::interval::{Interval, Record};
use crate::model::snapshot::{Loss, Origin};
use crate::source::{Header, Source};
use crate::target::discover::Selection;

/// Default number of keys told apart in one interval.
pub const DEFAULT_KEYS: u32 = 65_536;

/// An epoch this long may hold 32-bit counts that have wrapped: 4.29 billion operations on one key at the most that one
/// item lock lets through, about 4 million a second.
const EPOCH_LIMIT: Duration = Duration::from_secs(900);

/// Probes attached to one or several servers. Dropping it detaches them.
pub struct Live {
    object: Object,
    /// The epoch's table now in the kernel's hands, and the one at rest.
    active: Table,
    idle: Table,
    names: Names,
    fleet: Fleet,
    header: Header,
    started: Instant,
    flipped: Duration,
    epoch: u64,
    keys: u32,
    faults: [u64; FAULTS as usize],
}

impl Live {
    /// Loads the object and attaches to the servers that are selected, telling apart at most `keys` keys an interval.
    ///
    /// # Errors
    /// A [`Failure`] that names the missing privilege, or what the kernel said.
    pub fn attach(selection: &Selection, keys: u32) -> anyhow::Result<Self> {
        let (servers, targets) = Servers::find(selection)?;
        let (mut object, names) = object::load(keys)?;
        let active = Table::new(keys)?;
        let idle = Table::new(keys)?;
        object
            .epoch
            .set(0, active.map(), 0)
            .map_err(|error| privilege::explain(error.into(), "put a table of keys into the epoch's slot"))?;
        let (fleet, infos) = Fleet::attach(servers, &targets, &mut object)?;
        let system = rustix::system::uname();
        let mut live = Self {
            object,
            active,
            idle,
            names: Names::new(names, usize::try_from(keys)?),
            fleet,
            header: Header {
                origin: Origin::Live,
                host: system.nodename().to_string_lossy().into_owned(),
                kernel: system.release().to_string_lossy().into_owned(),
                started_at: Timestamp::now(),
                targets: infos,
                redaction: None,
            },
            started: Instant::now(),
            flipped: Duration::ZERO,
            epoch: 0,
            keys,
            faults: [0; FAULTS as usize],
        };
        live.begin()?;
        Ok(live)
    }

    /// Starts the observation once everything is attached, which takes a second on a busy server: what was counted
    /// meanwhile by the probes already there belongs to no time that could be told.
    fn begin(&mut self) -> anyhow::Result<()> {
        self.flip()?;
        self.started = Instant::now();
        self.header.started_at = Timestamp::now();
        self.idle.drain(|_, _| ()).map_err(|error| privilege::explain(error.into(), "drain a BPF map in batches"))?;
        self.new_faults()?;
        Ok(())
    }

    /// Swaps the tables; the one taken out is complete and at rest when this returns.
    fn flip(&mut self) -> anyhow::Result<()> {
        self.object.epoch.set(0, self.idle.map(), 0).context("cannot flip the epoch")?;
        std::mem::swap(&mut self.active, &mut self.idle);
        Ok(())
    }

    /// What went wrong since the last call.
    fn new_faults(&mut self) -> anyhow::Result<[u64; FAULTS as usize]> {
        let mut new = [0; FAULTS as usize];
        for (index, (new, old)) in new.iter_mut().zip(&mut self.faults).enumerate() {
            let now = self.object.faults.get(&u32::try_from(index)?, 0).context("cannot read the fault counters")?;
            *new = now - std::mem::replace(old, now);
        }
        Ok(new)
    }
}

impl Source for Live {
    fn header(&self) -> &Header {
        &self.header
    }

    fn next(&mut self) -> anyhow::Result<Option<Interval>> {
        // Asked before the flip: what a server does before it exits is in this interval.
        let exited = self.fleet.exited();
        self.flip()?;
        if let Some(log) = &mut self.object.log {
            log.flush();
        }
        let end = self.started.elapsed();
        let nows = self.fleet.clocks();
        let mut interval = Interval { start: self.flipped, end, ..Interval::default() };
        let mut untracked = Counts::default();
        let mut keys = 0;
        let (names, epoch) = (&mut self.names, self.epoch);
        self.idle
            .drain(|hash, stats| {
                let counts = counts(stats);
                if *hash == UNTRACKED_ENTRY {
                    untracked += &counts;
                } else if *hash < KEY_ENTRIES_FROM {
                    interval.total += &counts;
                } else {
                    keys += 1;
                    let Some(known) = names.resolve(*hash, epoch) else { return untracked += &counts };
                    let now = nows.get(known.target as usize).copied().flatten();
                    let size = stats.size_plus_1.checked_sub(1);
                    interval.records.push(Record {
                        key: known.key.clone(),
                        target: known.target,
                        counts,
                        size,
                        ttl: size.map_or_else(Default::default, |_| clock::ttl(stats.exptime, now)),
                    });
                }
            })
            .map_err(|error| privilege::explain(error.into(), "drain a BPF map in batches"))?;
        self.names.collect(self.epoch);
        let faults = self.new_faults()?;
        let fault = |kind: Fault| faults[kind as usize];
        self.check(&fault)?;
        interval.loss = Loss {
            untracked_calls: untracked.calls(),
            untracked_bytes: untracked.bytes(),
            read_faults: fault(Fault::KeyRead) + fault(Fault::ItemRead) + fault(Fault::CommandRead),
            truncated_keys: fault(Fault::KeyLength),
            full_intervals: u64::from(keys >= self.keys || fault(Fault::Names) > 0),
            overlong_intervals: u64::from(end - interval.start > EPOCH_LIMIT),
            forgotten_keys: 0,
        };
        let (calls, bytes) = interval.unexplained();
        anyhow::ensure!(
            calls == 0 && bytes == 0,
            "the counts do not add up: {calls} calls and {bytes} bytes of the totals are neither under a key nor untracked. \
             This is a defect of mctop; please report it with the output of mctop --version"
        );
        interval.changes = self.fleet.follow(&exited, &mut self.object, self.started)?;
        self.flipped = end;
        self.epoch += 1;
        Ok(Some(interval))
    }
}

impl Live {
    /// Refuses figures that the probes themselves cast doubt on.
    fn check(&self, fault: &impl Fn(Fault) -> u64) -> Result<(), Failure> {
        if fault(Fault::ItemMismatch) > 0 {
            return Err(Failure::no_target(format!(
                "The lookup probe is not where it should be: {} items had another key length than the key looked up. Nothing \
                 was shown, and the probes are detached. This build of memcached is not what mctop took it for; please report \
                 its version and build-id.",
                fault(Fault::ItemMismatch)
            )));
        }
        Ok(())
    }
}

/// Widens what the kernel side counted.
fn counts(stats: &Stats) -> Counts {
    Counts {
        hits: stats.hits.into(),
        misses: stats.misses.into(),
        expired: stats.expired.into(),
        flushed: stats.flushed.into(),
        sets: stats.sets.into(),
        deletes: stats.deletes.into(),
        delete_hits: stats.delete_hits.into(),
        other: stats.other.into(),
        other_hits: stats.other_hits.into(),
        bytes_out: stats.bytes_out,
        bytes_in: stats.bytes_in,
    }
}
