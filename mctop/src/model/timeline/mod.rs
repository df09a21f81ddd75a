//! An observation over time: totals and the largest keys, in one pass and in bounded memory for any length.
//!
//! Time is divided into at most [`BUCKETS_MAX`] buckets of equally many intervals. When there would be more, neighbours are
//! merged. A key is tracked from the first interval in which it is among the largest; its counts before are not known.

use std::time::Duration;

use super::counts::Counts;
use super::interval::{Interval, RecordedInterval};
use super::key::Key;
use super::snapshot::per_second;

#[cfg(test)]
mod tests;
mod tracks;

pub(crate) use tracks::Track;
use tracks::Tracks;

/// Most buckets: more than a chart can show. The number is even, because neighbours are merged.
pub(crate) const BUCKETS_MAX: usize = 240;

/// A number of successive intervals.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Bucket {
    /// Start, since the start of the observation.
    pub start: Duration,
    /// End, since the start of the observation.
    pub end: Duration,
    /// All operations.
    pub total: Counts,
    /// Number of intervals.
    intervals: u64,
}

impl Bucket {
    /// Length of the bucket.
    pub(crate) fn span(&self) -> Duration {
        self.end.saturating_sub(self.start)
    }
}

/// The largest rate of a watched interval, and its time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Peak {
    /// Events per second.
    pub per_second: f64,
    /// Start of the interval, since the start of the observation.
    pub at: Duration,
}

impl Peak {
    fn update(&mut self, count: u64, interval: &Interval) {
        // An extrapolated interval repeats a watched one.
        if interval.extrapolated {
            return;
        }
        let rate = per_second(count, interval.length());
        if rate > self.per_second {
            *self = Self { per_second: rate, at: interval.start };
        }
    }
}

/// An observation over time.
#[derive(Clone, Debug)]
pub(crate) struct Timeline {
    buckets: Vec<Bucket>,
    /// Intervals per bucket.
    stride: u64,
    tracks: Tracks,
    calls_peak: Peak,
    bytes_peak: Peak,
}

impl Default for Timeline {
    fn default() -> Self {
        Self {
            buckets: Vec::new(),
            stride: 1,
            tracks: Tracks::default(),
            calls_peak: Peak::default(),
            bytes_peak: Peak::default(),
        }
    }
}

impl Timeline {
    /// Adds an interval.
    pub(crate) fn fold(&mut self, recorded: &RecordedInterval) {
        let interval = &recorded.interval;
        let full = self.buckets.last().is_none_or(|bucket| bucket.intervals >= self.stride);
        if full && self.buckets.len() == BUCKETS_MAX {
            self.merge_pairs();
        }
        match self.buckets.last_mut().filter(|bucket| bucket.intervals < self.stride) {
            Some(bucket) => {
                bucket.end = interval.end;
                bucket.total += &interval.total;
                bucket.intervals += 1;
            }
            None => self.buckets.push(Bucket {
                start: interval.start,
                end: interval.end,
                total: interval.total,
                intervals: 1,
            }),
        }
        self.calls_peak.update(interval.total.calls(), interval);
        self.bytes_peak.update(interval.total.bytes(), interval);
        self.tracks.fold(recorded, self.buckets.len() - 1);
    }

    /// Merges neighbouring buckets.
    fn merge_pairs(&mut self) {
        let pairs = self.buckets.chunks(2).map(|pair| match pair {
            [first, second] => {
                let mut total = first.total;
                total += &second.total;
                Bucket { start: first.start, end: second.end, total, intervals: first.intervals + second.intervals }
            }
            _ => pair[0],
        });
        self.buckets = pairs.collect();
        self.stride *= 2;
        self.tracks.merge_pairs();
    }

    /// The buckets in order of time.
    pub(crate) fn buckets(&self) -> &[Bucket] {
        &self.buckets
    }

    /// Peak of all calls.
    pub(crate) const fn calls_peak(&self) -> Peak {
        self.calls_peak
    }

    /// Peak of all value bytes.
    pub(crate) const fn bytes_peak(&self) -> Peak {
        self.bytes_peak
    }

    /// The counts of a key over time, if it was ever among the largest.
    pub(crate) fn track(&self, key: &Key) -> Option<&Track> {
        self.tracks.get(key)
    }

    /// When a key became hot: the start of the first bucket with at least half of its highest rate.
    pub(crate) fn since(&self, key: &Key) -> Option<Duration> {
        let track = self.track(key)?;
        let rate = |(bucket, counted): (&Bucket, Option<u64>)| {
            counted.map(|calls| (bucket.start, per_second(calls, bucket.span())))
        };
        let rates = || self.buckets.iter().zip(track.calls(self.buckets.len())).filter_map(rate);
        let highest = rates().map(|(_, rate)| rate).fold(0.0, f64::max);
        rates().find(|(_, rate)| *rate > 0.0 && *rate >= highest / 2.0).map(|(start, _)| start)
    }
}
