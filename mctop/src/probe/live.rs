//! Probes on running servers as a source: an interval is an epoch, which ends when the epochs' tables are swapped.

use std::time::{Duration, Instant};

use anyhow::Context;
use jiff::Timestamp;
use mctop_common::records::{FAULTS, Fault};

use super::budget::Budget;
use super::cost::{Meter, Reading};
use super::detail::Detail;
use super::drain::{Drain, Sum};
use super::duty::DutyCycle;
use super::fleet::Fleet;
use super::key_detail::KeyWatcher;
use super::map_sizes::{MEMORY_DEFAULT, MapSizes};
use super::memory_check::MemoryCheck;
use super::names::KeyNames;
use super::object::{self, LoadedObject, Object};
use super::probe_limits;
use super::servers::WatchedServers;
use super::table::EpochTable;
use crate::error::{Failure, FailureKind, with_causes};
use crate::model::header::Header;
use crate::model::interval::{Change, Interval};
use crate::model::key::Key;
use crate::model::key_detail::KeyDetail;
use crate::model::key_sample::SampleConsumer;
use crate::model::snapshot::{Loss, Origin};
use crate::source::Source;
use crate::target::discover::Selection;
use crate::yielder::Yielder;

mod budgeted;

/// An epoch this long may hold 32-bit counts that have wrapped: 4.29 billion operations on one key at the most that one
/// item lock lets through, about 4 million a second.
const EPOCH_LIMIT: Duration = Duration::from_secs(900);

/// What the probes may observe and cost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ProbeSettings {
    /// Memory for the eBPF maps, bytes.
    pub memory: u64,
    /// Which probes are attached.
    pub detail: Detail,
    /// Upper limit of the probes' share of the servers' CPU time; `None` for no limit.
    pub budget: Option<Budget>,
}

impl Default for ProbeSettings {
    fn default() -> Self {
        Self { memory: MEMORY_DEFAULT, detail: Detail::default(), budget: None }
    }
}

/// Probes attached to one or more servers. Dropping it detaches them.
pub struct Live {
    object: Object,
    /// The table that the kernel side counts into.
    active: EpochTable,
    /// The table of the epoch before.
    idle: EpochTable,
    names: KeyNames,
    fleet: Fleet,
    header: Header,
    started: Instant,
    /// Start of the current epoch, since `started`.
    flipped: Duration,
    /// Number of the current epoch, from 1.
    epoch: u32,
    faults: [u64; FAULTS as usize],
    key_watcher: KeyWatcher,
    /// `None` if the cost of the probes cannot be measured.
    meter: Option<Meter>,
    /// Present with a budget.
    duty_cycle: Option<DutyCycle>,
    /// Whether a note has said that the probes rest from time to time.
    is_rest_noted: bool,
}

impl Live {
    /// Loads the eBPF object and attaches to the selected servers.
    ///
    /// # Errors
    /// A [`Failure`]: a privilege is missing, the kernel refuses something, memory is limited, there are too many servers, or a
    /// budget cannot be kept because costs cannot be measured.
    pub fn attach(selection: &Selection, settings: &ProbeSettings) -> anyhow::Result<Self> {
        let memory = MemoryCheck::of(settings.memory);
        let live = Self::attach_all(selection, settings).map_err(|error| memory.explain(error))?;
        if let Some(warning) = memory.warning() {
            log::warn!("{warning} {}", memory.fix());
        }
        Ok(live)
    }

    fn attach_all(selection: &Selection, settings: &ProbeSettings) -> anyhow::Result<Self> {
        let (servers, targets) = WatchedServers::find(selection)?;
        let sites = probe_limits::sites_to_prepare(&targets, settings.detail, settings.memory)?;
        let sizes = MapSizes::with_sites(settings.memory, sites);
        let LoadedObject { mut object, names, epochs: [active, idle] } = object::load(sizes)?;
        let (mut fleet, infos) = Fleet::attach(servers, &targets, settings.detail, &mut object)?;
        let meter = match (Meter::new(&mut object, fleet.probes(), fleet.other_probes()), settings.budget) {
            (Err(error), Some(_)) => {
                fleet.detach(&mut object);
                return Err(Budget::unmeasurable(&error).into());
            }
            (meter, _) => or_unmeasured(meter),
        };
        let key_watcher = KeyWatcher::new(&mut object, sizes.threads)?;
        let system = rustix::system::uname();
        let mut live = Self {
            object,
            active,
            idle,
            names: KeyNames::new(names),
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
            key_watcher,
            meter,
            duty_cycle: settings.budget.map(DutyCycle::new),
            is_rest_noted: false,
        };
        live.start()?;
        Ok(live)
    }

    /// Starts the observation once everything is attached, which takes a second on a busy server. What the first probes counted
    /// meanwhile is discarded.
    fn start(&mut self) -> anyhow::Result<()> {
        self.started = self.discard()?;
        self.header.started_at = Timestamp::now().checked_sub(self.started.elapsed())?;
        self.read_meter();
        Ok(())
    }

    /// Starts an epoch and discards what was counted before it. Returns its start.
    fn discard(&mut self) -> anyhow::Result<Instant> {
        let start = self.flip()?;
        self.idle.drain(&mut Yielder::never(), |_, _, _| true);
        self.new_faults()?;
        Ok(start)
    }

    /// Swaps the tables. The idle one is complete when this returns. Returns the time of the swap: the kernel swaps first, and
    /// then waits for programs that still write to the old table, which takes a while on a busy host.
    fn flip(&mut self) -> anyhow::Result<Instant> {
        self.names.release_reserved();
        let swapped = Instant::now();
        self.object.count_into(&self.idle).context("cannot flip the epoch")?;
        std::mem::swap(&mut self.active, &mut self.idle);
        Ok(swapped)
    }

    /// Reads what the probes cost in the interval that has ended. After a failure it is not measured any more.
    fn read_meter(&mut self) -> Option<Reading> {
        let mut meter = self.meter.take()?;
        let reading = or_unmeasured(meter.read(&self.object, &self.fleet.pids()))?;
        self.meter = Some(meter);
        Some(reading)
    }

    /// Ends the current epoch: passes its key samples to `consumer`, and returns the interval and what of it is untracked.
    fn end_epoch(&mut self, consumer: &mut dyn SampleConsumer) -> anyhow::Result<(Interval, Sum)> {
        // Before the flip, so that everything a server did before it exited is in this interval.
        let exited = self.fleet.exited();
        let swapped = self.flip()?;
        let reading = self.read_meter();
        self.object.flush_log();
        let (start, end) = (self.flipped, swapped.saturating_duration_since(self.started));
        let faults = self.new_faults()?;
        let fault = |kind: Fault| faults[kind as usize];
        // Both refuse counts that may be wrong.
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
        // The key of these could not be read; all other untracked operations found no free slot.
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
                or_unmeasured(meter.sample(&self.object))?;
                Some(meter)
            });
        }
        self.key_watcher.read(&mut self.object);
        interval.changes = self.fleet.follow(&exited, &mut self.object, self.started)?;
        self.watch_key_again(&interval.changes);
        self.flipped = end;
        self.epoch += 1;
        Ok((interval, untracked))
    }

    /// Number of faults of each kind since the last call.
    fn new_faults(&mut self) -> anyhow::Result<[u64; FAULTS as usize]> {
        let mut new = [0; FAULTS as usize];
        for ((new, old), now) in new.iter_mut().zip(&mut self.faults).zip(self.object.faults()?) {
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
        let Some(mut cycle) = self.duty_cycle.take() else {
            return Ok(Some(self.end_epoch(consumer)?.0));
        };
        let interval = if cycle.is_resting() {
            self.end_resting_interval(&mut cycle, consumer)
        } else {
            self.end_watched_interval(&mut cycle, consumer)
        };
        self.duty_cycle = Some(cycle);
        interval.map(Some)
    }

    fn watch_key(&mut self, key: Option<(u32, &Key)>) -> anyhow::Result<()> {
        self.key_watcher.stop(&mut self.object)?;
        if let Some((target, key)) = key {
            let attached = self.fleet.attached(target).context("the server of this key has exited")?;
            self.key_watcher.start(&mut self.object, target, key, attached)?;
        }
        Ok(())
    }

    fn key_detail(&self) -> Option<&KeyDetail> {
        self.key_watcher.detail()
    }
}

impl Live {
    /// Watches the same key again after its server was restarted.
    fn watch_key_again(&mut self, changes: &[Change]) {
        let Some(detail) = self.key_detail().cloned() else { return };
        let is_back = |change: &Change| matches!(change, Change::Attached { target, .. } if *target == detail.target);
        if changes.iter().any(is_back)
            && let Err(error) = self.watch_key(Some((detail.target, &detail.key)))
        {
            self.key_watcher.fail(detail, &error);
        }
    }

    /// Refuses counts if the probes found that they read something else than they should.
    fn check(&self, fault: &impl Fn(Fault) -> u64) -> Result<(), Failure> {
        if fault(Fault::ItemMismatch) > 0 {
            return Err(Failure::no_target(format!(
                "A lookup probe read the wrong data: {} items had another key than the one looked up. The probes are detached, and \
                 the counts of the last interval are not shown. mctop misunderstood this build of memcached; please report its \
                 version and build-id.",
                fault(Fault::ItemMismatch)
            )));
        }
        if fault(Fault::Unconfigured) > 0 {
            return Err(Failure::new(
                FailureKind::Runtime,
                format!(
                    "The eBPF programs could not count {} operations, because a table or the description of a probe is missing. \
                     This is a bug in mctop; please report it with the output of mctop --version.",
                    fault(Fault::Unconfigured)
                ),
            ));
        }
        Ok(())
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        // If this fails, the kernel detaches the probes when the programs are closed.
        if let Err(error) = self.key_watcher.stop(&mut self.object) {
            log::debug!("The probes for the details of a key were not detached in order: {error:#}.");
        }
        self.fleet.detach(&mut self.object);
    }
}

/// Observation goes on without a measurement of its cost.
fn or_unmeasured<T>(result: anyhow::Result<T>) -> Option<T> {
    result.inspect_err(|error| log::warn!("The cost of the probes is not measured: {}.", with_causes(error))).ok()
}
