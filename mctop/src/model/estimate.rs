//! The uncertainty of counts when servers were watched only part of the time, to stay within a budget.

use std::time::Duration;

/// How much of an observation was watched. Unwatched intervals are extrapolated: they are assumed to have the rates of the last
/// watched interval.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Estimate {
    /// Time in which all operations were counted.
    pub watched: Duration,
    /// Time in which no operations were counted.
    pub extrapolated: Duration,
    /// Calls, both counted and extrapolated.
    calls: f64,
    /// Variance of `calls`, assuming a constant rate.
    variance: f64,
    /// Number of intervals extrapolated from the last watched one.
    consecutive: u32,
    /// The last watched interval.
    last_watched: RateSample,
    /// What was extrapolated since then.
    pending: RateSample,
    /// What was extrapolated between two watched intervals.
    bracketed: RateSample,
    /// Possible error of `bracketed`, in calls, because the rate differed before and after.
    drift: f64,
    /// Sum of the differences, in calls, between each extrapolated interval and the last watched rate times its length.
    spread: f64,
}

/// Calls in some time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct RateSample {
    calls: f64,
    seconds: f64,
}

impl RateSample {
    fn add(&mut self, other: Self) {
        self.calls += other.calls;
        self.seconds += other.seconds;
    }

    /// Calls a second, and their variance.
    fn rate(self) -> (f64, f64) {
        if self.seconds > 0.0 {
            (self.calls / self.seconds, self.calls / (self.seconds * self.seconds))
        } else {
            (0.0, 0.0)
        }
    }
}

impl Estimate {
    /// Adds an interval in which `calls` were counted or `extrapolated`.
    ///
    /// Independent calls are Poisson distributed: if n were counted, the variance is n. If a count of n is extrapolated to j
    /// more intervals, only these are uncertain. Their true counts have the variance j n, and their estimate has j² n, together
    /// j (j + 1) n. So the j-th interval adds 2 j n.
    ///
    /// If two watched intervals differ by more than that explains, the rate changed at some time in between. The extrapolated
    /// part may then be wrong by that difference for its whole length. If the extrapolated counts are not in proportion to the
    /// lengths, because the servers used more or less CPU time, they may be wrong by that difference.
    #[expect(clippy::cast_precision_loss, reason = "an estimate, of counts below 2^53")]
    pub fn add(&mut self, length: Duration, calls: u64, extrapolated: bool) {
        let sample = RateSample { calls: calls as f64, seconds: length.as_secs_f64() };
        self.calls += sample.calls;
        if extrapolated {
            self.consecutive += 1;
            self.extrapolated += length;
            self.variance += 2.0 * f64::from(self.consecutive) * sample.calls;
            self.spread += (sample.calls - self.last_watched.rate().0 * sample.seconds).abs();
            self.pending.add(sample);
            return;
        }
        self.consecutive = 0;
        self.watched += length;
        if self.pending.seconds > 0.0 {
            let ((before, noise), (after, more_noise)) = (self.last_watched.rate(), sample.rate());
            let change = (after - before).powi(2) - DEVIATIONS.powi(2) * (noise + more_noise);
            self.drift += change.max(0.0).sqrt() * self.pending.seconds;
            self.bracketed.add(std::mem::take(&mut self.pending));
        }
        self.last_watched = sample;
    }

    /// Whether anything was extrapolated.
    #[must_use]
    pub fn has_extrapolation(&self) -> bool {
        !self.extrapolated.is_zero()
    }

    /// Time since the end of the last watched interval; `None` if that is the last interval.
    #[must_use]
    pub fn unwatched_since(&self) -> Option<Duration> {
        (self.pending.seconds > 0.0).then(|| Duration::from_secs_f64(self.pending.seconds))
    }

    /// The possible error of a part of the calls, such as those of one key, with 95 % confidence: two standard deviations, and
    /// the possible changes of the rate. Extrapolated intervals that no watched one has followed yet are assumed to be as wrong
    /// as those before, or completely wrong if there are none. It is too small for a key whose share of all calls changed while
    /// nothing was watched.
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
        let relative_drift =
            if self.bracketed.calls > 0.0 { (self.drift / self.bracketed.calls).min(1.0) } else { 1.0 };
        let drift = self.drift + self.spread + relative_drift * self.pending.calls;
        (DEVIATIONS * (self.variance * part).sqrt() + drift * part).ceil() as u64
    }
}

/// Number of standard deviations for 95 % confidence.
const DEVIATIONS: f64 = 2.0;

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn counted_calls_are_certain() {
        let mut estimate = Estimate::default();
        assert_eq!(estimate.uncertainty(100), 0);
        estimate.add(SECOND, 1_000, false);
        assert_eq!((estimate.has_extrapolation(), estimate.uncertainty(1_000)), (false, 0));
    }

    #[test]
    fn one_second_in_four() {
        let mut estimate = Estimate::default();
        for cycle in 0..10 {
            for second in 0..4 {
                estimate.add(SECOND, 100, second > 0);
            }
            assert!(estimate.has_extrapolation(), "{cycle}");
        }
        assert_eq!((estimate.watched, estimate.extrapolated), (10 * SECOND, 30 * SECOND));
        assert_eq!(estimate.unwatched_since(), Some(3 * SECOND));
        // 1,000 calls were extrapolated to 4,000: the deviation is 4 √(1,000 (1 − 1/4)) = 109.5.
        assert_eq!(estimate.uncertainty(4_000), 220);
        assert_eq!(estimate.uncertainty(40), 22);
    }

    /// One watched second, and nine extrapolated ones.
    fn one_in_ten() -> Estimate {
        let mut estimate = Estimate::default();
        for second in 0..10 {
            estimate.add(SECOND, 10_000, second > 0);
        }
        estimate
    }

    #[test]
    fn extrapolation_without_a_later_count_may_be_completely_wrong() {
        let mut estimate = one_in_ten();
        // Only the first second is known: 90,000 may be wrong, plus the deviation.
        assert_eq!(estimate.uncertainty(100_000), 90_000 + 1_898);
        assert_eq!(estimate.uncertainty(1_000), 900 + 190);
        estimate.add(SECOND, 10_000, false);
        assert_eq!((estimate.uncertainty(110_000), estimate.unwatched_since()), (1_898, None));
    }

    #[test]
    fn extrapolation_out_of_proportion_to_the_length_is_uncertain() {
        let mut estimate = Estimate::default();
        estimate.add(SECOND, 10_000, false);
        estimate.add(2 * SECOND, 30_000, true);
        estimate.add(SECOND, 10_000, false);
        let uncertainty = estimate.uncertainty(50_000);
        assert!((10_000..10_700).contains(&uncertainty), "{uncertainty}");
    }

    #[test]
    fn load_that_stops_while_unwatched() {
        let mut estimate = one_in_ten();
        estimate.add(SECOND, 0, false);
        // It may have stopped at once, so that all extrapolated calls may be wrong.
        let uncertainty = estimate.uncertainty(100_000);
        assert!((90_000..93_000).contains(&uncertainty), "{uncertainty}");
    }

    /// Simulated independent calls, extrapolated: the error exceeds the stated uncertainty in 5 % of the runs.
    #[test]
    fn the_confidence_level_holds() {
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
        // About 5 % of 400.
        assert!((4..=40).contains(&outside), "{outside} of 400");
    }
}
