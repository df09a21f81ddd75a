//! The keys that are kept, each in a slot of its own, and what is known of them.

use std::time::Duration;

use super::index::{self, Index};
use crate::model::counts::Counts;
use crate::model::history::KeyId;
use crate::model::history::packed::{Packer, Sample, Slice};
use crate::model::interval::Interval;
use crate::model::key::Key;
use crate::model::rows::{Rows, Versions};
use crate::model::sighting::{Sighting, Sightings, Verdict};
use crate::model::sketch::{Candidate, Dropped, Newcomer, Newcomers, Weight, Who, choose};
use crate::model::snapshot::{Row, Ttl};

/// Bytes that a key takes here, without its row.
pub const BYTES: usize = size_of::<Aside>() + index::BYTES;

/// What a row does not tell.
#[derive(Clone, Copy, Debug)]
struct Aside {
    hash: u64,
    /// Number of the last interval it was counted in.
    counted: u32,
    ttl: Ttl,
    /// When `row.ttl` was `ttl`.
    ttl_at: Duration,
}

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
    rows: Versions,
    asides: Vec<Aside>,
    index: Index,
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
            rows: Versions::default(),
            asides: Vec::with_capacity(limit),
            index: Index::new(limit),
            limit,
            missed: Weight::default(),
        }
    }

    /// The rows as they are now; they are copied when they change next.
    #[must_use]
    pub fn rows(&self) -> Rows {
        self.rows.share()
    }

    /// Since which interval a slot has belonged to its key.
    #[must_use]
    pub fn born(&self, slot: u32) -> u32 {
        self.rows.get(slot as usize).map_or(u32::MAX, |row| row.id.born)
    }

    /// Counts the sightings of an interval for the keys that are kept, takes others in, and lets go of what is too much.
    /// `each` is called for all.
    pub fn count(&mut self, sightings: &mut dyn Sightings, when: When, mut each: impl FnMut(&Sighting<'_>)) -> Dropped {
        let mut newcomers = Newcomers::new(self.limit, sightings.most());
        let Self { rows, asides, index, limit, .. } = self;
        let rows = rows.unshared(*limit);
        sightings.for_each(&mut |sighting| {
            each(sighting);
            if let Some(slot) = find(index, asides, rows, sighting)
                && let (Some(row), Some(aside)) = (rows.get_mut(slot), asides.get_mut(slot))
            {
                add(row, aside, sighting, when);
                return Verdict::Done;
            }
            let weight = weight(&sighting.counts);
            if newcomers.offer(Newcomer { place: sighting.place, weight }) { Verdict::Kept } else { Verdict::Done }
        });
        self.admit(newcomers, sightings, when)
    }

    /// Takes in the newcomers, as far as there is or can be made place for them.
    fn admit(&mut self, newcomers: Newcomers, sightings: &dyn Sightings, when: When) -> Dropped {
        let Newcomers { waiting, mut dropped, .. } = newcomers;
        let missed = self.missed;
        dropped.most = missed.plus(dropped.most);
        if self.rows.len() + waiting.len() <= self.limit {
            for newcomer in &waiting {
                self.take_in(None, newcomer, sightings, when);
            }
        } else {
            let rows = self.rows.iter().zip(0..).map(|(row, slot)| Candidate {
                who: Who::Kept(slot),
                recent: weight(&row.recent),
                most: weight(&row.total).plus(Weight { calls: row.calls_error, bytes: row.bytes_error }),
            });
            let new = waiting.iter().zip(0..).map(|(newcomer, index)| Candidate {
                who: Who::New(index),
                recent: newcomer.weight,
                most: missed.plus(newcomer.weight),
            });
            let mut candidates = Vec::with_capacity(self.rows.len() + waiting.len());
            candidates.extend(rows);
            candidates.extend(new);
            choose(&mut candidates, self.limit);
            let (chosen, others) = candidates.split_at(self.limit);
            let mut free = Vec::with_capacity(others.len());
            for other in others {
                match other.who {
                    Who::Kept(slot) => {
                        dropped.add(self.let_go(slot), other.most);
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
    fn let_go(&mut self, slot: u32) -> Weight {
        if let Some(aside) = self.asides.get(slot as usize) {
            self.index.remove(aside.hash, slot);
        }
        self.rows.get(slot as usize).map_or(Weight::default(), |row| weight(&row.total))
    }

    /// Puts a newcomer into a free slot, or into one more.
    fn take_in(&mut self, free: Option<u32>, newcomer: &Newcomer, sightings: &dyn Sightings, when: When) {
        let Some((sighting, key)) = sightings.again(newcomer.place) else { return };
        let rows = self.rows.unshared(self.limit);
        // Twice in one interval, which no source should bring.
        if free.is_none()
            && let Some(slot) = find(&self.index, &self.asides, rows, &sighting)
            && let (Some(row), Some(aside)) = (rows.get_mut(slot), self.asides.get_mut(slot))
        {
            return add(row, aside, &sighting, when);
        }
        let slot = free.unwrap_or(rows.len() as u32);
        let mut row = Row::new(key, sighting.target);
        row.id = KeyId { slot, born: when.number };
        row.first_seen = when.start;
        row.calls_error = self.missed.calls;
        row.bytes_error = self.missed.bytes;
        let mut aside = Aside { hash: sighting.hash, counted: 0, ttl: Ttl::Unknown, ttl_at: Duration::ZERO };
        add(&mut row, &mut aside, &sighting, when);
        match (rows.get_mut(slot as usize), self.asides.get_mut(slot as usize)) {
            (Some(place), Some(beside)) => (*place, *beside) = (row, aside),
            _ => {
                rows.push(row);
                self.asides.push(aside);
            }
        }
        self.index.insert(sighting.hash, slot);
    }

    /// Ends an interval: what was counted in it, and what all others are now.
    pub fn end(&mut self, interval: &Interval, number: u32) -> Slice {
        let mut packer = Packer::default();
        let rows = self.rows.unshared(self.limit);
        // A row is looked at only where that must be: rows are large.
        for ((slot, aside), row) in (0..).zip(&self.asides).zip(rows) {
            let is_of_now = aside.ttl_at == interval.end;
            if aside.counted == number {
                packer.push(slot, &Sample { counts: row.last, size: row.size.filter(|_| is_of_now) });
            } else if aside.counted + 1 == number {
                row.last = Counts::default();
            }
            if let Ttl::Seconds(seconds) = aside.ttl
                && !is_of_now
            {
                let aged = interval.end.saturating_sub(aside.ttl_at).as_secs();
                row.ttl = Ttl::Seconds(seconds.saturating_sub(u32::try_from(aged).unwrap_or(u32::MAX)));
            }
        }
        packer.finish((number, number), (interval.start, interval.end), interval.total)
    }

    /// Takes a slice that has left the sliding window out of what is recent.
    pub fn leave(&mut self, slice: &Slice) {
        let rows = self.rows.unshared(self.limit);
        for (slot, sample) in slice.records() {
            // Not what was counted for the key that had the slot before.
            if let Some(row) = rows.get_mut(slot as usize).filter(|row| row.id.born <= slice.first) {
                row.recent -= &sample.counts;
            }
        }
    }
}

/// The slot of a key that is kept.
#[inline]
fn find(index: &Index, asides: &[Aside], rows: &[Row], sighting: &Sighting<'_>) -> Option<usize> {
    let is_it = |slot: u32| {
        let same =
            |key: &Key| rows.get(slot as usize).is_some_and(|row| row.key == *key && row.target == sighting.target);
        asides.get(slot as usize).is_some_and(|aside| aside.hash == sighting.hash) && sighting.key.is_none_or(same)
    };
    index.find(sighting.hash, is_it).map(|slot| slot as usize)
}

/// Adds a sighting to what is known of its key.
#[inline]
fn add(row: &mut Row, aside: &mut Aside, sighting: &Sighting<'_>, when: When) {
    row.total += &sighting.counts;
    row.recent += &sighting.counts;
    if aside.counted == when.number {
        row.last += &sighting.counts;
    } else {
        row.last = sighting.counts;
        row.last_seen = when.end;
        aside.counted = when.number;
    }
    // Seldom, and in another cache line.
    if sighting.outcomes.any() {
        row.outcomes += &sighting.outcomes;
    }
    if let Some(size) = sighting.size {
        row.size = Some(size);
        row.size_min = Some(row.size_min.map_or(size, |least| least.min(size)));
        row.size_max = row.size_max.max(Some(size));
        row.ttl = sighting.ttl;
        aside.ttl = sighting.ttl;
        aside.ttl_at = when.end;
    }
}

fn weight(counts: &Counts) -> Weight {
    Weight { calls: counts.calls(), bytes: counts.bytes() }
}
