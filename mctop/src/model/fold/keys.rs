//! The keys that are kept, each in a slot of its own, and what is known of them.

use std::hash::{BuildHasher, Hasher};
use std::time::Duration;

use foldhash::SharedSeed;
use foldhash::fast::SeedableRandomState;
use hashbrown::HashTable;

use crate::model::counts::Counts;
use crate::model::history::KeyId;
use crate::model::history::packed::{Packer, Sample, Slice};
use crate::model::interval::{Interval, Record};
use crate::model::key::Key;
use crate::model::rows::Rows;
use crate::model::sketch::{Candidate, Dropped, Newcomer, Newcomers, Weight, Who, choose};
use crate::model::snapshot::{Row, Ttl};

/// Bytes that a key takes here, without its row: the hash table is at most seven eighths full and a power of two large, and
/// has a byte of its own for each bucket.
pub const BYTES: usize = size_of::<Aside>() + 16 * (size_of::<Slot>() + 1) / 7;

/// What a row does not tell.
#[derive(Clone, Copy, Debug)]
struct Aside {
    hash: u32,
    /// Number of the last interval it was counted in.
    counted: u32,
    /// When `row.ttl` was `ttl`.
    ttl_at: Duration,
    ttl: Ttl,
}

/// An entry of the hash table.
#[derive(Clone, Copy, Debug)]
struct Slot {
    hash: u32,
    slot: u32,
}

impl Slot {
    /// The hash for the table, which takes the bucket from its low bits and a tag from its high ones.
    fn spread(hash: u32) -> u64 {
        // 2⁶⁴ divided by the golden ratio (Knuth, The Art of Computer Programming 6.4).
        u64::from(hash).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}

/// The keys, at most a fixed number, in slots from 0 on without holes: a key that is forgotten makes place for another.
pub struct Keys {
    rows: Rows,
    asides: Vec<Aside>,
    table: HashTable<Slot>,
    /// Keys come from strangers, who could slow us down with keys of one bucket if they knew which these are. So the hash has
    /// a seed of this process's own, and neither a hash nor an order that follows from it is ever shown. Beyond that speed
    /// counts: it is taken of a million keys a second.
    hasher: SeedableRandomState,
    limit: usize,
    /// No key that is not kept has had more than this.
    missed: Weight,
}

impl Keys {
    /// No keys, and never more than `limit`.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        let limit = limit.max(1);
        // The standard library's hasher is seeded by the operating system.
        let seed = std::hash::RandomState::new().hash_one(0);
        Self {
            rows: Rows::default(),
            asides: Vec::with_capacity(limit),
            table: HashTable::with_capacity(limit),
            hasher: SeedableRandomState::with_seed(seed, SharedSeed::global_random()),
            limit,
            missed: Weight::default(),
        }
    }

    /// The rows as they are now; they are copied when they change next.
    #[must_use]
    pub fn rows(&self) -> Rows {
        self.rows.clone()
    }

    /// Since which interval a slot has belonged to its key.
    #[must_use]
    pub fn born(&self, slot: u32) -> u32 {
        self.rows.get(slot as usize).map_or(u32::MAX, |row| row.id.born)
    }

    /// Counts the records of interval `number` for the keys that are kept, takes others in, and lets go of what is too much.
    pub fn count(&mut self, interval: &Interval, number: u32) -> Dropped {
        let mut newcomers = Newcomers::new(self.limit, interval.records.len());
        let rows = self.rows.unshared(self.limit);
        for (index, record) in interval.records.iter().enumerate() {
            let hash = hash(&self.hasher, record);
            let found = find(&self.table, rows, hash, record);
            if let Some(slot) = found
                && let (Some(row), Some(aside)) = (rows.get_mut(slot), self.asides.get_mut(slot))
            {
                add(row, aside, record, interval.end, number);
            } else {
                let weight = Weight { calls: record.counts.calls(), bytes: record.counts.bytes() };
                newcomers.offer(Newcomer { record: index as u32, hash, weight });
            }
        }
        self.admit(newcomers, interval, number)
    }

    /// Takes in the newcomers, as far as there is or can be made place for them.
    fn admit(&mut self, newcomers: Newcomers, interval: &Interval, number: u32) -> Dropped {
        let Newcomers { waiting, mut dropped, .. } = newcomers;
        let missed = self.missed;
        dropped.most = missed.plus(dropped.most);
        if self.rows.len() + waiting.len() <= self.limit {
            for newcomer in &waiting {
                self.take_in(None, newcomer, interval, number);
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
                    self.take_in(free.pop(), newcomer, interval, number);
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
        let hash = self.asides.get(slot as usize).map_or(0, |aside| aside.hash);
        if let Ok(entry) = self.table.find_entry(Slot::spread(hash), |entry| entry.slot == slot) {
            entry.remove();
        }
        self.rows.get(slot as usize).map_or(Weight::default(), |row| weight(&row.total))
    }

    /// Puts a newcomer into a free slot, or into one more.
    fn take_in(&mut self, free: Option<u32>, newcomer: &Newcomer, interval: &Interval, number: u32) {
        let Some(record) = interval.records.get(newcomer.record as usize) else { return };
        let rows = self.rows.unshared(self.limit);
        // Twice in one interval, which no source should bring.
        if free.is_none()
            && let Some(slot) = find(&self.table, rows, newcomer.hash, record)
            && let (Some(row), Some(aside)) = (rows.get_mut(slot), self.asides.get_mut(slot))
        {
            return add(row, aside, record, interval.end, number);
        }
        let slot = free.unwrap_or(rows.len() as u32);
        let mut row = Row::new(record.key.clone(), record.target);
        row.id = KeyId { slot, born: number };
        row.first_seen = interval.start;
        row.calls_error = self.missed.calls;
        row.bytes_error = self.missed.bytes;
        let mut aside = Aside { hash: newcomer.hash, counted: 0, ttl_at: Duration::ZERO, ttl: Ttl::Unknown };
        add(&mut row, &mut aside, record, interval.end, number);
        match (rows.get_mut(slot as usize), self.asides.get_mut(slot as usize)) {
            (Some(place), Some(beside)) => (*place, *beside) = (row, aside),
            _ => {
                rows.push(row);
                self.asides.push(aside);
            }
        }
        let entry = Slot { hash: newcomer.hash, slot };
        self.table.insert_unique(Slot::spread(entry.hash), entry, |entry| Slot::spread(entry.hash));
    }

    /// Ends interval `number`: what was counted in it, and what all others are now.
    pub fn end(&mut self, interval: &Interval, number: u32) -> Slice {
        let mut packer = Packer::default();
        let rows = self.rows.unshared(self.limit);
        for ((slot, row), aside) in (0..).zip(rows.iter_mut()).zip(&self.asides) {
            if aside.counted == number {
                let size = row.size.filter(|_| aside.ttl_at == interval.end);
                packer.push(slot, &Sample { counts: row.last, size });
            } else if aside.counted + 1 == number {
                row.last = Counts::default();
            }
            if let Ttl::Seconds(seconds) = aside.ttl {
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

fn hash(hasher: &SeedableRandomState, record: &Record) -> u32 {
    let mut hasher = hasher.build_hasher();
    hasher.write(record.key.bytes());
    hasher.write_u32(record.target);
    (hasher.finish() >> 32) as u32
}

fn find(table: &HashTable<Slot>, rows: &[Row], hash: u32, record: &Record) -> Option<usize> {
    let same = |key: &Key, target| *key == record.key && target == record.target;
    let found = table.find(Slot::spread(hash), |entry| {
        entry.hash == hash && rows.get(entry.slot as usize).is_some_and(|row| same(&row.key, row.target))
    });
    found.map(|entry| entry.slot as usize)
}

/// Adds a record to what is known of its key.
fn add(row: &mut Row, aside: &mut Aside, record: &Record, end: Duration, number: u32) {
    if aside.counted != number {
        row.last = Counts::default();
        row.last_seen = end;
        aside.counted = number;
    }
    row.total += &record.counts;
    row.last += &record.counts;
    row.recent += &record.counts;
    row.outcomes += &record.outcomes;
    if let Some(size) = record.size {
        row.size = Some(size);
        row.size_min = Some(row.size_min.map_or(size, |least| least.min(size)));
        row.size_max = row.size_max.max(Some(size));
        row.ttl = record.ttl;
        aside.ttl = record.ttl;
        aside.ttl_at = end;
    }
}

fn weight(counts: &Counts) -> Weight {
    Weight { calls: counts.calls(), bytes: counts.bytes() }
}
