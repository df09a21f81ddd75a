//! Probes on running servers: flips the epoch, drains it, and turns hashes into keys.

use std::time::{Duration, Instant};

use anyhow::Context;
use jiff::Timestamp;
use mctop_common::records::{FAULTS, Fault};

use super::budget::{Budget, REST_MAX, Step};
use super::capacity;
use super::cost::{Meter, Reading};
use super::detail::Detail;
use super::drain::{Drain, Sum};
use super::duty::{Basis, CopyingConsumer, WatchedKeys};
use super::fleet::Fleet;
use super::focus::{Look, Sight};
use super::memory::{self, Sizes};
use super::names::Names;
use super::object::{self, Loaded, Object};
use super::room::Room;
use super::servers::Servers;
use super::table::Table;
use crate::error::{Failure, FailureKind, with_causes};
use crate::model::cost::Cost;
use crate::model::header::Header;
use crate::model::interval::{Change, Interval};
use crate::model::key::Key;
use crate::model::key_detail::KeyDetail;
use crate::model::key_sample::SampleConsumer;
use crate::model::snapshot::{Loss, Origin};
use crate::source::Source;
use crate::target::discover::Selection;
use crate::yielder::Yielder;

/// An epoch this long may hold 32-bit counts that have wrapped: 4.29 billion operations on one key at the most that one
/// item lock lets through, about 4 million a second.
const EPOCH_LIMIT: Duration = Duration::from_secs(900);

/// What the probes may see and take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Bytes for the kernel's maps.
    pub memory: u64,
    /// How much is watched.
    pub detail: Detail,
    /// What the probes may take of the servers' time.
    pub budget: Option<Budget>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { memory: memory::DEFAULT, detail: Detail::default(), budget: None }
    }
}

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
    /// Number of the epoch under way, from 1 on.
    epoch: u32,
    faults: [u64; FAULTS as usize],
    sight: Sight,
    /// None where the kernel does not let us measure.
    meter: Option<Meter>,
    budget: Option<Budget>,
    /// While nothing is watched, to keep within the budget.
    basis: Option<Basis>,
    /// By how many intervals the last rest was cut short: the next one is longer by that, so that the budget is kept.
    owed: u32,
    /// Whether that it rests has been told.
    told: bool,
}

impl Live {
    /// Loads the object and attaches to the servers that are selected.
    ///
    /// # Errors
    /// A [`Failure`] that names the missing privilege, or what the kernel said, or what limits the memory, that there are too many
    /// servers, or that a budget cannot be kept.
    pub fn attach(selection: &Selection, settings: &Settings) -> anyhow::Result<Self> {
        let room = Room::of(settings.memory);
        let live = Self::attach_all(selection, settings).map_err(|error| room.explain(error))?;
        if let Some(warning) = room.warning() {
            log::warn!("{warning} {}", room.fix());
        }
        Ok(live)
    }

    fn attach_all(selection: &Selection, settings: &Settings) -> anyhow::Result<Self> {
        let (servers, targets) = Servers::find(selection)?;
        let sites = capacity::find(&targets, settings.detail, settings.memory)?;
        let sizes = Sizes::with_sites(settings.memory, sites);
        let Loaded { mut object, names, epochs: [active, idle] } = object::load(sizes)?;
        let (mut fleet, infos) = Fleet::attach(servers, &targets, settings.detail, &mut object)?;
        let meter = match (Meter::new(&mut object, fleet.probes(), fleet.others()), settings.budget) {
            (Err(error), Some(_)) => {
                fleet.rest(&mut object);
                return Err(Budget::unkept(&error).into());
            }
            (meter, _) => unmeasured(meter),
        };
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
            epoch: 1,
            faults: [0; FAULTS as usize],
            sight: Sight::default(),
            meter,
            budget: settings.budget,
            basis: None,
            owed: 0,
            told: false,
        };
        live.begin()?;
        Ok(live)
    }

    /// Starts the observation once everything is attached, which takes a second on a busy server: what was counted
    /// meanwhile by the probes already there belongs to no time that could be told.
    fn begin(&mut self) -> anyhow::Result<()> {
        self.started = self.discard()?;
        self.header.started_at = Timestamp::now().checked_sub(self.started.elapsed())?;
        self.read_meter();
        Ok(())
    }

    /// Begins an epoch, and forgets what was counted before it. Returns its begin.
    fn discard(&mut self) -> anyhow::Result<Instant> {
        let begin = self.flip()?;
        self.idle.drain(&mut Yielder::never(), |_, _, _, _| true);
        self.new_faults()?;
        Ok(begin)
    }

    /// Swaps the tables; the one taken out is complete and at rest when this returns. Returns when they were swapped: that is
    /// the first thing that the kernel does, and what it waits for then takes a while on a busy host.
    fn flip(&mut self) -> anyhow::Result<Instant> {
        self.names.give_back();
        let swapped = Instant::now();
        self.object.count_into(&self.idle).context("cannot flip the epoch")?;
        std::mem::swap(&mut self.active, &mut self.idle);
        Ok(swapped)
    }

    /// What was measured of the probes' cost in the interval that has ended; if that fails once, it is not tried again.
    fn read_meter(&mut self) -> Option<Reading> {
        let mut meter = self.meter.take()?;
        let reading = unmeasured(meter.read(&self.object, &self.fleet.pids()))?;
        self.meter = Some(meter);
        Some(reading)
    }

    /// Ends the epoch under way: passes its key samples to `consumer`, and returns the interval and what of it is untracked.
    fn end_epoch(&mut self, consumer: &mut dyn SampleConsumer) -> anyhow::Result<(Interval, Sum)> {
        // Asked before the flip: what a server does before it exits is in this interval.
        let exited = self.fleet.exited();
        let swapped = self.flip()?;
        let reading = self.read_meter();
        if let Some(log) = &mut self.object.log {
            log.flush();
        }
        let (start, end) = (self.flipped, swapped.saturating_duration_since(self.started));
        let faults = self.new_faults()?;
        let fault = |kind: Fault| faults[kind as usize];
        // Nobody is to count what these cast doubt on.
        let is_cheaper = self.fleet.validate(&mut self.object)?;
        self.check(&fault)?;
        let nows = self.fleet.clocks();
        let yielder = Yielder::for_interval(end - start);
        let mut drain = Drain::new(&mut self.idle, &mut self.names, self.epoch, &nows, yielder);
        consumer.consume(start, end, &mut drain);
        let (total, untracked) = (drain.total, drain.untracked);
        drain.finish(&self.active);
        let mut interval =
            Interval { start, end, total: total.counts, outcomes: total.outcomes, ..Interval::default() };
        // What else is untracked found no slot.
        let unread = fault(Fault::KeyRead) + fault(Fault::KeyLength);
        interval.loss = Loss {
            untracked_calls: untracked.counts.calls(),
            untracked_bytes: untracked.counts.bytes(),
            read_faults: [Fault::KeyRead, Fault::ItemRead, Fault::CommandRead, Fault::Threads].map(fault).iter().sum(),
            truncated_keys: fault(Fault::KeyLength),
            full_intervals: u64::from(untracked.counts.calls() > unread),
            overlong_intervals: u64::from(end - start > EPOCH_LIMIT),
            forgotten_keys: 0,
        };
        interval.cost =
            self.meter.as_mut().zip(reading).and_then(|(meter, reading)| meter.cost(&reading, interval.total.calls()));
        if is_cheaper {
            self.meter = self.meter.take().and_then(|mut meter| {
                unmeasured(meter.sample(&self.object))?;
                Some(meter)
            });
        }
        self.sight.read(&mut self.object);
        interval.changes = self.fleet.follow(&exited, &mut self.object, self.started)?;
        self.look_again(&interval.changes);
        self.flipped = end;
        self.epoch += 1;
        Ok((interval, untracked))
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

    fn next(&mut self, consumer: &mut dyn SampleConsumer) -> anyhow::Result<Option<Interval>> {
        let Some(budget) = self.budget else {
            return Ok(Some(self.end_epoch(consumer)?.0));
        };
        if let Some(basis) = self.basis.take() {
            return self.extrapolate(basis, consumer).map(Some);
        }
        let mut keys = WatchedKeys::default();
        let (mut interval, untracked) = self.end_epoch(&mut CopyingConsumer { keys: &mut keys, consumer })?;
        self.keep_budget(budget, &mut interval, keys, untracked)?;
        Ok(Some(interval))
    }

    fn watch_key(&mut self, key: Option<(u32, &Key)>) -> anyhow::Result<()> {
        self.sight.close(&mut self.object)?;
        if let Some((target, key)) = key {
            let attached = self.fleet.attached(target).context("the server of this key has exited")?;
            self.sight = Sight::Open(Look::begin(&mut self.object, target, key, attached)?);
        }
        Ok(())
    }

    fn key_detail(&self) -> Option<&KeyDetail> {
        self.sight.focus()
    }
}

impl Live {
    /// Leaves out what it takes to keep within the budget after an interval.
    fn keep_budget(
        &mut self,
        budget: Budget,
        interval: &mut Interval,
        keys: WatchedKeys,
        untracked: Sum,
    ) -> anyhow::Result<()> {
        let length = interval.length();
        let exceeds = |detail| self.fleet.exceeds(detail);
        let step = budget.judge(interval.cost.as_ref(), length, self.fleet.detail(), exceeds);
        let note = match step {
            Step::Watch => {
                self.owed = self.owed.saturating_sub(1);
                return Ok(());
            }
            Step::Shed(detail) => {
                interval.changes.extend(self.fleet.shed(detail, &mut self.object)?);
                if let Some(meter) = &mut self.meter {
                    meter.probes_changed(&self.object, self.fleet.probes())?;
                }
                format!("the level of detail is {}", detail.name())
            }
            Step::Rest(left) => {
                let owed = std::mem::take(&mut self.owed);
                let mut basis = Basis::new(interval, keys, untracked, (left + owed).min(REST_MAX));
                basis.is_paying = owed > 0;
                self.basis = Some(basis);
                self.fleet.rest(&mut self.object);
                if std::mem::replace(&mut self.told, true) {
                    return Ok(());
                }
                "the probes are attached from time to time only; what happens in between is extrapolated. Until a minute is over, \
                 they may have taken more"
                    .to_owned()
            }
        };
        let share = interval.cost.as_ref().and_then(Cost::share).unwrap_or_default();
        interval.changes.push(Change::Budget { note: budget.told(share, interval.end, &note) });
        Ok(())
    }

    /// An interval in which nothing is watched. The last of them ends when the probes are attached again.
    fn extrapolate(&mut self, mut basis: Basis, consumer: &mut dyn SampleConsumer) -> anyhow::Result<Interval> {
        basis.left -= 1;
        let mut servers = self.read_meter().map(|reading| reading.servers);
        let so_far = self.started.elapsed().saturating_sub(self.flipped);
        let exited = self.fleet.exited();
        let mut changes = self.fleet.follow(&exited, &mut self.object, self.started)?;
        for change in &changes {
            if let Change::Exited { target, .. } = change {
                basis.forget(*target);
            }
        }
        self.look_again(&changes);
        // Of a server that comes, and of another load, nothing is known that could be extrapolated: they are watched. A load that
        // changes all the time must not end each rest.
        let is_new = changes.iter().any(|change| matches!(change, Change::Attached { .. }));
        let is_another = servers.is_some_and(|servers| basis.is_outdated_by(servers, so_far));
        if is_new || is_another && !basis.is_paying {
            self.owed = std::mem::take(&mut basis.left);
        }
        let ended = if basis.left == 0 {
            self.fleet.resume(&mut self.object)?;
            let begin = self.discard()?;
            // What it took until now is of this interval, too.
            servers = servers.zip(self.read_meter()).map(|(servers, reading)| servers + reading.servers);
            begin
        } else {
            self.fleet.rest(&mut self.object);
            Instant::now()
        };
        let end = ended.saturating_duration_since(self.started);
        for change in &mut changes {
            if let Change::Attached { at, .. } = change {
                *at = end;
            }
        }
        let (mut interval, keys) = basis.extrapolated(self.flipped, end, servers);
        consumer.consume(interval.start, interval.end, &mut keys.samples());
        interval.changes = changes;
        interval.cost = servers.map(|servers| Cost { servers, ..Cost::default() });
        self.sight.read(&mut self.object);
        self.flipped = end;
        self.basis = Some(basis).filter(|basis| basis.left > 0);
        Ok(interval)
    }

    /// Looks at the same key of a server that was restarted.
    fn look_again(&mut self, changes: &[Change]) {
        let Some(focus) = self.key_detail().cloned() else { return };
        let again = |change: &Change| matches!(change, Change::Attached { target, .. } if *target == focus.target);
        if changes.iter().any(again)
            && let Err(error) = self.watch_key(Some((focus.target, &focus.key)))
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
                FailureKind::Runtime,
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

impl Drop for Live {
    fn drop(&mut self) {
        // Where this fails, the kernel takes the probes off with the programs.
        if let Err(error) = self.sight.close(&mut self.object) {
            log::debug!("The probes of a key that is looked at are not detached in order: {error:#}.");
        }
        self.fleet.rest(&mut self.object);
    }
}

/// What can be observed without knowing its cost is worth more than nothing.
fn unmeasured<T>(result: anyhow::Result<T>) -> Option<T> {
    result.inspect_err(|error| log::warn!("What the probes cost is not measured: {}.", with_causes(error))).ok()
}
