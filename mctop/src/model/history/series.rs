//! The course of one key, or of everything.

use std::time::Duration;

use crate::model::counts::Counts;

/// A stretch of time and what was counted in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    /// Begin, since the start of the observation.
    pub start: Duration,
    /// End, likewise.
    pub end: Duration,
    /// How much of it the server was watched: more than nothing, and what rates are over.
    pub watched: Duration,
    /// Operations and bytes in it.
    pub counts: Counts,
    /// Value bytes of the item last seen in it.
    pub size: Option<u32>,
}

/// Points in the order of time. Where there is none, nothing is known: nothing was watched, the key was forgotten, or it
/// is too long ago.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Series {
    points: Vec<Point>,
    end: Duration,
}

impl Series {
    pub(super) fn new(points: Vec<Point>, end: Duration) -> Self {
        Self { points, end }
    }

    /// The points: the intervals of the last minute as they were, and longer ones before.
    #[must_use]
    pub fn points(&self) -> &[Point] {
        &self.points
    }

    /// Rates, per second, over `number` equal parts of the last `span`, oldest first; `None` where nothing is known. What
    /// counts is told by `count`, as in `series.rates(MINUTE, 60, Counts::calls)`. Within an interval that is longer than a
    /// part, or that lies in two of them, operations count as evenly spread.
    #[must_use]
    pub fn rates(&self, span: Duration, number: usize, count: impl Fn(&Counts) -> u64) -> Vec<Option<f64>> {
        let part = span.as_secs_f64() / number as f64;
        let begin = self.end.as_secs_f64() - span.as_secs_f64();
        let mut sums = vec![(0.0, 0.0); number];
        for point in &self.points {
            let (start, end) = (point.start.as_secs_f64(), point.end.as_secs_f64());
            if end <= begin || end <= start {
                continue;
            }
            let first = ((start - begin) / part).max(0.0) as usize;
            let sums = sums.iter_mut().enumerate().skip(first);
            for (index, (counted, watched)) in sums {
                let from = begin + part * index as f64;
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

    /// Median of the sizes last seen in each interval, in bytes; `None` when none was seen. An older point, of several
    /// intervals, counts as one.
    #[must_use]
    pub fn median_size(&self) -> Option<u32> {
        let mut sizes: Vec<u32> = self.points.iter().filter_map(|point| point.size).collect();
        let middle = sizes.len().checked_sub(1)? / 2;
        let (_, median, _) = sizes.select_nth_unstable(middle);
        Some(*median)
    }
}
