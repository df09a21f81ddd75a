//! Tests whether two rates differ by more than chance.

use std::time::Duration;

/// Fewest operations in both windows together. With fewer, the statistic is too far from normal.
const OPERATIONS_MIN: u64 = 20;
/// Critical value of a two-sided test at the level of 0.1 %. A level of 5 % would report too many, because thousands of keys
/// are compared.
const CRITICAL: f64 = 3.29;

/// Whether a difference between two rates may be due to chance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Chance {
    /// Too few operations to tell.
    Few,
    /// Chance alone may explain the difference.
    Possible,
    /// Chance is an unlikely explanation, if operations are independent. Real clients operate in bursts, so that a difference
    /// just beyond the threshold may still mean nothing.
    Unlikely,
}

/// Compares the rates of two counts.
///
/// If both counts are Poisson distributed with the same rate, `2 (√(y + 3/8) − √(d (x + 3/8))) / √(1 + d)`, where `d` is the ratio of the
/// spans, is nearly standard normal: M. D. Huffman, An improved approximate two-sample Poisson test, Applied Statistics 33
/// (1984) 224–226; K. Gu, H. K. T. Ng, M. L. Tang, W. R. Schucany, Testing the ratio of two Poisson rates, Biometrical
/// Journal 50 (2008) 283–298.
pub(crate) fn compare(before: u64, before_span: Duration, after: u64, after_span: Duration) -> Chance {
    let ratio = after_span.as_secs_f64() / before_span.as_secs_f64();
    if before.saturating_add(after) < OPERATIONS_MIN || !ratio.is_normal() {
        return Chance::Few;
    }
    let root = |count: u64| (count as f64 + 0.375).sqrt();
    let statistic = 2.0 * (root(after) - ratio.sqrt() * root(before)) / (1.0 + ratio).sqrt();
    if statistic.abs() > CRITICAL { Chance::Unlikely } else { Chance::Possible }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn chance_and_more() {
        for (before, after, expected) in [
            (0, 0, Chance::Few),
            (0, 19, Chance::Few),
            (4, 5, Chance::Few),
            (0, 20, Chance::Unlikely),
            (5, 20, Chance::Possible),
            (100, 110, Chance::Possible),
            (100, 140, Chance::Possible),
            (100, 160, Chance::Unlikely),
            (1_000_000, 1_003_000, Chance::Possible),
            (1_000_000, 1_010_000, Chance::Unlikely),
            (6_579_978, 10_000, Chance::Unlikely),
            (u64::MAX, u64::MAX, Chance::Possible),
        ] {
            assert_eq!(compare(before, SECOND, after, SECOND), expected, "{before} {after}");
            assert_eq!(compare(after, SECOND, before, SECOND), expected, "{after} {before}");
        }
    }

    #[test]
    fn windows_of_different_length_are_compared_by_rate() {
        assert_eq!(compare(1_000, SECOND, 60_000, 60 * SECOND), Chance::Possible);
        assert_eq!(compare(1_000, SECOND, 80_000, 60 * SECOND), Chance::Unlikely);
        assert_eq!(compare(60_000, 60 * SECOND, 1_000, SECOND), Chance::Possible);
        assert_eq!(compare(1_000, Duration::ZERO, 1_000, SECOND), Chance::Few);
        assert_eq!(compare(1_000, SECOND, 1_000, Duration::ZERO), Chance::Few);
    }

    /// Samples of the same rate are rarely reported, as the level says. The simulated counts are nearly Poisson.
    #[test]
    fn the_level_is_kept() {
        let mut state = 1_u64;
        let mut sample = |rate: u64| {
            // Events in 1,024 slots, each of a small probability.
            (0..1_024)
                .filter(|_| {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    (state >> 33) % 1_024 < rate
                })
                .count() as u64
        };
        let beyond = (0..2_000).filter(|_| {
            let (before, after) = (sample(40), sample(40));
            compare(before, SECOND, after, SECOND) == Chance::Unlikely
        });
        assert!(beyond.count() < 10);
    }
}
