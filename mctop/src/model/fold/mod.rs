//! Folds intervals into counts since the start, in the last interval, and in a sliding window.

use std::sync::Arc;
use std::time::Duration;

use self::keys::Keys;
use super::cost::Cost;
use super::counts::Counts;
use super::estimate::Estimate;
use super::history::History;
use super::history::ring::SliceRing;
use super::interval::{Change, Interval, RecordedInterval};
use super::key_sample::{KeySamples, SampleConsumer};
use super::outcomes::Outcomes;
use super::servers::Servers;
use super::sketch::Dropped;
use super::snapshot::{Level, Loss, Snapshot};
use crate::model::header::Header;

mod index;
mod keys;
mod limits;
mod tallies;

pub(crate) use limits::NAME_TABLE_DIVISOR;
pub use limits::{Limits, MIN_MEMORY, model_memory};

/// Number and time of an interval.
#[derive(Clone, Copy, Debug)]
struct IntervalSpan {
    /// Number of the interval, from 1.
    number: u32,
    /// Start, since the start of the observation.
    start: Duration,
    /// End, since the start of the observation.
    end: Duration,
}

/// The state of an observation after all intervals folded so far.
pub struct Model {
    header: Header,
    servers: Servers,
    keys: Keys,
    /// Keys evicted or rejected in the current interval.
    dropped: Dropped,
    ring: SliceRing,
    number: u32,
    total: Counts,
    by_target: Vec<Counts>,
    last: Counts,
    recent: Counts,
    outcomes: Outcomes,
    estimate: Estimate,
    cost: Option<Cost>,
    cost_total: Option<Cost>,
    loss: Loss,
    others: Counts,
    end: Duration,
    interval: Duration,
}

impl Model {
    /// An observation without intervals.
    #[must_use]
    pub fn new(header: &Header, limits: Limits) -> Self {
        Self {
            servers: Servers::new(&header.targets),
            header: header.clone(),
            keys: Keys::new(limits.keys),
            dropped: Dropped::default(),
            ring: SliceRing::new(limits.history),
            number: 0,
            total: Counts::default(),
            by_target: vec![Counts::default(); header.targets.len()],
            last: Counts::default(),
            recent: Counts::default(),
            outcomes: Outcomes::default(),
            estimate: Estimate::default(),
            cost: None,
            cost_total: None,
            loss: Loss::default(),
            others: Counts::default(),
            end: Duration::ZERO,
            interval: Duration::ZERO,
        }
    }

    /// Adds an interval with its records.
    pub fn fold(&mut self, recorded: &RecordedInterval) {
        recorded.pass_to(self);
        self.end_interval(&recorded.interval);
    }

    /// Adds an interval whose key samples were passed to [`SampleConsumer::consume`] before.
    pub fn end_interval(&mut self, interval: &Interval) {
        self.number += 1;
        self.end = interval.end;
        self.interval = interval.length();
        self.total += &interval.total;
        self.recent += &interval.total;
        self.last = interval.total;
        self.outcomes += &interval.outcomes;
        self.estimate.add(self.interval, interval.total.calls(), interval.extrapolated);
        self.cost = interval.cost;
        if let Some(cost) = &interval.cost {
            *self.cost_total.get_or_insert_default() += cost;
        }
        self.loss += &interval.loss;
        self.others += &interval.others.counts;
        let dropped = std::mem::take(&mut self.dropped);
        self.loss.untracked_calls += dropped.sum.calls;
        self.loss.untracked_bytes += dropped.sum.bytes;
        self.loss.forgotten_keys += dropped.keys;
        let span = IntervalSpan { number: self.number, start: interval.start, end: interval.end };
        let slice = self.keys.end_interval(span, interval.total);
        for left in self.ring.push(slice, |slot| self.keys.added_in(slot)) {
            self.recent -= &left.total;
            self.keys.remove_from_window(&left);
        }
        for change in &interval.changes {
            self.servers.apply(change);
        }
        self.by_target.resize(self.servers.targets().len(), Counts::default());
    }

    /// The watched servers at the end of the last interval.
    pub(crate) const fn servers(&self) -> &Servers {
        &self.servers
    }

    /// A snapshot at the end of the last interval folded.
    #[must_use]
    pub fn snapshot(&mut self, interrupted: bool) -> Snapshot {
        Snapshot {
            origin: self.header.origin.clone(),
            host: self.header.host.clone(),
            kernel: self.header.kernel.clone(),
            started_at: self.header.started_at,
            duration: self.end,
            interval: self.interval,
            window: self.ring.window_start().map_or(Duration::ZERO, |start| self.end.saturating_sub(start)),
            interrupted,
            redaction: self.header.redaction.clone(),
            targets: Arc::clone(self.servers.targets()),
            gaps: self.servers.gaps().to_vec(),
            notes: self.servers.notes().iter().filter_map(Change::note).map(str::to_owned).collect(),
            total: self.total,
            target_totals: self.by_target.clone(),
            last: self.last,
            recent: self.recent,
            outcomes: self.outcomes,
            estimate: self.estimate,
            cost: self.cost,
            cost_total: self.cost_total,
            loss: self.loss,
            others: self.others,
            level: Level::Keys,
            rows: self.keys.rows(self.number, self.end),
            history: Arc::new(History::new(self.ring.slices(), self.servers.gaps(), self.by_target.len(), self.end)),
        }
    }
}

impl SampleConsumer for Model {
    fn consume(&mut self, start: Duration, end: Duration, samples: &mut dyn KeySamples) {
        let span = IntervalSpan { number: self.number + 1, start, end };
        let by_target = &mut self.by_target;
        let dropped = self.keys.count(samples, span, |sample| {
            if let Some(total) = by_target.get_mut(sample.target as usize) {
                *total += &sample.counts;
            }
        });
        self.dropped.merge(&dropped);
    }
}

#[cfg(test)]
pub(super) mod tests;
