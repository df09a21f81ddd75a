//! What happened when: the course of each key over the last minute, interval by interval, and over the last ten minutes in
//! steps of ten seconds.
//!
//! A [`History`] is shared by all snapshots that cover the same time: making one copies some hundred pointers, whatever the
//! number of keys. It is asked for the few rows that a screen shows; a question reads one block of each slice.

use std::sync::Arc;
use std::time::Duration;

use self::packed::Slice;
use super::snapshot::{Gap, Row};

pub mod packed;
pub mod ring;
mod series;

pub use series::{Point, Series};

/// Longest sliding window, and how long each interval is kept apart.
pub const WINDOW: Duration = Duration::from_secs(60);

/// How far back the history goes, memory permitting.
pub const HISTORY: Duration = Duration::from_secs(600);

/// Length of a step of what is older than the window; longer when the intervals are.
pub const COARSE: Duration = Duration::from_secs(10);

/// The key of a row, as the history knows it. A key that was forgotten and came back is another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KeyId {
    /// Where its counts are kept.
    pub(super) slot: u32,
    /// Number of the interval that it was first seen in.
    pub(super) born: u32,
}

impl KeyId {
    /// Of a row that does not come from a model: it has no history.
    pub const NONE: Self = Self { slot: u32::MAX, born: u32::MAX };
}

/// The course of all keys up to the time of a snapshot. Immutable.
#[derive(Clone, Debug, Default)]
pub struct History {
    slices: Vec<Arc<Slice>>,
    gaps: Vec<Gap>,
    targets: u32,
    end: Duration,
}

impl History {
    pub(super) fn new<'a>(
        slices: impl Iterator<Item = &'a Arc<Slice>>,
        gaps: &[Gap],
        targets: usize,
        end: Duration,
    ) -> Self {
        let targets = u32::try_from(targets).unwrap_or(u32::MAX);
        Self { slices: slices.cloned().collect(), gaps: gaps.to_vec(), targets, end }
    }

    /// The course of a row's key: a point for every stretch in which its server was watched and the key was not forgotten.
    /// What could not be counted under any key (the loss of the snapshot) is in no point.
    #[must_use]
    pub fn of(&self, row: &Row) -> Series {
        let id = row.id;
        // Of a key that may have come before it was forgotten, nothing is known of the time before it came back.
        let since = if row.calls_error == 0 && row.bytes_error == 0 { 0 } else { id.born };
        let points = self.slices.iter().filter(|slice| id != KeyId::NONE && slice.first >= since).filter_map(|slice| {
            let watched = self.watched(row.target, slice);
            // A slice that ends before the key came tells of the key that had its slot before.
            let sample = (slice.last >= id.born).then(|| slice.find(id.slot)).flatten().unwrap_or_default();
            let point = Point { start: slice.start, end: slice.end, watched, counts: sample.counts, size: sample.size };
            (!watched.is_zero()).then_some(point)
        });
        Series::new(points.collect(), self.end)
    }

    /// The course of all operations, under a key or not: a point for every stretch in which a server was watched.
    #[must_use]
    pub fn totals(&self) -> Series {
        let points = self.slices.iter().filter_map(|slice| {
            let watched = (0..self.targets).map(|target| self.watched(target, slice)).max();
            let watched = watched.unwrap_or_else(|| slice.end.saturating_sub(slice.start));
            let point = Point { start: slice.start, end: slice.end, watched, counts: slice.total, size: None };
            (!watched.is_zero()).then_some(point)
        });
        Series::new(points.collect(), self.end)
    }

    /// How long a server was watched during a slice.
    fn watched(&self, target: u32, slice: &Slice) -> Duration {
        let mut watched = slice.end.saturating_sub(slice.start);
        for gap in self.gaps.iter().filter(|gap| gap.target == target) {
            let from = gap.from.max(slice.start);
            let to = gap.to.unwrap_or(Duration::MAX).min(slice.end);
            watched = watched.saturating_sub(to.saturating_sub(from));
        }
        watched
    }
}

#[cfg(test)]
mod tests;
