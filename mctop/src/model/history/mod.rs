//! The counts of each key over time: each interval of the last minute, and steps of ten seconds over the last ten minutes.
//!
//! Slices are shared by snapshots: making a [`History`] copies some hundred pointers, for any number of keys. It is queried for
//! the few rows on a screen; a query reads one block of each slice.

use std::sync::Arc;
use std::time::Duration;

use self::packed::Slice;
use super::counts::Counts;
use super::loss::Gap;
use super::rows::{KeyId, Row};

pub(crate) mod packed;
pub(crate) mod ring;
mod series;

pub(crate) use series::{Series, SeriesPoint};

/// Length of the sliding window, in which each interval has its own slice.
pub(crate) const WINDOW: Duration = Duration::from_secs(60);

/// How far back the history goes, if memory allows.
pub(crate) const HISTORY: Duration = Duration::from_secs(600);

/// Length of the slices before the window; longer if intervals are longer.
pub(crate) const COARSE: Duration = Duration::from_secs(10);

/// The group that the key in a slot belongs to.
#[derive(Clone, Copy, Debug)]
struct Member {
    group: usize,
    /// See [`KeyId`]. Before this interval, the slot may have belonged to another key.
    added_in: u32,
    /// The first interval for which the counts of the key are complete.
    complete_since: u32,
}

impl Member {
    fn is_in(&self, slice: &Slice) -> bool {
        slice.last >= self.added_in && slice.first >= self.complete_since
    }
}

/// The counts of all keys over time, up to the time of a snapshot. Immutable.
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

    /// The counts of a row's key over time: a point for every slice in which its server was watched and the key was tracked.
    /// Untracked operations (the loss of the snapshot) are not included.
    #[must_use]
    pub fn of(&self, row: &Row) -> Series {
        let id = row.id;
        // A key with an error may have been evicted before; its counts are complete only since it was added.
        let complete_since = if row.calls_error == 0 && row.bytes_error == 0 { 0 } else { id.added_in };
        let points =
            self.slices.iter().filter(|slice| id != KeyId::NONE && slice.first >= complete_since).filter_map(|slice| {
                let watched = self.watched(row.target, slice);
                // In a slice that ends before the key was added, the slot belonged to another key.
                let sample = (slice.last >= id.added_in).then(|| slice.find(id.slot)).flatten().unwrap_or_default();
                let point = SeriesPoint {
                    start: slice.start,
                    end: slice.end,
                    watched,
                    counts: sample.counts,
                    size: sample.size,
                };
                (!watched.is_zero()).then_some(point)
            });
        Series::new(points.collect(), self.end)
    }

    /// The counts of groups of rows over the last [`WINDOW`]: sums over their keys. `targets` has the server of each group, and
    /// `members` are rows with the index of their group in `targets`; a row is in at most one group. When `go_on` returns
    /// false, it returns early with an incomplete result.
    #[must_use]
    pub fn sums<'a>(
        &self,
        members: impl Iterator<Item = (usize, &'a Row)>,
        targets: &[u32],
        go_on: impl Fn() -> bool,
    ) -> Vec<Series> {
        let mut slots: Vec<Option<Member>> = Vec::new();
        for (group, row) in members.filter(|(_, row)| row.id != KeyId::NONE) {
            let slot = row.id.slot as usize;
            if slots.len() <= slot {
                slots.resize(slot + 1, None);
            }
            if let Some(member) = slots.get_mut(slot) {
                let complete_since = if row.calls_error == 0 && row.bytes_error == 0 { 0 } else { row.id.added_in };
                *member = Some(Member { group, added_in: row.id.added_in, complete_since });
            }
        }
        let mut points: Vec<Vec<SeriesPoint>> = vec![Vec::new(); targets.len()];
        let window_start = self.end.saturating_sub(WINDOW);
        for slice in self.slices.iter().filter(|slice| slice.end > window_start).take_while(|_| go_on()) {
            let mut sums = vec![Counts::default(); targets.len()];
            let group = |slot: u32| {
                let member = slots.get(slot as usize)?.as_ref()?;
                member.is_in(slice).then_some(member.group)
            };
            slice.for_each_selected(group, |group, counts| {
                if let Some(sum) = sums.get_mut(group) {
                    *sum += counts;
                }
            });
            for ((counts, target), points) in sums.into_iter().zip(targets).zip(&mut points) {
                let watched = self.watched(*target, slice);
                if !watched.is_zero() {
                    points.push(SeriesPoint { start: slice.start, end: slice.end, watched, counts, size: None });
                }
            }
        }
        points.into_iter().map(|points| Series::new(points, self.end)).collect()
    }

    /// All operations over time, including untracked ones: a point for every slice in which a server was watched.
    #[must_use]
    pub fn totals(&self) -> Series {
        let points = self.slices.iter().filter_map(|slice| {
            let watched = (0..self.targets).map(|target| self.watched(target, slice)).max();
            let watched = watched.unwrap_or_else(|| slice.end.saturating_sub(slice.start));
            let point = SeriesPoint { start: slice.start, end: slice.end, watched, counts: slice.total, size: None };
            (!watched.is_zero()).then_some(point)
        });
        Series::new(points.collect(), self.end)
    }

    /// For how long of a slice a server was watched.
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
