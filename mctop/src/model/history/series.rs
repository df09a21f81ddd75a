//! The counts of one key, or of all, over time.

use std::time::Duration;

use crate::model::counts::Counts;

/// What was counted in an interval, or in several merged ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeriesPoint {
    /// Start, since the start of the observation.
    pub start: Duration,
    /// End, since the start of the observation.
    pub end: Duration,
    /// For how long of it the server was watched, which rates are based on. Never 0.
    pub watched: Duration,
    /// Operations and bytes in it.
    pub counts: Counts,
    /// Value bytes of the item last seen in it.
    pub size: Option<u32>,
}

/// Points in the order of time. Where there is no point, nothing is known: the server was not watched, the key was evicted,
/// or it is too long ago.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Series {
    points: Vec<SeriesPoint>,
    end: Duration,
}

impl Series {
    pub(super) fn new(points: Vec<SeriesPoint>, end: Duration) -> Self {
        Self { points, end }
    }

    /// The points: single intervals in the last minute, and longer ones before.
    #[must_use]
    pub fn points(&self) -> &[SeriesPoint] {
        &self.points
    }

    /// Rates per second in `number` equal parts of the last `span`, oldest first; `None` where nothing is known. `count`
    /// selects what is counted, as in `series.rates(MINUTE, 60, Counts::calls)`. The operations of an interval that overlaps
    /// several parts are assumed to be evenly spread.
    #[must_use]
    pub fn rates(&self, span: Duration, number: usize, count: impl Fn(&Counts) -> u64) -> Vec<Option<f64>> {
        let part = span.as_secs_f64() / number as f64;
        let span_start = self.end.as_secs_f64() - span.as_secs_f64();
        let mut sums = vec![(0.0, 0.0); number];
        for point in &self.points {
            let (start, end) = (point.start.as_secs_f64(), point.end.as_secs_f64());
            if end <= span_start || end <= start {
                continue;
            }
            let first = ((start - span_start) / part).max(0.0) as usize;
            let sums = sums.iter_mut().enumerate().skip(first);
            for (index, (counted, watched)) in sums {
                let from = span_start + part * index as f64;
                if from >= end {
                    break;
                }
                let covered = (end.min(from + part) - start.max(from)).max(0.0) / (end - start);
                *counted += covered * count(&point.counts) as f64;
                *watched += covered * point.watched.as_secs_f64();
            }
        }
        // Less than a thousandth of a part is a rounding error.
        sums.into_iter().map(|(counted, watched)| (watched > part / 1e3).then(|| counted / watched)).collect()
    }

    /// Median of the sizes last seen at each point, in bytes; `None` if none was seen. A merged point counts as one.
    #[must_use]
    pub fn median_size(&self) -> Option<u32> {
        let mut sizes: Vec<u32> = self.points.iter().filter_map(|point| point.size).collect();
        let middle = sizes.len().checked_sub(1)? / 2;
        let (_, median, _) = sizes.select_nth_unstable(middle);
        Some(*median)
    }
}
