//! What the intervals of a capture add up to. Writing, it makes the footer; reading, it refuses what cannot belong.

use std::time::Duration;

use super::format::{CostLine, EndedBy, FooterLine};
use crate::model::counts::Counts;
use crate::model::interval::Interval;
use crate::model::outcomes::Outcomes;
use crate::model::snapshot::Loss;

/// No sum of a count, or of nanoseconds, over a whole capture is larger: 2⁶⁰ is 36 years of a thousand million a second, and
/// every sum that is made of several of them still fits 64 bits.
const MOST: u64 = 1 << 60;

/// The intervals so far.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    intervals: u64,
    end: Duration,
    total: Counts,
    loss: Loss,
    others: Counts,
    outcomes: Outcomes,
    cost: Option<CostLine>,
    /// Of all records. Its calls and bytes are bounded by the totals, the finer counts are not.
    records: Counts,
    /// Likewise.
    record_outcomes: Outcomes,
}

impl Ledger {
    /// Enters an interval: it begins no earlier than the one before it ended, its sums hold, and no sum over the capture
    /// overflows.
    ///
    /// # Errors
    /// One sentence that says what is wrong; nothing is entered then.
    pub fn enter(&mut self, interval: &Interval) -> Result<(), String> {
        if interval.start < self.end {
            return Err(format!(
                "the interval begins at {} s, before the end of the one before it at {} s",
                interval.start.as_secs_f64(),
                self.end.as_secs_f64()
            ));
        }
        let too_much = || "its counts add up to more than any server can do".to_owned();
        let total = sum(&self.total, &interval.total).ok_or_else(too_much)?;
        let loss = sum_of_losses(&self.loss, &interval.loss).ok_or_else(too_much)?;
        let others = sum(&self.others, &interval.others.counts).ok_or_else(too_much)?;
        let records = interval.records.iter().try_fold(self.records, |records, record| sum(&records, &record.counts));
        let records = records.ok_or_else(too_much)?;
        let outcomes = sum_of_outcomes(&self.outcomes, &interval.outcomes).ok_or_else(too_much)?;
        let record_outcomes = interval
            .records
            .iter()
            .try_fold(self.record_outcomes, |sum, record| sum_of_outcomes(&sum, &record.outcomes));
        let record_outcomes = record_outcomes.ok_or_else(too_much)?;
        let cost = match interval.cost.as_ref().map(CostLine::from) {
            Some(cost) => Some(cost.sum(self.cost.unwrap_or_default(), MOST).ok_or_else(too_much)?),
            None => self.cost,
        };
        let (calls, bytes) = interval.unexplained();
        if (calls, bytes) != (0, 0) {
            return Err(format!(
                "its totals are not the sum of its keys, the others and the untracked: {calls} calls and {bytes} bytes are left over"
            ));
        }
        let (intervals, end) = (self.intervals + 1, interval.end);
        *self = Self { intervals, end, total, loss, others, outcomes, cost, records, record_outcomes };
        Ok(())
    }

    /// The footer of a capture that ends here.
    #[must_use]
    pub fn footer(&self, ended_by: EndedBy) -> FooterLine {
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

    /// How many intervals were entered.
    #[must_use]
    pub const fn intervals(&self) -> u64 {
        self.intervals
    }

    /// Compares with the footer of a capture that has ended.
    ///
    /// # Errors
    /// One sentence that says what differs.
    pub fn compare(&self, footer: &FooterLine) -> Result<(), String> {
        if footer.intervals != self.intervals {
            return Err(format!("the footer is of {} intervals, {} came before it", footer.intervals, self.intervals));
        }
        let others = footer.others.unwrap_or(self.others);
        let outcomes = footer.outcomes.unwrap_or_default();
        let sums = (footer.total, footer.loss, others, outcomes, footer.cost);
        if sums != (self.total, self.loss, self.others, self.outcomes, self.cost) {
            return Err("the totals of the footer are not the sums of the intervals before it".to_owned());
        }
        Ok(())
    }
}

/// The sum of counts, where it is none that only a damaged file has.
pub fn sum(a: &Counts, b: &Counts) -> Option<Counts> {
    let counts = |counts: &Counts| counts.named().map(|(_, count)| count);
    fit(counts(a), counts(b)).then(|| {
        let mut sum = *a;
        sum += b;
        sum
    })
}

fn sum_of_losses(a: &Loss, b: &Loss) -> Option<Loss> {
    fit(a.kinds(), b.kinds()).then(|| {
        let mut sum = *a;
        sum += b;
        sum
    })
}

fn sum_of_outcomes(a: &Outcomes, b: &Outcomes) -> Option<Outcomes> {
    let counts = |outcomes: &Outcomes| outcomes.named().map(|(_, count)| count);
    fit(counts(a), counts(b)).then(|| {
        let mut sum = *a;
        sum += b;
        sum
    })
}

fn fit<const N: usize>(a: [u64; N], b: [u64; N]) -> bool {
    a.into_iter().zip(b).all(|(a, b)| a.saturating_add(b) <= MOST)
}
