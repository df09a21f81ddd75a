//! The keys that are kept, each in a slot of its own, and what is known of them.

use std::time::Duration;

use super::index::{self, Index};
use super::tallies::{self, Tallies};
use crate::model::counts::Counts;
use crate::model::history::packed::Slice;
use crate::model::rows::{Rows, Versions};
use crate::model::sighting::{Sighting, Sightings, Verdict};
use crate::model::sketch::{Candidate, Dropped, Newcomer, Newcomers, Weight, Who, choose};

/// Bytes that a key takes here, without its name and without rows.
pub const BYTES: usize = tallies::BYTES + index::BYTES;

/// When an interval was.
#[derive(Clone, Copy, Debug)]
pub struct When {
    /// Its number.
    pub number: u32,
    /// Its begin.
    pub start: Duration,
    /// Its end.
    pub end: Duration,
}

/// The keys, at most a fixed number, in slots from 0 on without holes: a key that is forgotten makes place for another.
pub struct Keys {
    tallies: Tallies,
    index: Index,
    versions: Versions,
    limit: usize,
    /// No key that is not kept has had more than this.
    missed: Weight,
}

impl Keys {
    /// No keys, and never more than `limit`.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        let limit = limit.max(1);
        Self {
            tallies: Tallies::new(limit),
            index: Index::new(limit),
            versions: Versions::default(),
            limit,
            missed: Weight::default(),
        }
    }

    /// The rows as they are at the end of the interval of that number.
    pub fn rows(&mut self, number: u32, end: Duration) -> Rows {
        let Self { tallies, versions, limit, .. } = self;
        versions.newest(
            tallies.len(),
            *limit,
            |slot, row| tallies.show(slot, row, number, end),
            |slot| tallies.row(slot),
        )
    }

    /// Since which interval a slot has belonged to its key.
    #[must_use]
    pub fn born(&self, slot: u32) -> u32 {
        self.tallies.id(slot).born
    }

    /// Counts the sightings of an interval for the keys that are kept, takes others in, and lets go of what is too much.
    /// `each` is called for all.
    pub fn count(&mut self, sightings: &mut dyn Sightings, when: When, mut each: impl FnMut(&Sighting<'_>)) -> Dropped {
        self.versions.outdate();
        let mut newcomers = Newcomers::new(self.limit, sightings.most());
        let Self { tallies, index, .. } = self;
        sightings.for_each(&mut |sighting| {
            each(sighting);
            if let Some(slot) = index.find(sighting.hash, |slot| tallies.is_of(slot, sighting)) {
                tallies.add(slot as usize, sighting, when.number);
                return Verdict::Done;
            }
            let weight = Weight::of(&sighting.counts);
            if newcomers.offer(Newcomer { place: sighting.place, weight }) { Verdict::Kept } else { Verdict::Done }
        });
        self.admit(newcomers, sightings, when)
    }

    /// Takes in the newcomers, as far as there is or can be made place for them.
    fn admit(&mut self, newcomers: Newcomers, sightings: &dyn Sightings, when: When) -> Dropped {
        let Newcomers { waiting, mut dropped, .. } = newcomers;
        let missed = self.missed;
        dropped.most = missed.plus(dropped.most);
        if self.tallies.len() + waiting.len() <= self.limit {
            for newcomer in &waiting {
                self.take_in(None, newcomer, sightings, when);
            }
        } else {
            let kept = (0..self.tallies.len()).filter_map(|slot| {
                let (recent, total) = self.tallies.weights(slot, when.number)?;
                Some(Candidate { who: Who::Kept(slot as u32), recent, most: total.plus(self.tallies.error(slot)) })
            });
            let new = waiting.iter().zip(0..).map(|(newcomer, index)| Candidate {
                who: Who::New(index),
                recent: newcomer.weight,
                most: missed.plus(newcomer.weight),
            });
            let mut candidates = Vec::with_capacity(self.tallies.len() + waiting.len());
            candidates.extend(kept);
            candidates.extend(new);
            choose(&mut candidates, self.limit);
            let (chosen, others) = candidates.split_at(self.limit);
            let mut free = Vec::with_capacity(others.len());
            for other in others {
                match other.who {
                    Who::Kept(slot) => {
                        dropped.add(self.let_go(slot, when.number), other.most);
                        free.push(slot);
                    }
                    Who::New(_) => dropped.add(other.recent, other.most),
                }
            }
            for candidate in chosen {
                if let Who::New(index) = candidate.who
                    && let Some(newcomer) = waiting.get(index as usize)
                {
                    self.take_in(free.pop(), newcomer, sightings, when);
                }
            }
        }
        if dropped.keys > 0 {
            self.missed = missed.most(dropped.most);
        }
        dropped
    }

    /// Forgets the key of a slot, which has no key then; returns its counts.
    fn let_go(&mut self, slot: u32, number: u32) -> Weight {
        if let Some(hash) = self.tallies.hash(slot as usize) {
            self.index.remove(hash, slot);
        }
        self.tallies.weights(slot as usize, number).map_or(Weight::default(), |(_, total)| total)
    }

    /// Puts a newcomer into a free slot, or into one more.
    fn take_in(&mut self, free: Option<u32>, newcomer: &Newcomer, sightings: &dyn Sightings, when: When) {
        let Some((sighting, key)) = sightings.again(newcomer.place) else { return };
        let Self { tallies, index, .. } = self;
        // Twice in one interval, which no source should bring.
        if free.is_none()
            && let Some(slot) = index.find(sighting.hash, |slot| tallies.is_of(slot, &sighting))
        {
            return tallies.add(slot as usize, &sighting, when.number);
        }
        let slot = free.unwrap_or(tallies.len() as u32);
        tallies.enter(slot as usize, key, &sighting, self.missed, when);
        index.insert(sighting.hash, slot);
    }

    /// Ends an interval, in which `all` was counted, under any key or none.
    pub fn end(&mut self, when: When, all: Counts) -> Slice {
        self.versions.outdate();
        self.tallies.end(when, all)
    }

    /// Takes a slice that has left the sliding window out of what is recent.
    pub fn leave(&mut self, slice: &Slice) {
        self.tallies.leave(slice);
    }
}
