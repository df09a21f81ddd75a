//! Keeps the latest intervals while a capture waits for its trigger, up to a number of intervals and bytes.

use std::collections::VecDeque;
use std::time::Duration;

use super::change;
use crate::model::interval::{Change, Record, RecordedInterval};

/// How much to keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RingLimits {
    /// Maximum number of intervals.
    pub intervals: usize,
    /// Maximum memory, bytes.
    pub bytes: usize,
}

/// The latest intervals.
#[derive(Debug)]
pub(crate) struct Ring {
    limits: RingLimits,
    /// The intervals, each with its size in bytes.
    kept: VecDeque<(RecordedInterval, usize)>,
    bytes: usize,
    /// Number of intervals pushed so far.
    seen: usize,
}

/// How much a ring holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RingContents {
    /// Number of intervals.
    pub intervals: usize,
    /// From the start of the first to the end of the last.
    pub span: Duration,
    /// How many more intervals it would hold with more memory.
    pub crowded_out: usize,
}

impl Ring {
    /// An empty ring.
    pub(crate) fn new(limits: RingLimits) -> Self {
        Self { limits, kept: VecDeque::new(), bytes: 0, seen: 0 }
    }

    /// Adds an interval, and returns those that had to be dropped, oldest first. If the new interval alone exceeds the limit,
    /// it is dropped as well.
    pub(crate) fn push(&mut self, interval: RecordedInterval) -> Vec<RecordedInterval> {
        let bytes = size_in_memory(&interval);
        self.seen += 1;
        self.bytes += bytes;
        self.kept.push_back((interval, bytes));
        let mut dropped = Vec::new();
        while (self.kept.len() > self.limits.intervals || self.bytes > self.limits.bytes)
            && let Some((oldest, bytes)) = self.kept.pop_front()
        {
            self.bytes -= bytes;
            dropped.push(oldest);
        }
        dropped
    }

    /// How much the ring holds now.
    pub(crate) fn contents(&self) -> RingContents {
        let intervals = self.kept.len();
        let start = self.kept.front().map(|(kept, _)| kept.interval.start);
        let end = self.kept.back().map(|(kept, _)| kept.interval.end);
        let span = end.zip(start).map_or(Duration::ZERO, |(end, start)| end.saturating_sub(start));
        let crowded_out = self.seen.min(self.limits.intervals).saturating_sub(intervals);
        RingContents { intervals, span, crowded_out }
    }

    /// The intervals, oldest first.
    pub(crate) fn intervals(&self) -> impl Iterator<Item = &RecordedInterval> {
        self.kept.iter().map(|(kept, _)| kept)
    }
}

/// Memory that an interval uses, with malloc(3)'s rounding. The bytes of a key count in full, even if they are shared.
fn size_in_memory(recorded: &RecordedInterval) -> usize {
    let RecordedInterval { interval, records } = recorded;
    let names = records.iter().map(|record| allocated(ARC_HEADER + record.key.bytes().len()));
    let changes = interval.changes.iter().map(|change| match change {
        Change::Attached { info, .. } | Change::Reprobed { info, .. } => change::length(info),
        other => other.note().map_or(0, str::len),
    });
    let lists = records.capacity() * size_of::<Record>() + interval.changes.capacity() * size_of::<Change>();
    size_of::<(RecordedInterval, usize)>() + lists + names.chain(changes).sum::<usize>()
}

/// The two reference counts of an [`Arc`](std::sync::Arc).
const ARC_HEADER: usize = 2 * size_of::<usize>();

/// Memory that glibc's malloc(3) uses for an allocation: one word more, rounded up to two words.
fn allocated(bytes: usize) -> usize {
    (bytes + size_of::<usize>()).next_multiple_of(2 * size_of::<usize>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::tests::small;
    use crate::model::interval::Interval;
    use crate::model::key::Key;

    /// The interval of the given second, with this number of keys.
    fn interval(second: u64, keys: usize) -> RecordedInterval {
        let record = small()[0].records[0].clone();
        let name = |n: usize| Key::new(format!("key:{n:036}").as_bytes());
        Interval { start: Duration::from_secs(second), end: Duration::from_secs(second + 1), ..Interval::default() }
            .with((0..keys).map(|n| Record { key: name(n), ..record.clone() }).collect())
    }

    fn seconds(dropped: &[RecordedInterval]) -> Vec<u64> {
        dropped.iter().map(|dropped| dropped.interval.start.as_secs()).collect()
    }

    #[test]
    fn the_latest_intervals_are_kept() {
        let mut ring = Ring::new(RingLimits { intervals: 3, bytes: usize::MAX });
        assert_eq!(ring.contents(), RingContents { intervals: 0, span: Duration::ZERO, crowded_out: 0 });
        for second in 0..3 {
            assert_eq!(ring.push(interval(second, 10)), []);
        }
        assert_eq!(seconds(&ring.push(interval(3, 10))), [0]);
        assert_eq!(ring.contents(), RingContents { intervals: 3, span: Duration::from_secs(3), crowded_out: 0 });
        assert_eq!(ring.intervals().map(|kept| kept.interval.start.as_secs()).collect::<Vec<_>>(), [1, 2, 3]);
        let mut none = Ring::new(RingLimits { intervals: 0, bytes: usize::MAX });
        assert_eq!(seconds(&none.push(interval(0, 1))), [0]);
        assert_eq!(none.contents(), RingContents { intervals: 0, span: Duration::ZERO, crowded_out: 0 });
    }

    #[test]
    fn memory_stays_within_the_limit() {
        let of_key = size_of::<Record>() + 64;
        let limit = 100 * of_key + 3 * size_of::<(RecordedInterval, usize)>();
        let mut ring = Ring::new(RingLimits { intervals: 60, bytes: limit });
        for (second, keys, kept, dropped) in [
            (0, 30, 1, &[][..]),
            (1, 30, 2, &[]),
            (2, 40, 3, &[]),
            (3, 30, 3, &[0]),
            // A single interval that exceeds the limit.
            (4, 110, 0, &[1, 2, 3, 4]),
            (5, 100, 1, &[]),
            (6, 0, 2, &[]),
        ] {
            assert_eq!(seconds(&ring.push(interval(second, keys))), dropped, "{second}");
            assert!(ring.bytes <= limit);
            let crowded_out = second as usize + 1 - kept;
            assert_eq!((ring.contents().intervals, ring.contents().crowded_out), (kept, crowded_out), "{second}");
        }
        assert_eq!(ring.contents().span, Duration::from_secs(2));
    }

    #[test]
    fn server_changes_count_as_memory() {
        let mut loud = interval(0, 0);
        let before = size_in_memory(&loud);
        loud.interval.changes = vec![Change::Refused { reason: "r".repeat(1_000) }];
        assert_eq!(size_in_memory(&loud), before + size_of::<Change>() + 1_000);
    }
}
