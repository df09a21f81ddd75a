//! What was counted for each key in an interval, read directly from its source so that counting copies no keys.

use std::hash::{BuildHasher, Hasher};
use std::time::Duration;

use foldhash::SharedSeed;
use foldhash::fast::SeedableRandomState;

use super::counts::Counts;
use super::interval::Record;
use super::key::Key;
use super::outcomes::Outcomes;
use super::snapshot::Ttl;

/// What was counted for one key of one server in one interval.
#[derive(Clone, Copy, Debug)]
pub struct KeySample<'a> {
    /// Identifies the sample in its source until the next interval ([`KeySamples::get`]).
    pub handle: u32,
    /// Hash of key and server: the same in all intervals, uniformly distributed, and seeded so that clients cannot predict it.
    pub hash: u64,
    /// The key; `None` if the source treats equal hashes as equal keys.
    pub key: Option<&'a Key>,
    /// Index of the server.
    pub target: u32,
    /// Operations and bytes.
    pub counts: Counts,
    /// Value bytes of the item last seen.
    pub size: Option<u32>,
    /// The item's TTL at the end of the interval.
    pub ttl: Ttl,
    /// What happened to its items, if that is watched.
    pub outcomes: Outcomes,
}

/// Whether a source must keep a sample for [`KeySamples::get`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retention {
    /// No: the sample was counted, or its key will not be tracked.
    Release,
    /// Yes: the sample may be requested again.
    Keep,
}

/// All key samples of an interval.
pub trait KeySamples {
    /// Upper bound of the number of samples.
    fn capacity(&self) -> usize;

    /// Calls `each` once for every sample.
    ///
    /// Counting is fastest in ascending order of the low 32 bits of the hashes, starting anywhere and wrapping around.
    fn for_each(&mut self, each: &mut dyn FnMut(&KeySample<'_>) -> Retention);

    /// A sample that was kept, with its key.
    fn get(&self, handle: u32) -> Option<(KeySample<'_>, Key)>;
}

/// Counts the key samples of intervals. The rest of an interval follows later.
pub trait SampleCounter {
    /// Counts the samples of the interval from `start` to `end`.
    fn count(&mut self, start: Duration, end: Duration, samples: &mut dyn KeySamples);
}

/// Hashes keys that come without a hash.
///
/// Keys are chosen by clients. A client that could predict the hashes could slow mctop down with keys that collide, so the
/// hash is seeded per process, and neither a hash nor an order derived from it is ever shown.
#[derive(Clone, Debug)]
pub(crate) struct KeyHasher(SeedableRandomState);

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

/// The records of an interval as key samples, in the order of the slice.
pub(crate) struct RecordSamples<'a> {
    records: &'a [Record],
    hasher: &'a KeyHasher,
}

impl<'a> RecordSamples<'a> {
    /// Samples of `records`.
    #[must_use]
    pub(crate) const fn new(records: &'a [Record], hasher: &'a KeyHasher) -> Self {
        Self { records, hasher }
    }

    fn sample(&self, handle: u32, record: &'a Record) -> KeySample<'a> {
        let Record { key, target, counts, size, ttl, outcomes } = record;
        let (hash, key) = (self.hasher.hash(record), Some(key));
        KeySample { handle, hash, key, target: *target, counts: *counts, size: *size, ttl: *ttl, outcomes: *outcomes }
    }
}

impl KeySamples for RecordSamples<'_> {
    fn capacity(&self) -> usize {
        self.records.len()
    }

    fn for_each(&mut self, each: &mut dyn FnMut(&KeySample<'_>) -> Retention) {
        for (index, record) in (0..).zip(self.records) {
            each(&self.sample(index, record));
        }
    }

    fn get(&self, handle: u32) -> Option<(KeySample<'_>, Key)> {
        let record = self.records.get(handle as usize)?;
        Some((self.sample(handle, record), record.key.clone()))
    }
}
