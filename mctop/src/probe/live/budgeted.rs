//! The intervals of an observation with a budget.

use std::time::Instant;

use super::Live;
use crate::model::cost::Cost;
use crate::model::interval::{Change, Interval};
use crate::model::key_sample::SampleConsumer;
use crate::probe::budget::BudgetStep;
use crate::probe::duty::{self, DutyCycle};

impl Live {
    /// Ends an interval in which the probes were attached, and takes the next step to stay within the budget.
    pub(super) fn end_watched_interval(
        &mut self,
        cycle: &mut DutyCycle,
        consumer: &mut dyn SampleConsumer,
    ) -> anyhow::Result<Interval> {
        let (mut interval, untracked) = self.end_epoch(&mut cycle.copying(consumer))?;
        cycle.end_watched(&interval, untracked);
        let exceeds = |detail| self.fleet.exceeds(detail);
        let step = cycle.budget.next_step(interval.cost.as_ref(), interval.length(), self.fleet.detail(), exceeds);
        let note = match step {
            BudgetStep::KeepWatching => {
                cycle.keep_watching();
                return Ok(interval);
            }
            BudgetStep::LowerDetail(detail) => {
                interval.changes.extend(self.fleet.shed(detail, &mut self.object)?);
                if let Some(meter) = &mut self.meter {
                    meter.probes_changed(&self.object, self.fleet.probes())?;
                }
                format!("the level of detail is {}", detail.name())
            }
            BudgetStep::Rest(intervals) => {
                cycle.start_rest(intervals);
                self.fleet.detach(&mut self.object);
                if std::mem::replace(&mut self.is_rest_noted, true) {
                    return Ok(interval);
                }
                "the probes are attached from time to time only, and counts in between are extrapolated. In the first minute the \
                 probes may take more"
                    .to_owned()
            }
        };
        let share = interval.cost.as_ref().and_then(Cost::share).unwrap_or_default();
        interval.changes.push(Change::Budget { note: cycle.budget.note(share, interval.end, &note) });
        Ok(interval)
    }

    /// Ends an interval in which the probes rested. The last interval of a rest ends when they are attached again.
    pub(super) fn end_resting_interval(
        &mut self,
        cycle: &mut DutyCycle,
        consumer: &mut dyn SampleConsumer,
    ) -> anyhow::Result<Interval> {
        let mut servers = self.read_meter().map(|reading| reading.servers);
        let so_far = self.started.elapsed().saturating_sub(self.flipped);
        let exited = self.fleet.exited();
        let mut changes = self.fleet.follow(&exited, &mut self.object, self.started)?;
        self.watch_key_again(&changes);
        let end = if cycle.end_resting(&changes, servers.map(|cpu| duty::load(cpu, so_far))) {
            self.fleet.reattach(&mut self.object)?;
            let start_of_epoch = self.discard()?;
            // The CPU time until then belongs to this interval, too.
            servers = servers.zip(self.read_meter()).map(|(servers, reading)| servers + reading.servers);
            start_of_epoch
        } else {
            // Servers that have started in this interval.
            self.fleet.detach(&mut self.object);
            Instant::now()
        };
        let end = end.saturating_duration_since(self.started);
        for change in &mut changes {
            if let Change::Attached { at, .. } = change {
                *at = end;
            }
        }
        let (mut interval, keys) = cycle.extrapolate(self.flipped, end, servers);
        consumer.consume(interval.start, interval.end, &mut keys.samples());
        interval.changes = changes;
        interval.cost = servers.map(|servers| Cost { servers, ..Cost::default() });
        self.key_watcher.read(&mut self.object);
        self.flipped = end;
        Ok(interval)
    }
}
