//! How sure counts are when a server was watched for only a part of the time, to keep within a budget.

use std::time::Duration;

/// How much of an observation was watched. What happened in the rest is extrapolated: it is taken to be what was counted right
/// before.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Estimate {
    /// Time in which every operation was counted.
    pub watched: Duration,
    /// Time in which none was.
    pub extrapolated: Duration,
    /// Calls, counted and extrapolated.
    calls: f64,
    /// Variance of that number.
    variance: f64,
    /// How many intervals have been extrapolated from the last that was counted.
    row: u32,
}

impl Estimate {
    /// Adds an interval of a length in which so many calls were counted, or `extrapolated`.
    ///
    /// Calls that come independently of each other are as many in a time as Poisson's law says: when n were counted, the
    /// variance is n. A count that stands for itself and j intervals more has the error of those j only, in which other n
    /// came (variance j n), and of what it says of them (j² n), together j (j + 1) n: the j-th adds 2 j n.
    #[expect(clippy::cast_precision_loss, reason = "an estimate, of counts below 2^53")]
    pub fn add(&mut self, length: Duration, calls: u64, extrapolated: bool) {
        self.calls += calls as f64;
        if extrapolated {
            self.row += 1;
            self.extrapolated += length;
            self.variance += 2.0 * f64::from(self.row) * calls as f64;
        } else {
            self.row = 0;
            self.watched += length;
        }
    }

    /// Whether anything was extrapolated.
    #[must_use]
    pub fn any(&self) -> bool {
        !self.extrapolated.is_zero()
    }

    /// By how much a number of calls of all of these may be wrong, with 95 % certainty: two standard deviations, as long as
    /// calls come independently of each other. What comes in bursts shorter than the time that is not watched may be missed.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an estimate, of counts below 2^53"
    )]
    pub fn uncertainty(&self, calls: u64) -> u64 {
        if self.calls <= 0.0 {
            return 0;
        }
        (2.0 * (self.variance / self.calls * calls as f64).sqrt()).ceil() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn what_is_counted_is_certain() {
        let mut estimate = Estimate::default();
        assert_eq!(estimate.uncertainty(100), 0);
        estimate.add(SECOND, 1_000, false);
        assert_eq!((estimate.any(), estimate.uncertainty(1_000)), (false, 0));
    }

    #[test]
    fn one_second_in_four() {
        let mut estimate = Estimate::default();
        for cycle in 0..10 {
            for second in 0..4 {
                estimate.add(SECOND, 100, second > 0);
            }
            assert!(estimate.any(), "{cycle}");
        }
        assert_eq!((estimate.watched, estimate.extrapolated), (10 * SECOND, 30 * SECOND));
        // 1,000 were counted and stand for 4,000: the deviation is 4 √(1,000 (1 − 1/4)) = 109.5.
        assert_eq!(estimate.uncertainty(4_000), 220);
        assert_eq!(estimate.uncertainty(40), 22);
    }

    /// Counts of calls that come independently, drawn and extrapolated, are off by as much as is said.
    #[test]
    fn as_wrong_as_it_says() {
        let mut state = 1_u64;
        let mut draw = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state >> 33
        };
        let mut outside = 0;
        for _ in 0..400 {
            let (mut estimate, mut truth, mut estimated, mut last) = (Estimate::default(), 0, 0, 0);
            for second in 0..20 {
                // One call in two of 200 chances a second.
                let calls = (0..200).filter(|_| draw() % 20 == 0).count() as u64;
                truth += calls;
                if second % 4 == 0 {
                    last = calls;
                }
                estimated += last;
                estimate.add(SECOND, last, second % 4 != 0);
            }
            outside += u32::from(estimated.abs_diff(truth) > estimate.uncertainty(estimated));
        }
        // 5 % of 400, give or take.
        assert!((4..=40).contains(&outside), "{outside} of 400");
    }
}
