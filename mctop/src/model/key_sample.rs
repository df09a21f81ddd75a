//! What was counted for each key in an interval, passed from its source to a consumer without copies of the keys.

use std::hash::{BuildHasher, Hasher};
use std::sync::LazyLock;
use std::time::Duration;

use foldhash::SharedSeed;
use foldhash::fast::SeedableRandomState;

use super::counts::Counts;
use super::interval::{Record, RecordedInterval};
use super::key::Key;
use super::outcomes::Outcomes;
use super::snapshot::Ttl;

/// What was counted for one key of one server in one interval.
#[derive(Clone, Copy)]
pub struct KeySample<'a> {
    /// Identifies the sample in its source until the next interval ([`KeySamples::with_kept`]).
    pub handle: u32,
    /// Hash of key and server: the same in all intervals, uniformly distributed, and seeded so that clients cannot predict it.
    pub hash: u64,
    /// The key.
    pub key: SampleKey<'a>,
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

/// The key of a sample.
#[derive(Clone, Copy)]
pub enum SampleKey<'a> {
    /// A key that can be compared with others of the same hash.
    Known(&'a Key),
    /// A key that is copied from its source on demand. The source treats equal hashes as equal keys.
    Unread(&'a dyn Fn() -> Key),
}

impl SampleKey<'_> {
    /// A copy of the key.
    #[must_use]
    pub fn read(&self) -> Key {
        match self {
            Self::Known(key) => (*key).clone(),
            Self::Unread(read) => read(),
        }
    }
}

/// Whether a source must keep a sample for [`KeySamples::with_kept`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retention {
    /// No: the sample is not needed again.
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

    /// Calls `with` for a sample that was kept.
    fn with_kept(&self, handle: u32, with: &mut dyn FnMut(&KeySample<'_>));
}

/// Receives the key samples of intervals from a source. What concerns an interval as a whole follows as an
/// [`Interval`](super::interval::Interval).
pub trait SampleConsumer {
    /// Takes the samples of the interval from `start` to `end`, by calling [`KeySamples::for_each`] exactly once.
    fn consume(&mut self, start: Duration, end: Duration, samples: &mut dyn KeySamples);
}

/// Copies the samples.
impl SampleConsumer for Vec<Record> {
    fn consume(&mut self, _start: Duration, _end: Duration, samples: &mut dyn KeySamples) {
        samples.for_each(&mut |sample| {
            self.push(Record::from(sample));
            Retention::Release
        });
    }
}

impl From<&KeySample<'_>> for Record {
    fn from(sample: &KeySample<'_>) -> Self {
        let KeySample { handle: _, hash: _, key, target, counts, size, ttl, outcomes } = *sample;
        Self { key: key.read(), target, counts, size, ttl, outcomes }
    }
}

impl RecordedInterval {
    /// Passes the records to a consumer.
    pub(crate) fn pass_to(&self, consumer: &mut dyn SampleConsumer) {
        let samples = &mut RecordSamples { records: &self.records, hashes: None };
        consumer.consume(self.interval.start, self.interval.end, samples);
    }
}

/// Hashes keys that come without a hash.
///
/// Keys are chosen by clients. A client that could predict the hashes could slow mctop down with keys that collide, so the
/// hash is seeded per process, and neither a hash nor an order derived from it is ever shown.
static HASHER: LazyLock<SeedableRandomState> = LazyLock::new(|| {
    // The standard library's hasher is seeded by the operating system.
    let seed = std::hash::RandomState::new().hash_one(0);
    SeedableRandomState::with_seed(seed, SharedSeed::global_random())
});

/// Records as key samples, in the order of the slice.
pub(crate) struct RecordSamples<'a> {
    records: &'a [Record],
    hashes: Option<&'a [u64]>,
}

impl<'a> RecordSamples<'a> {
    /// Samples of records and the hashes of the samples they were copied from, in the same order.
    pub(crate) const fn with_hashes(records: &'a [Record], hashes: &'a [u64]) -> Self {
        Self { records, hashes: Some(hashes) }
    }

    fn sample(&self, handle: u32, record: &'a Record) -> KeySample<'a> {
        let Record { key, target, counts, size, ttl, outcomes } = record;
        let known = self.hashes.and_then(|hashes| hashes.get(handle as usize).copied());
        let hash = known.unwrap_or_else(|| {
            let mut hasher = HASHER.build_hasher();
            hasher.write(key.bytes());
            hasher.write_u32(*target);
            hasher.finish()
        });
        let key = SampleKey::Known(key);
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

    fn with_kept(&self, handle: u32, with: &mut dyn FnMut(&KeySample<'_>)) {
        if let Some(record) = self.records.get(handle as usize) {
            with(&self.sample(handle, record));
        }
    }
}
