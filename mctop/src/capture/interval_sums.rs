//! Sums over the intervals of a capture. A writer makes the footer from them; a reader uses them to detect damage.

use std::time::Duration;

use super::format::{CostLine, EndedBy, FooterLine};
use crate::model::counts::Counts;
use crate::model::interval::RecordedInterval;
use crate::model::outcomes::Outcomes;
use crate::model::snapshot::Loss;

/// Upper limit of every sum over a capture: 2⁶⁰ is 36 years at 10⁹ per second, and adding up several such sums still fits
/// 64 bits.
pub(super) const SUM_MAX: u64 = 1 << 60;

/// Sums over the intervals so far.
#[derive(Clone, Debug, Default)]
pub(super) struct IntervalSums {
    intervals: u64,
    end: Duration,
    total: Counts,
    loss: Loss,
    others: Counts,
    outcomes: Outcomes,
    cost: Option<CostLine>,
    /// Sum over all records. The totals limit its calls and bytes, but not its other counts.
    records: Counts,
    /// Sum over all records.
    record_outcomes: Outcomes,
}

impl IntervalSums {
    /// Adds an interval, after checking that it does not start before the previous one ended, that its counts add up, and
    /// that no sum over the capture overflows.
    ///
    /// # Errors
    /// Says what is wrong, in one sentence. The interval is not added then.
    pub(super) fn add(&mut self, recorded: &RecordedInterval) -> Result<(), String> {
        let RecordedInterval { interval, records: entries } = recorded;
        if interval.start < self.end {
            return Err(format!(
                "the interval starts at {} s, before the previous one ended at {} s",
                interval.start.as_secs_f64(),
                self.end.as_secs_f64()
            ));
        }
        let too_much = || "its counts are too large: no server can reach them".to_owned();
        let total = self.total.sum(&interval.total, SUM_MAX).ok_or_else(too_much)?;
        let loss = self.loss.sum(&interval.loss, SUM_MAX).ok_or_else(too_much)?;
        let others = self.others.sum(&interval.others.counts, SUM_MAX).ok_or_else(too_much)?;
        let records = entries.iter().try_fold(self.records, |sum, record| sum.sum(&record.counts, SUM_MAX));
        let records = records.ok_or_else(too_much)?;
        let outcomes = self.outcomes.sum(&interval.outcomes, SUM_MAX).ok_or_else(too_much)?;
        let record_outcomes =
            entries.iter().try_fold(self.record_outcomes, |sum, record| sum.sum(&record.outcomes, SUM_MAX));
        let record_outcomes = record_outcomes.ok_or_else(too_much)?;
        let cost = match interval.cost.as_ref().map(CostLine::from) {
            Some(cost) => Some(cost.sum(self.cost.unwrap_or_default(), SUM_MAX).ok_or_else(too_much)?),
            None => self.cost,
        };
        let (calls, bytes) = recorded.unexplained();
        if (calls, bytes) != (0, 0) {
            return Err(format!(
                "its totals are not the sum of its keys, the other keys and untracked operations; the difference is {calls} calls and {bytes} bytes"
            ));
        }
        let (intervals, end) = (self.intervals + 1, interval.end);
        *self = Self { intervals, end, total, loss, others, outcomes, cost, records, record_outcomes };
        Ok(())
    }

    /// The footer for a capture that ends here.
    pub(super) fn footer(&self, ended_by: EndedBy) -> FooterLine {
        FooterLine {
            intervals: self.intervals,
            interrupted: ended_by == EndedBy::Signal,
            ended_by: Some(ended_by),
            total: self.total,
            loss: self.loss,
            others: Some(self.others),
            outcomes: Some(self.outcomes).filter(Outcomes::any),
            cost: self.cost,
        }
    }

    /// Number of intervals added.
    pub(super) const fn intervals(&self) -> u64 {
        self.intervals
    }

    /// Compares the sums with a footer.
    ///
    /// # Errors
    /// Says what differs, in one sentence.
    pub(super) fn check_footer(&self, footer: &FooterLine) -> Result<(), String> {
        if footer.intervals != self.intervals {
            return Err(format!(
                "the footer counts {} intervals, but {} came before it",
                footer.intervals, self.intervals
            ));
        }
        let others = footer.others.unwrap_or(self.others);
        let outcomes = footer.outcomes.unwrap_or_default();
        let sums = (footer.total, footer.loss, others, outcomes, footer.cost);
        if sums != (self.total, self.loss, self.others, self.outcomes, self.cost) {
            return Err("the totals in the footer are not the sums of the intervals".to_owned());
        }
        Ok(())
    }
}
