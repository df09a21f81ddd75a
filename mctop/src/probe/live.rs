//! Probes on running servers: flips the epoch, drains it, and turns hashes into keys.

use std::time::{Duration, Instant};

use anyhow::Context;
use jiff::Timestamp;
use mctop_common::records::{FAULTS, Fault, RareStats, Stats};

use super::clock;
use super::cost::{Meter, Reading};
use super::fleet::Fleet;
use super::focus::{Look, Sight};
use super::memory;
use super::names::Names;
use super::object::{self, Object};
use super::servers::Servers;
use super::table::{Counted, Table};
use crate::error::{Failure, Kind};
use crate::model::counts::Counts;
use crate::model::focus::Focus;
use crate::model::interval::{Change, Interval, Record};
use crate::model::key::Key;
use crate::model::snapshot::{Loss, Origin};
use crate::source::{Header, Source};
use crate::target::discover::Selection;

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
    faults: [u64; FAULTS as usize],
    sight: Sight,
    /// None where the kernel does not let us measure.
    meter: Option<Meter>,
}

impl Live {
    /// Loads the object and attaches to the servers that are selected, taking at most `memory` bytes for the kernel's maps.
    ///
    /// # Errors
    /// A [`Failure`] that names the missing privilege, or what the kernel said.
    pub fn attach(selection: &Selection, memory: u64) -> anyhow::Result<Self> {
        let (servers, targets) = Servers::find(selection)?;
        let buckets = memory::buckets(memory);
        let (mut object, names) = object::load(buckets)?;
        let active = Table::new(buckets)?;
        let idle = Table::new(buckets)?;
        object.count_into(&active)?;
        let (fleet, infos) = Fleet::attach(servers, &targets, &mut object)?;
        let probes: Vec<_> = infos.iter().flat_map(|info| &info.probes).collect();
        let meter = unmeasured(Meter::new(&mut object, &probes));
        let system = rustix::system::uname();
        let mut live = Self {
            object,
            active,
            idle,
            names: Names::new(names),
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
            faults: [0; FAULTS as usize],
            sight: Sight::default(),
            meter,
        };
        live.begin()?;
        Ok(live)
    }

    /// Starts the observation once everything is attached, which takes a second on a busy server: what was counted
    /// meanwhile by the probes already there belongs to no time that could be told.
    fn begin(&mut self) -> anyhow::Result<()> {
        self.flip()?;
        self.read_meter();
        self.started = Instant::now();
        self.header.started_at = Timestamp::now();
        // Names that nobody learned would take their room for good.
        let (names, epoch) = (&mut self.names, self.epoch);
        self.idle.drain(|counted, _, _| {
            if let Counted::Key(hash) = counted {
                names.resolve(hash, epoch);
            }
        });
        self.new_faults()?;
        Ok(())
    }

    /// Swaps the tables; the one taken out is complete and at rest when this returns.
    fn flip(&mut self) -> anyhow::Result<()> {
        self.names.give_back();
        self.object.count_into(&self.idle).context("cannot flip the epoch")?;
        std::mem::swap(&mut self.active, &mut self.idle);
        Ok(())
    }

    /// What was measured of the probes' cost in the interval that has ended; if that fails once, it is not tried again.
    fn read_meter(&mut self) -> Option<Reading> {
        let mut meter = self.meter.take()?;
        let reading = unmeasured(meter.read(&self.object, &self.fleet.pids()))?;
        self.meter = Some(meter);
        Some(reading)
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
        let reading = self.read_meter();
        if let Some(log) = &mut self.object.log {
            log.flush();
        }
        let end = self.started.elapsed();
        let nows = self.fleet.clocks();
        let mut interval = Interval { start: self.flipped, end, ..Interval::default() };
        let mut untracked = Counts::default();
        let (names, epoch) = (&mut self.names, self.epoch);
        self.idle.drain(|counted, stats, rare| {
            let counts = counts(stats, rare);
            interval.total += &counts;
            let Counted::Key(hash) = counted else { return untracked += &counts };
            let Some(known) = names.resolve(hash, epoch) else { return untracked += &counts };
            let now = nows.get(known.target as usize).copied().flatten();
            let size = stats.size_plus_1.checked_sub(1);
            interval.records.push(Record {
                key: known.key.clone(),
                target: known.target,
                counts,
                size,
                ttl: size.map_or_else(Default::default, |_| clock::ttl(stats.exptime, now)),
            });
        });
        self.names.collect(self.epoch);
        let faults = self.new_faults()?;
        let fault = |kind: Fault| faults[kind as usize];
        self.fleet.validate(&mut self.object)?;
        self.check(&fault)?;
        // What else is untracked found no slot.
        let unread = fault(Fault::KeyRead) + fault(Fault::KeyLength);
        interval.loss = Loss {
            untracked_calls: untracked.calls(),
            untracked_bytes: untracked.bytes(),
            read_faults: fault(Fault::KeyRead) + fault(Fault::ItemRead) + fault(Fault::CommandRead),
            truncated_keys: fault(Fault::KeyLength),
            full_intervals: u64::from(untracked.calls() > unread),
            overlong_intervals: u64::from(end - interval.start > EPOCH_LIMIT),
            forgotten_keys: 0,
        };
        interval.cost =
            self.meter.as_mut().zip(reading).and_then(|(meter, reading)| meter.cost(&reading, interval.total.calls()));
        self.sight.read(&mut self.object);
        interval.changes = self.fleet.follow(&exited, &mut self.object, self.started)?;
        self.look_again(&interval.changes);
        self.flipped = end;
        self.epoch += 1;
        Ok(Some(interval))
    }

    fn look_at(&mut self, key: Option<(u32, &Key)>) -> anyhow::Result<()> {
        self.sight.close(&mut self.object)?;
        if let Some((target, key)) = key {
            let attached = self.fleet.attached(target).context("the server of this key has exited")?;
            self.sight = Sight::Open(Look::begin(&mut self.object, target, key, attached)?);
        }
        Ok(())
    }

    fn focus(&self) -> Option<&Focus> {
        self.sight.focus()
    }
}

impl Live {
    /// Looks at the same key of a server that was restarted.
    fn look_again(&mut self, changes: &[Change]) {
        let Some(focus) = self.focus().cloned() else { return };
        let again = |change: &Change| matches!(change, Change::Attached { target, .. } if *target == focus.target);
        if changes.iter().any(again)
            && let Err(error) = self.look_at(Some((focus.target, &focus.key)))
        {
            self.sight = Sight::ended(focus, &error);
        }
    }

    /// Refuses figures that the probes themselves cast doubt on.
    fn check(&self, fault: &impl Fn(Fault) -> u64) -> Result<(), Failure> {
        if fault(Fault::ItemMismatch) > 0 {
            return Err(Failure::no_target(format!(
                "A lookup probe does not see what it should: {} items were of another key than the one looked up. The figures \
                 of the last interval were not shown, and the probes are detached. This build of memcached is not what mctop \
                 took it for; please report its version and build-id.",
                fault(Fault::ItemMismatch)
            )));
        }
        if fault(Fault::Unconfigured) > 0 {
            return Err(Failure::new(
                Kind::Runtime,
                format!(
                    "The eBPF programs could not count {} operations, because a table or the description of a probe was not \
                     there. This is a defect of mctop; please report it with the output of mctop --version.",
                    fault(Fault::Unconfigured)
                ),
            ));
        }
        Ok(())
    }
}

/// What can be observed without knowing its cost is worth more than nothing.
fn unmeasured<T>(result: anyhow::Result<T>) -> Option<T> {
    result.inspect_err(|error| log::warn!("What the probes cost is not measured: {error:#}.")).ok()
}

/// Widens what the kernel side counted.
fn counts(stats: &Stats, rare: &RareStats) -> Counts {
    Counts {
        hits: stats.hits.into(),
        misses: stats.misses.into(),
        expired: stats.expired.into(),
        flushed: rare.flushed.into(),
        sets: stats.sets.into(),
        deletes: stats.deletes.into(),
        delete_hits: stats.delete_hits.into(),
        other: stats.other.into(),
        other_hits: stats.other_hits.into(),
        bytes_out: stats.bytes_out,
        bytes_in: stats.bytes_in,
    }
}
