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
    /// Variance of that number, were the rate always the same.
    variance: f64,
    /// How many intervals have been extrapolated from the last that was counted.
    row: u32,
    /// The last interval that was counted.
    last: Sample,
    /// What was extrapolated since then.
    open: Sample,
    /// What was extrapolated between two intervals that were counted.
    closed: Sample,
    /// By how many calls that may be off because the rate was another at its end than at its begin.
    drift: f64,
    /// By how many calls all that was extrapolated differs from what was counted before, in proportion to the lengths.
    spread: f64,
}

/// Calls in a time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Sample {
    calls: f64,
    seconds: f64,
}

impl Sample {
    fn add(&mut self, other: Self) {
        self.calls += other.calls;
        self.seconds += other.seconds;
    }

    /// Calls a second, and the variance of that.
    fn rate(self) -> (f64, f64) {
        if self.seconds > 0.0 {
            (self.calls / self.seconds, self.calls / (self.seconds * self.seconds))
        } else {
            (0.0, 0.0)
        }
    }
}

impl Estimate {
    /// Adds an interval of a length in which so many calls were counted, or `extrapolated`.
    ///
    /// Calls that come independently of each other are as many in a time as Poisson's law says: when n were counted, the
    /// variance is n. A count that stands for itself and j intervals more has the error of those j only, in which other n
    /// came (variance j n), and of what it says of them (j² n), together j (j + 1) n: the j-th adds 2 j n.
    ///
    /// Where two counts differ by more than that explains, the rate has changed at some time in between: what was extrapolated
    /// there may be off by that difference for as long as it lasted. And where more or less was extrapolated than the lengths say,
    /// as the servers took more or less CPU time, it may be off by what makes the difference.
    #[expect(clippy::cast_precision_loss, reason = "an estimate, of counts below 2^53")]
    pub fn add(&mut self, length: Duration, calls: u64, extrapolated: bool) {
        let sample = Sample { calls: calls as f64, seconds: length.as_secs_f64() };
        self.calls += sample.calls;
        if extrapolated {
            self.row += 1;
            self.extrapolated += length;
            self.variance += 2.0 * f64::from(self.row) * sample.calls;
            self.spread += (sample.calls - self.last.rate().0 * sample.seconds).abs();
            self.open.add(sample);
            return;
        }
        self.row = 0;
        self.watched += length;
        if self.open.seconds > 0.0 {
            let ((before, noise), (after, more_noise)) = (self.last.rate(), sample.rate());
            let change = (after - before).powi(2) - DEVIATIONS.powi(2) * (noise + more_noise);
            self.drift += change.max(0.0).sqrt() * self.open.seconds;
            self.closed.add(std::mem::take(&mut self.open));
        }
        self.last = sample;
    }

    /// Whether anything was extrapolated.
    #[must_use]
    pub fn any(&self) -> bool {
        !self.extrapolated.is_zero()
    }

    /// How long ago it is that something was watched; nothing where the last interval was.
    #[must_use]
    pub fn unwatched_since(&self) -> Option<Duration> {
        (self.open.seconds > 0.0).then(|| Duration::from_secs_f64(self.open.seconds))
    }

    /// By how much a number of calls of all of these may be wrong, with 95 % certainty: two standard deviations, and what the
    /// rate may have changed by. Of what no count has followed yet, as much is taken to be off as of what one has; before there
    /// was any, all of it. A key whose part in all calls changed while nothing was watched may be off by more.
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
        let part = calls as f64 / self.calls;
        let known = if self.closed.calls > 0.0 { (self.drift / self.closed.calls).min(1.0) } else { 1.0 };
        let drift = self.drift + self.spread + known * self.open.calls;
        (DEVIATIONS * (self.variance * part).sqrt() + drift * part).ceil() as u64
    }
}

/// Standard deviations within which 95 % are.
const DEVIATIONS: f64 = 2.0;

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
        assert_eq!(estimate.unwatched_since(), Some(3 * SECOND));
        // 1,000 were counted and stand for 4,000: the deviation is 4 √(1,000 (1 − 1/4)) = 109.5.
        assert_eq!(estimate.uncertainty(4_000), 220);
        assert_eq!(estimate.uncertainty(40), 22);
    }

    /// A second that was watched, and nine that were not.
    fn one_in_ten() -> Estimate {
        let mut estimate = Estimate::default();
        for second in 0..10 {
            estimate.add(SECOND, 10_000, second > 0);
        }
        estimate
    }

    #[test]
    fn what_no_count_has_followed_may_be_anything() {
        let mut estimate = one_in_ten();
        // Nothing but the first second is known: 90,000, and the deviation of that.
        assert_eq!(estimate.uncertainty(100_000), 90_000 + 1_898);
        assert_eq!(estimate.uncertainty(1_000), 900 + 190);
        estimate.add(SECOND, 10_000, false);
        assert_eq!((estimate.uncertainty(110_000), estimate.unwatched_since()), (1_898, None));
    }

    #[test]
    fn what_is_extrapolated_in_another_proportion_is_as_uncertain() {
        let mut estimate = Estimate::default();
        estimate.add(SECOND, 10_000, false);
        estimate.add(2 * SECOND, 30_000, true);
        estimate.add(SECOND, 10_000, false);
        let uncertainty = estimate.uncertainty(50_000);
        assert!((10_000..10_700).contains(&uncertainty), "{uncertainty}");
    }

    #[test]
    fn a_load_that_stops_unseen() {
        let mut estimate = one_in_ten();
        estimate.add(SECOND, 0, false);
        // It may have stopped at once: all that was extrapolated may be wrong.
        let uncertainty = estimate.uncertainty(100_000);
        assert!((90_000..93_000).contains(&uncertainty), "{uncertainty}");
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
