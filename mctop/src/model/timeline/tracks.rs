//! The keys that are tracked over time.

use std::cmp::Reverse;
use std::collections::HashMap;

use super::Peak;
use crate::model::counts::Counts;
use crate::model::interval::{Record, RecordedInterval};
use crate::model::key::Key;

/// Number of keys of an interval that become tracked by calls, and again by bytes.
const TOP_KEYS: usize = 8;
/// Most keys tracked at once, which use about 4 kB each.
const TRACKS_MAX: usize = 256;

/// A key over time, on all servers together.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Track {
    /// Index of the first bucket in which it was tracked.
    since: usize,
    /// Calls and bytes of each bucket. Missing buckets at the end are 0.
    buckets: Vec<(u64, u64)>,
    calls: u64,
    bytes: u64,
    calls_peak: Peak,
}

impl Track {
    /// Calls in each of the first `buckets` buckets; `None` before it was tracked.
    pub(crate) fn calls(&self, buckets: usize) -> impl Iterator<Item = Option<u64>> {
        self.counts(buckets).map(|counts| counts.map(|(calls, _)| calls))
    }

    /// Value bytes in each of the first `buckets` buckets; `None` before it was tracked.
    pub(crate) fn bytes(&self, buckets: usize) -> impl Iterator<Item = Option<u64>> {
        self.counts(buckets).map(|counts| counts.map(|(_, bytes)| bytes))
    }

    fn counts(&self, buckets: usize) -> impl Iterator<Item = Option<(u64, u64)>> {
        let count = |index: usize| self.buckets.get(index).copied().unwrap_or_default();
        (0..buckets).map(move |index| (index >= self.since).then(|| count(index)))
    }

    /// Peak of its calls.
    pub(crate) const fn calls_peak(&self) -> Peak {
        self.calls_peak
    }
}

/// The tracked keys.
#[derive(Clone, Debug, Default)]
pub(super) struct Tracks(HashMap<Key, Track>);

impl Tracks {
    /// Adds an interval that belongs to the bucket of this index.
    pub(super) fn fold(&mut self, recorded: &RecordedInterval, bucket: usize) {
        let RecordedInterval { interval, records } = recorded;
        self.track_largest(records, bucket);
        // A key may have records of several servers.
        let mut seen: HashMap<&Key, u64> = HashMap::with_capacity(self.0.len());
        for record in records {
            let Some(track) = self.0.get_mut(&record.key) else { continue };
            let (calls, bytes) = (record.counts.calls(), record.counts.bytes());
            if track.buckets.len() <= bucket {
                track.buckets.resize(bucket + 1, (0, 0));
            }
            if let Some(counts) = track.buckets.get_mut(bucket) {
                *counts = (counts.0 + calls, counts.1 + bytes);
            }
            track.calls += calls;
            track.bytes += bytes;
            *seen.entry(&record.key).or_default() += calls;
        }
        for (key, calls) in seen {
            if let Some(track) = self.0.get_mut(key) {
                track.calls_peak.update(calls, interval);
            }
        }
    }

    /// Starts to track the largest keys of an interval.
    fn track_largest(&mut self, records: &[Record], bucket: usize) {
        let figures: [fn(&Counts) -> u64; 2] = [|counts| counts.calls(), |counts| counts.bytes()];
        let mut order: Vec<usize> = (0..records.len()).collect();
        for figure in figures {
            if order.len() > TOP_KEYS {
                order.select_nth_unstable_by_key(TOP_KEYS, |index| Reverse(figure(&records[*index].counts)));
            }
            for record in order.iter().take(TOP_KEYS).filter_map(|index| records.get(*index)) {
                if figure(&record.counts) > 0 && !self.0.contains_key(&record.key) {
                    self.0.insert(record.key.clone(), Track { since: bucket, ..Track::default() });
                }
            }
        }
        if self.0.len() > TRACKS_MAX {
            self.evict_smallest(bucket);
        }
    }

    /// Evicts a quarter of the keys: those with the smallest share of the calls or bytes of all tracked keys, except new ones.
    fn evict_smallest(&mut self, bucket: usize) {
        let sum = |figure: fn(&Track) -> u64| self.0.values().map(figure).map(u128::from).sum::<u128>().max(1);
        let (calls, bytes) = (sum(|track| track.calls), sum(|track| track.bytes));
        let share = |track: &Track| (u128::from(track.calls) * bytes).max(u128::from(track.bytes) * calls);
        let old = self.0.iter().filter(|(_, track)| track.since < bucket || track.calls > 0);
        let mut ranks: Vec<(u128, Key)> = old.map(|(key, track)| (share(track), key.clone())).collect();
        ranks.sort_unstable();
        for (_, key) in ranks.into_iter().take(TRACKS_MAX / 4) {
            self.0.remove(&key);
        }
    }

    /// Merges neighbouring buckets.
    pub(super) fn merge_pairs(&mut self) {
        for track in self.0.values_mut() {
            let pairs = track.buckets.chunks(2);
            track.buckets =
                pairs.map(|pair| pair.iter().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))).collect();
            track.since /= 2;
        }
    }

    /// Number of tracked keys.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// A key, if it is tracked.
    pub(super) fn get(&self, key: &Key) -> Option<&Track> {
        self.0.get(key)
    }
}
