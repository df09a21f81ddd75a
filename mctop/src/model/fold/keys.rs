//! The tracked keys, each in its own slot, with their counts.

use std::time::Duration;

use super::IntervalSpan;
use super::index::{self, Index};
use super::tallies::{self, Tallies};
use crate::model::counts::Counts;
use crate::model::history::packed::Slice;
use crate::model::key_sample::{KeySample, KeySamples, Retention};
use crate::model::rows::{RowBuffers, Rows};
use crate::model::sketch::{Candidate, CandidateSource, Dropped, Newcomer, Newcomers, Weight, select_keys};

/// Bytes that a key uses here, without its name and without rows.
pub(super) const BYTES: usize = tallies::BYTES + index::BYTES;

/// At most a fixed number of keys, in slots from 0 without holes. A new key takes the slot of an evicted one.
pub(super) struct Keys {
    tallies: Tallies,
    index: Index,
    row_buffers: RowBuffers,
    limit: usize,
    /// Upper bound of what any key that is not tracked may have.
    missed: Weight,
}

impl Keys {
    /// No keys, and room for `limit`.
    pub(super) fn new(limit: usize) -> Self {
        let limit = limit.max(1);
        Self {
            tallies: Tallies::new(limit),
            index: Index::new(limit),
            row_buffers: RowBuffers::default(),
            limit,
            missed: Weight::default(),
        }
    }

    /// The rows at the end of interval `number`.
    pub(super) fn rows(&mut self, number: u32, end: Duration) -> Rows {
        let Self { tallies, row_buffers, limit, .. } = self;
        row_buffers.newest(
            tallies.len(),
            *limit,
            |slot, row| tallies.fill_row(slot, row, number, end),
            |slot| tallies.new_row(slot),
        )
    }

    /// Number of the interval in which the key of a slot was added.
    pub(super) fn added_in(&self, slot: u32) -> u32 {
        self.tallies.id(slot).added_in
    }

    /// Counts the samples of an interval: adds to tracked keys, adds new keys, and evicts those that exceed the limit. Returns
    /// the evicted and rejected keys. `each` is called for every sample.
    pub(super) fn count(
        &mut self,
        samples: &mut dyn KeySamples,
        interval: IntervalSpan,
        mut each: impl FnMut(&KeySample<'_>),
    ) -> Dropped {
        self.row_buffers.invalidate();
        let mut newcomers = Newcomers::new(self.limit, samples.capacity());
        let Self { tallies, index, .. } = self;
        samples.for_each(&mut |sample| {
            each(sample);
            if let Some(slot) = index.find(sample.hash, |slot| tallies.is_of(slot, sample)) {
                tallies.add(slot as usize, sample, interval.number);
                return Retention::Release;
            }
            let weight = Weight::of(&sample.counts);
            if newcomers.offer(Newcomer { handle: sample.handle, weight }) {
                Retention::Keep
            } else {
                Retention::Release
            }
        });
        self.admit(newcomers, samples, interval)
    }

    /// Adds the newcomers that fit, evicting keys with less.
    fn admit(&mut self, newcomers: Newcomers, samples: &dyn KeySamples, interval: IntervalSpan) -> Dropped {
        let Newcomers { pending, mut dropped, .. } = newcomers;
        let missed = self.missed;
        dropped.max = missed.saturating_add(dropped.max);
        if self.tallies.len() + pending.len() <= self.limit {
            for newcomer in &pending {
                self.insert(None, newcomer, samples, interval);
            }
        } else {
            let kept = (0..self.tallies.len()).filter_map(|slot| {
                let (recent, total) = self.tallies.weights(slot, interval.number)?;
                Some(Candidate {
                    source: CandidateSource::Kept(slot as u32),
                    recent,
                    max: total.saturating_add(self.tallies.error(slot)),
                })
            });
            let new = pending.iter().zip(0..).map(|(newcomer, index)| Candidate {
                source: CandidateSource::Newcomer(index),
                recent: newcomer.weight,
                max: missed.saturating_add(newcomer.weight),
            });
            let mut candidates = Vec::with_capacity(self.tallies.len() + pending.len());
            candidates.extend(kept);
            candidates.extend(new);
            select_keys(&mut candidates, self.limit);
            let (selected, others) = candidates.split_at(self.limit);
            let mut free = Vec::with_capacity(others.len());
            for other in others {
                match other.source {
                    CandidateSource::Kept(slot) => {
                        dropped.add(self.evict(slot, interval.number), other.max);
                        free.push(slot);
                    }
                    CandidateSource::Newcomer(_) => dropped.add(other.recent, other.max),
                }
            }
            for candidate in selected {
                if let CandidateSource::Newcomer(index) = candidate.source
                    && let Some(newcomer) = pending.get(index as usize)
                {
                    self.insert(free.pop(), newcomer, samples, interval);
                }
            }
        }
        if dropped.keys > 0 {
            self.missed = missed.max(dropped.max);
        }
        dropped
    }

    /// Evicts the key of a slot, which is free afterwards, and returns the key's counts.
    fn evict(&mut self, slot: u32, number: u32) -> Weight {
        if let Some(hash) = self.tallies.hash(slot as usize) {
            self.index.remove(hash, slot);
        }
        self.tallies.weights(slot as usize, number).map_or(Weight::default(), |(_, total)| total)
    }

    /// Puts a newcomer into a free slot, or into a new one.
    fn insert(&mut self, free: Option<u32>, newcomer: &Newcomer, samples: &dyn KeySamples, interval: IntervalSpan) {
        let Self { tallies, index, missed, .. } = self;
        samples.with_kept(newcomer.handle, &mut |sample| {
            // The key came twice in one interval, which no source should do.
            if free.is_none()
                && let Some(slot) = index.find(sample.hash, |slot| tallies.is_of(slot, sample))
            {
                return tallies.add(slot as usize, sample, interval.number);
            }
            let slot = free.unwrap_or(tallies.len() as u32);
            tallies.insert(slot as usize, sample, *missed, interval);
            index.insert(sample.hash, slot);
        });
    }

    /// Ends an interval; `all` is everything counted in it, with or without a key.
    pub(super) fn end_interval(&mut self, interval: IntervalSpan, all: Counts) -> Slice {
        self.row_buffers.invalidate();
        self.tallies.end_interval(interval, all)
    }

    /// Subtracts a slice that has left the sliding window from the recent counts.
    pub(super) fn remove_from_window(&mut self, slice: &Slice) {
        self.tallies.remove_from_window(slice);
    }
}
