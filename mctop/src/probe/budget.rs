//! Keeping what the probes take within a share of the servers' CPU time: what is left out first, and for how long.

use std::time::Duration;

use super::detail::Detail;
use crate::error::{Failure, with_causes};
use crate::model::cost::Cost;

/// Shortest interval that what happens in others is concluded from: one that is much shorter than a second, because attaching
/// took the rest of it, says little.
const BASIS_MIN: Duration = Duration::from_millis(500);
/// Most intervals in a row that are not watched.
pub(crate) const REST_MAX: u32 = 59;

/// The most that the probes may take, as a share of the servers' CPU time, theirs included: above 0, at most 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Budget(pub f64);

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Watch on.
    Watch,
    /// Go down to a lower level of detail.
    Shed(Detail),
    /// Do not watch for so many intervals.
    Rest(u32),
}

impl Budget {
    /// In percent.
    #[must_use]
    pub fn percent(self) -> f64 {
        // As it was written, without what binary fractions add.
        (self.0 * 100_000.0).round() / 1_000.0
    }

    /// What is said of what is left out from a time on, because the probes took a `share`.
    #[must_use]
    pub fn told(self, share: f64, at: Duration, what: &str) -> String {
        format!(
            "To keep within {} % of memcached's CPU time, of which the probes took {:.1} %: from {:.0} s on, {what}.",
            self.percent(),
            share * 100.0,
            at.as_secs_f64()
        )
    }

    /// A budget cannot be kept where what is spent cannot be measured.
    #[must_use]
    pub fn unkept(error: &anyhow::Error) -> Failure {
        Failure::privilege(format!(
            "--budget cannot be kept: what the probes take of memcached's CPU time cannot be measured here: {}. Run mctop \
             without --budget, or with --detail lookup, which takes the least.",
            with_causes(error)
        ))
    }

    /// What follows from an interval of a `length` that was watched at a level of detail, and took `cost`; `exceeds` says whether
    /// a lower level leaves anything out.
    #[must_use]
    pub fn judge(
        self,
        cost: Option<&Cost>,
        length: Duration,
        detail: Detail,
        exceeds: impl Fn(Detail) -> bool,
    ) -> Step {
        let Some(share) = cost.and_then(Cost::share).filter(|share| *share > self.0) else { return Step::Watch };
        let below = std::iter::successors(detail.below(), |detail| detail.below()).find(|detail| exceeds(*detail));
        match below {
            Some(detail) => Step::Shed(detail),
            None if length < BASIS_MIN => Step::Watch,
            None => Step::Rest(self.rest(share)),
        }
    }

    /// How many intervals without probes it takes for each with them. There, the servers need less: of the time that one with
    /// probes takes them, all but the probes' share. So with n of them, the probes' share is s / (1 + n (1 − s)).
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
    fn the_order_in_which_things_go() {
        let budget = Budget(0.05);
        let judge =
            |share, detail, exceeds: &dyn Fn(Detail) -> bool| budget.judge(Some(&cost(share)), SECOND, detail, exceeds);
        let all = |_| true;
        assert_eq!(judge(0.04, Detail::Full, &all), Step::Watch);
        assert_eq!(judge(0.06, Detail::Full, &all), Step::Shed(Detail::Verbs));
        assert_eq!(judge(0.06, Detail::Verbs, &all), Step::Shed(Detail::Lookup));
        // Where requests are read at lookups, there is nothing between events and lookups.
        let events_only = |detail: Detail| detail < Detail::Full;
        assert_eq!(judge(0.06, Detail::Full, &events_only), Step::Shed(Detail::Verbs));
        assert_eq!(judge(0.06, Detail::Verbs, &|_| false), Step::Rest(1));
        assert_eq!(judge(0.06, Detail::Lookup, &all), Step::Rest(1));
    }

    #[test]
    fn what_is_not_known_changes_nothing() {
        assert_eq!(Budget(0.01).judge(None, SECOND, Detail::Lookup, |_| true), Step::Watch);
        let idle = Cost { servers: Duration::ZERO, ..cost(0.5) };
        assert_eq!(Budget(0.01).judge(Some(&idle), SECOND, Detail::Lookup, |_| true), Step::Watch);
        let short = SECOND / 4;
        assert_eq!(Budget(0.01).judge(Some(&cost(0.5)), short, Detail::Lookup, |_| true), Step::Watch);
    }

    #[test]
    fn with_rests_the_budget_is_kept() {
        for percent in [0.5, 1.0, 3.0, 5.0, 10.0, 20.0] {
            let budget = Budget(percent / 100.0);
            for tenths in 1..900 {
                let share = f64::from(tenths) / 1_000.0;
                let Step::Rest(rest) = budget.judge(Some(&cost(share)), SECOND, Detail::Lookup, |_| true) else {
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
