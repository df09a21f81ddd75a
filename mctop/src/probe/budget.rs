//! Keeps the cost of the probes within a share of the servers' CPU time: what to leave out first, and for how long.

use std::time::Duration;

use super::detail::Detail;
use crate::error::{Failure, with_causes};
use crate::model::cost::Cost;

/// Shortest interval that others are extrapolated from. Attaching takes part of an interval, and the rest may be too short to say
/// much.
const WATCHED_MIN: Duration = Duration::from_millis(500);
/// Maximum number of intervals in a row in which the probes are detached.
pub(crate) const REST_MAX: u32 = 59;

/// Upper limit of the probes' share of the servers' CPU time, which includes that of the probes: above 0, at most 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Budget(pub f64);

/// What to do after an interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BudgetStep {
    /// The probes stay attached.
    KeepWatching,
    /// The level of detail becomes this one.
    LowerDetail(Detail),
    /// The probes are detached for this number of intervals.
    Rest(u32),
}

impl Budget {
    /// In percent.
    #[must_use]
    pub fn percent(self) -> f64 {
        // As the user wrote it, without the digits that binary fractions add.
        (self.0 * 100_000.0).round() / 1_000.0
    }

    /// A note on what is left out from the time `at`, because the probes took a `share`.
    pub(crate) fn note(self, share: f64, at: Duration, what: &str) -> String {
        format!(
            "The probes took {:.1} % of memcached's CPU time, and the budget is {} %: from {:.0} s on, {what}.",
            share * 100.0,
            self.percent(),
            at.as_secs_f64()
        )
    }

    /// The failure where the cost of the probes cannot be measured, and so a budget cannot be kept.
    pub(crate) fn unmeasurable(error: &anyhow::Error) -> Failure {
        Failure::privilege(format!(
            "--budget cannot be kept, because the CPU time of the probes cannot be measured here: {}. Run mctop without \
             --budget; --detail lookup costs the least.",
            with_causes(error)
        ))
    }

    /// The step after an interval that was watched at a level of detail for this `length` and `cost`. `exceeds` says whether the
    /// probes of a lower level would be fewer.
    pub(crate) fn next_step(
        self,
        cost: Option<&Cost>,
        length: Duration,
        detail: Detail,
        exceeds: impl Fn(Detail) -> bool,
    ) -> BudgetStep {
        let over = cost.and_then(Cost::share).filter(|share| *share > self.0);
        let Some(share) = over else { return BudgetStep::KeepWatching };
        let below = std::iter::successors(detail.below(), |detail| detail.below()).find(|detail| exceeds(*detail));
        match below {
            Some(detail) => BudgetStep::LowerDetail(detail),
            None if length < WATCHED_MIN => BudgetStep::KeepWatching,
            None => BudgetStep::Rest(self.rest(share)),
        }
    }

    /// Number of intervals without probes for each interval with them. In an interval without probes the servers take 1 − s of
    /// the CPU time of one with a share s. With n of them, the probes' overall share is s / (1 + n (1 − s)).
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
    fn rest(self, share: f64) -> u32 {
        let needed = (share / self.0 - 1.0) / (1.0 - share).max(f64::EPSILON);
        (needed.ceil() as u32).clamp(1, REST_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn cost(share: f64) -> Cost {
        Cost { hits: 1_000, probes: SECOND.mul_f64(share), servers: SECOND }
    }

    #[test]
    fn detail_goes_before_time() {
        let budget = Budget(0.05);
        let step = |share, detail, exceeds: &dyn Fn(Detail) -> bool| {
            budget.next_step(Some(&cost(share)), SECOND, detail, exceeds)
        };
        let all = |_| true;
        assert_eq!(step(0.04, Detail::Full, &all), BudgetStep::KeepWatching);
        assert_eq!(step(0.06, Detail::Full, &all), BudgetStep::LowerDetail(Detail::Verbs));
        assert_eq!(step(0.06, Detail::Verbs, &all), BudgetStep::LowerDetail(Detail::Lookup));
        // If requests are read at lookups, nothing is between events and lookups.
        let events_only = |detail: Detail| detail < Detail::Full;
        assert_eq!(step(0.06, Detail::Full, &events_only), BudgetStep::LowerDetail(Detail::Verbs));
        assert_eq!(step(0.06, Detail::Verbs, &|_| false), BudgetStep::Rest(1));
        assert_eq!(step(0.06, Detail::Lookup, &all), BudgetStep::Rest(1));
    }

    #[test]
    fn an_unknown_cost_changes_nothing() {
        assert_eq!(Budget(0.01).next_step(None, SECOND, Detail::Lookup, |_| true), BudgetStep::KeepWatching);
        let idle = Cost { servers: Duration::ZERO, ..cost(0.5) };
        assert_eq!(Budget(0.01).next_step(Some(&idle), SECOND, Detail::Lookup, |_| true), BudgetStep::KeepWatching);
        let short = SECOND / 4;
        assert_eq!(Budget(0.01).next_step(Some(&cost(0.5)), short, Detail::Lookup, |_| true), BudgetStep::KeepWatching);
    }

    #[test]
    fn rests_keep_the_budget() {
        for percent in [0.5, 1.0, 3.0, 5.0, 10.0, 20.0] {
            let budget = Budget(percent / 100.0);
            for tenths in 1..900 {
                let share = f64::from(tenths) / 1_000.0;
                let BudgetStep::Rest(rest) = budget.next_step(Some(&cost(share)), SECOND, Detail::Lookup, |_| true)
                else {
                    assert!(share <= budget.0);
                    continue;
                };
                let over_all = |rest: u32| share / (1.0 + f64::from(rest) * (1.0 - share));
                assert!(over_all(rest) <= budget.0 + 1e-9 || rest == REST_MAX, "{share} with {rest}");
                // And no longer than necessary.
                assert!(rest == 1 || over_all(rest - 1) > budget.0 - 1e-9, "{share} with {rest}");
            }
        }
        assert_eq!(Budget(0.01).rest(1.0), REST_MAX);
    }
}
