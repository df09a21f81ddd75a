//! What happened when: the course of each key over the last minute, interval by interval, and over the last ten minutes in
//! steps of ten seconds.
//!
//! A [`History`] is shared by all snapshots that cover the same time: making one copies some hundred pointers, whatever the
//! number of keys. It is asked for the few rows that a screen shows; a question reads one block of each slice.

use std::sync::Arc;
use std::time::Duration;

use self::packed::Slice;
use super::counts::Counts;
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

/// Whose key it is that has a slot.
#[derive(Clone, Copy, Debug)]
struct Member {
    group: usize,
    /// As in [`KeyId`]; before, the slot had another key.
    born: u32,
    /// The first interval of which all of the key is known.
    since: u32,
}

impl Member {
    fn is_in(&self, slice: &Slice) -> bool {
        slice.last >= self.born && slice.first >= self.since
    }
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

    /// The courses over the last [`WINDOW`] of groups of rows: the sums of their keys'. `members` are rows with the place of
    /// their group among `targets`, which has each group's server; a row is in one group at most. Ends early, with what
    /// nobody is to look at, when `go_on` says so.
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
                let since = if row.calls_error == 0 && row.bytes_error == 0 { 0 } else { row.id.born };
                *member = Some(Member { group, born: row.id.born, since });
            }
        }
        let mut points: Vec<Vec<Point>> = vec![Vec::new(); targets.len()];
        let begin = self.end.saturating_sub(WINDOW);
        for slice in self.slices.iter().filter(|slice| slice.end > begin).take_while(|_| go_on()) {
            let mut sums = vec![Counts::default(); targets.len()];
            let group = |slot: u32| {
                let member = slots.get(slot as usize)?.as_ref()?;
                member.is_in(slice).then_some(member.group)
            };
            slice.counts_of(group, |group, counts| {
                if let Some(sum) = sums.get_mut(group) {
                    *sum += counts;
                }
            });
            for ((counts, target), points) in sums.into_iter().zip(targets).zip(&mut points) {
                let watched = self.watched(*target, slice);
                if !watched.is_zero() {
                    points.push(Point { start: slice.start, end: slice.end, watched, counts, size: None });
                }
            }
        }
        points.into_iter().map(|points| Series::new(points, self.end)).collect()
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
