//! The intervals from before a trigger holds: the latest ones, within a number of them and of bytes.

use std::collections::VecDeque;
use std::time::Duration;

use super::change;
use crate::model::interval::{Change, Interval, Record};

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Most intervals.
    pub intervals: usize,
    /// Most bytes of memory.
    pub bytes: usize,
}

/// The latest intervals.
#[derive(Debug)]
pub struct Ring {
    bounds: Bounds,
    /// With the bytes that each takes.
    kept: VecDeque<(Interval, usize)>,
    bytes: usize,
    /// How many there have been.
    seen: usize,
}

/// What is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// So many intervals.
    pub intervals: usize,
    /// From the begin of the first to the end of the last.
    pub span: Duration,
    /// So many more there would be if memory had sufficed.
    pub crowded_out: usize,
}

impl Ring {
    /// An empty one.
    pub fn new(bounds: Bounds) -> Self {
        Self { bounds, kept: VecDeque::new(), bytes: 0, seen: 0 }
    }

    /// Adds an interval, and returns those that are let go for it, the oldest first: at last itself, when it alone takes more
    /// memory than there is.
    pub fn push(&mut self, interval: Interval) -> Vec<Interval> {
        let bytes = bytes(&interval);
        self.seen += 1;
        self.bytes += bytes;
        self.kept.push_back((interval, bytes));
        let mut gone = Vec::new();
        while (self.kept.len() > self.bounds.intervals || self.bytes > self.bounds.bytes)
            && let Some((oldest, bytes)) = self.kept.pop_front()
        {
            self.bytes -= bytes;
            gone.push(oldest);
        }
        gone
    }

    /// What is kept now.
    pub fn kept(&self) -> Kept {
        let intervals = self.kept.len();
        let start = self.kept.front().map(|(interval, _)| interval.start);
        let end = self.kept.back().map(|(interval, _)| interval.end);
        let span = end.zip(start).map_or(Duration::ZERO, |(end, start)| end.saturating_sub(start));
        let crowded_out = self.seen.min(self.bounds.intervals).saturating_sub(intervals);
        Kept { intervals, span, crowded_out }
    }

    /// The intervals, the oldest first.
    pub fn intervals(&self) -> impl Iterator<Item = &Interval> {
        self.kept.iter().map(|(interval, _)| interval)
    }
}

/// Memory that an interval takes, as malloc(3) rounds it up. A key's bytes count here although others may share them.
fn bytes(interval: &Interval) -> usize {
    let names = interval.records.iter().map(|record| allocated(REFERENCES + record.key.bytes().len()));
    let changes = interval.changes.iter().map(|change| match change {
        Change::Exited { .. } => 0,
        Change::Attached { info, .. } | Change::Reprobed { info, .. } => change::length(info),
        Change::Refused { reason: text } | Change::Budget { note: text } => text.len(),
    });
    let lists = interval.records.capacity() * size_of::<Record>() + interval.changes.capacity() * size_of::<Change>();
    size_of::<(Interval, usize)>() + lists + names.chain(changes).sum::<usize>()
}

/// The two counts before the bytes of an [`Arc`](std::sync::Arc).
const REFERENCES: usize = 2 * size_of::<usize>();

/// What malloc(3) of glibc takes for so many bytes: a word before them, and steps of two.
fn allocated(bytes: usize) -> usize {
    (bytes + size_of::<usize>()).next_multiple_of(2 * size_of::<usize>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::tests::small;
    use crate::model::key::Key;

    /// The interval of this second, with so many keys.
    fn interval(second: u64, keys: usize) -> Interval {
        let record = small()[0].records[0].clone();
        let name = |n: usize| Key::new(format!("key:{n:036}").as_bytes());
        Interval {
            start: Duration::from_secs(second),
            end: Duration::from_secs(second + 1),
            records: (0..keys).map(|n| Record { key: name(n), ..record.clone() }).collect(),
            ..Interval::default()
        }
    }

    fn seconds(gone: &[Interval]) -> Vec<u64> {
        gone.iter().map(|interval| interval.start.as_secs()).collect()
    }

    #[test]
    fn the_latest_are_kept() {
        let mut ring = Ring::new(Bounds { intervals: 3, bytes: usize::MAX });
        assert_eq!(ring.kept(), Kept { intervals: 0, span: Duration::ZERO, crowded_out: 0 });
        for second in 0..3 {
            assert_eq!(ring.push(interval(second, 10)), []);
        }
        assert_eq!(seconds(&ring.push(interval(3, 10))), [0]);
        assert_eq!(ring.kept(), Kept { intervals: 3, span: Duration::from_secs(3), crowded_out: 0 });
        assert_eq!(ring.intervals().map(|interval| interval.start.as_secs()).collect::<Vec<_>>(), [1, 2, 3]);
        let mut none = Ring::new(Bounds { intervals: 0, bytes: usize::MAX });
        assert_eq!(seconds(&none.push(interval(0, 1))), [0]);
        assert_eq!(none.kept(), Kept { intervals: 0, span: Duration::ZERO, crowded_out: 0 });
    }

    #[test]
    fn no_more_bytes_than_allowed_whatever_the_intervals_are() {
        let of_key = size_of::<Record>() + 64;
        let limit = 100 * of_key + 3 * size_of::<(Interval, usize)>();
        let mut ring = Ring::new(Bounds { intervals: 60, bytes: limit });
        for (second, keys, kept, gone) in [
            (0, 30, 1, &[][..]),
            (1, 30, 2, &[]),
            (2, 40, 3, &[]),
            (3, 30, 3, &[0]),
            // More than there is room for at all.
            (4, 110, 0, &[1, 2, 3, 4]),
            (5, 100, 1, &[]),
            (6, 0, 2, &[]),
        ] {
            assert_eq!(seconds(&ring.push(interval(second, keys))), gone, "{second}");
            assert!(ring.bytes <= limit);
            let crowded_out = second as usize + 1 - kept;
            assert_eq!(
                (ring.kept().intervals, ring.kept().crowded_out),
                (kept, crowded_out),
                "{second}: the first was not there yet"
            );
        }
        assert_eq!(ring.kept().span, Duration::from_secs(2));
    }

    #[test]
    fn what_is_said_of_servers_takes_memory_too() {
        let mut loud = interval(0, 0);
        let before = bytes(&loud);
        loud.changes = vec![Change::Refused { reason: "r".repeat(1_000) }];
        assert_eq!(bytes(&loud), before + size_of::<Change>() + 1_000);
    }
}
