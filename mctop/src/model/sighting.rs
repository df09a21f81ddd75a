//! The keys of an interval where their source has them, so that counting them copies none.

use std::hash::{BuildHasher, Hasher};
use std::time::Duration;

use foldhash::SharedSeed;
use foldhash::fast::SeedableRandomState;

use super::counts::Counts;
use super::interval::Record;
use super::key::Key;
use super::outcomes::Outcomes;
use super::snapshot::Ttl;

/// What was counted for one key of one server in one interval. Its key is asked for only when it is needed.
#[derive(Clone, Copy, Debug)]
pub struct Sighting<'a> {
    /// By which the source finds it again until the next interval.
    pub place: u32,
    /// Hash of key and server, the same in all intervals; uniform, by numbers that strangers do not know.
    pub hash: u64,
    /// The key; none where equal hashes are taken for equal keys.
    pub key: Option<&'a Key>,
    /// Index of the server.
    pub target: u32,
    /// Operations and bytes.
    pub counts: Counts,
    /// Value bytes of the item last seen.
    pub size: Option<u32>,
    /// Its remaining lifetime at the end of the interval.
    pub ttl: Ttl,
    /// What became of its items, where that is watched.
    pub outcomes: Outcomes,
}

/// Whether a sighting is asked for again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// No: it is counted, or nobody wants it.
    Done,
    /// Perhaps, by [`Sightings::again`].
    Kept,
}

/// All sightings of an interval.
pub trait Sightings {
    /// How many there are at most.
    fn most(&self) -> usize;

    /// Hands each to `each`, once.
    ///
    /// They are counted fastest in the order of the low 32 bits of their hashes, from whatever begin.
    fn for_each(&mut self, each: &mut dyn FnMut(&Sighting<'_>) -> Verdict);

    /// One of those that were kept, and its key.
    fn again(&self, place: u32) -> Option<(Sighting<'_>, Key)>;
}

/// Takes the sightings of intervals, before the rest of an interval is known.
pub trait Counter {
    /// Counts those of the interval from `start` to `end`.
    fn count(&mut self, start: Duration, end: Duration, sightings: &mut dyn Sightings);
}

/// Hashes keys that come without a hash.
///
/// Keys come from strangers, who could slow us down with keys of one bucket if they knew which these are. So the hash has a
/// seed of this process's own, and neither a hash nor an order that follows from it is ever shown.
#[derive(Clone, Debug)]
pub struct KeyHasher(SeedableRandomState);

impl Default for KeyHasher {
    fn default() -> Self {
        // The standard library's hasher is seeded by the operating system.
        let seed = std::hash::RandomState::new().hash_one(0);
        Self(SeedableRandomState::with_seed(seed, SharedSeed::global_random()))
    }
}

impl KeyHasher {
    fn hash(&self, record: &Record) -> u64 {
        let mut hasher = self.0.build_hasher();
        hasher.write(record.key.bytes());
        hasher.write_u32(record.target);
        hasher.finish()
    }
}

/// The records of an interval as sightings.
pub struct Listed<'a> {
    records: &'a [Record],
    hasher: &'a KeyHasher,
}

impl<'a> Listed<'a> {
    /// In the order that they are in.
    #[must_use]
    pub const fn new(records: &'a [Record], hasher: &'a KeyHasher) -> Self {
        Self { records, hasher }
    }

    fn sighting(&self, place: u32, record: &'a Record) -> Sighting<'a> {
        let Record { key, target, counts, size, ttl, outcomes } = record;
        let (hash, key) = (self.hasher.hash(record), Some(key));
        Sighting { place, hash, key, target: *target, counts: *counts, size: *size, ttl: *ttl, outcomes: *outcomes }
    }
}

impl Sightings for Listed<'_> {
    fn most(&self) -> usize {
        self.records.len()
    }

    fn for_each(&mut self, each: &mut dyn FnMut(&Sighting<'_>) -> Verdict) {
        for (place, record) in (0..).zip(self.records) {
            each(&self.sighting(place, record));
        }
    }

    fn again(&self, place: u32) -> Option<(Sighting<'_>, Key)> {
        let record = self.records.get(place as usize)?;
        Some((self.sighting(place, record), record.key.clone()))
    }
}
