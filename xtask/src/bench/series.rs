//! Figures of several rounds.

use serde::Serialize;

/// Median and range.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct MedianSpread {
    /// The middle one, or the mean of the two in the middle.
    pub median: f64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
    /// Number of figures.
    pub rounds: usize,
}

/// Median and range of some figures; `None` when there are none.
#[must_use]
pub fn spread(figures: &[f64]) -> Option<MedianSpread> {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (min, max) = (*sorted.first()?, *sorted.last()?);
    Some(MedianSpread { median: quantile(&sorted, 0.5)?, min, max, rounds: sorted.len() })
}

/// The value below which a share of the sorted figures lies, interpolated between neighbours.
#[must_use]
pub fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let position = share * sorted.len().checked_sub(1)? as f64;
    let (low, high) = (sorted.get(position.floor() as usize)?, sorted.get(position.ceil() as usize)?);
    Some(low + (high - low) * position.fract())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_quantiles_are_interpolated() {
        assert_eq!(spread(&[]), None);
        assert_eq!(spread(&[3.0, 1.0, 2.0]), Some(MedianSpread { median: 2.0, min: 1.0, max: 3.0, rounds: 3 }));
        assert_eq!(spread(&[4.0, 1.0]).map(|spread| spread.median), Some(2.5));
        assert_eq!(quantile(&[0.0, 10.0], 0.99), Some(9.9));
    }
}
