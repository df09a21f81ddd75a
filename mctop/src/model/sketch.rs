//! Selects the keys to keep when there are more than memory allows, and bounds what may be missing from a kept key's counts.
//!
//! This is a heavy-hitter summary in the manner of Misra and Gries ("Finding repeated elements", 1982) and Space-Saving
//! (Metwally, Agrawal and El Abbadi, "Efficient computation of frequent and top-k elements in data streams", 2005). The two
//! are isomorphic and can be merged in batches (Agarwal et al., "Mergeable summaries", 2012). Each interval is such a batch:
//! exact counts of its keys. Beside the keys one number is stored, *missed*: no key outside the summary has ever had more
//! operations than that.
//!
//! - A key that is added gets `error = missed` and counts from there. Its count is never too high:
//!   `count ≤ true ≤ count + error`.
//! - A key that is evicted raises `missed` to its `count + error`. A key that is rejected raises it to `missed` plus its
//!   operations in the interval. Their operations become untracked, so that sums stay exact.
//!
//! Let *m* be the number of keys that, after every selection, have a `count + error` at least as large as every key that was
//! not kept. [`select_keys`] makes that half of the keys by calls, and a quarter by bytes. Then `error ≤ N / m`, where N is the
//! number of all operations (or bytes). Proof: let *excess* be Σ max(0, count + error − missed) over the kept keys. It is never
//! negative, an operation adds at most 1 (a key added with *w* operations has the excess *w*), and raising `missed` by *d*
//! takes *d* from each of the *m*. So m × missed ≤ N.
//!
//! The other keys are kept for what happens now: those with the most calls and bytes in the sliding window, regardless of what
//! older keys had before.

use super::counts::Counts;

/// Operations and value bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Weight {
    /// Operations.
    pub calls: u64,
    /// Value bytes in both directions.
    pub bytes: u64,
}

impl Weight {
    /// The weight of some counts.
    pub(crate) const fn of(counts: &Counts) -> Self {
        Self { calls: counts.calls(), bytes: counts.bytes() }
    }

    /// The sum, saturating at the largest number.
    pub(crate) const fn saturating_add(self, other: Self) -> Self {
        Self { calls: self.calls.saturating_add(other.calls), bytes: self.bytes.saturating_add(other.bytes) }
    }

    /// The larger calls and the larger bytes.
    pub(crate) fn max(self, other: Self) -> Self {
        Self { calls: self.calls.max(other.calls), bytes: self.bytes.max(other.bytes) }
    }
}

/// A key of an interval that is not in the summary yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Newcomer {
    /// Identifies its sample ([`super::key_sample::KeySample::handle`]).
    pub handle: u32,
    /// What it had in the interval.
    pub weight: Weight,
}

/// Keys that were evicted or rejected.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Dropped {
    /// Number of keys.
    pub keys: u64,
    /// The sum of their counts.
    pub sum: Weight,
    /// The most that any of them may have had, `count + error`.
    pub max: Weight,
}

impl Dropped {
    /// Adds a key that had `count` and may have had `max`.
    pub(crate) fn add(&mut self, count: Weight, max: Weight) {
        self.keys += 1;
        self.sum = self.sum.saturating_add(count);
        self.max = self.max.max(max);
    }

    /// Adds others.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.keys += other.keys;
        self.sum = self.sum.saturating_add(other.sum);
        self.max = self.max.max(other.max);
    }
}

/// The newcomers of an interval that may still be selected, in bounded memory.
#[derive(Debug)]
pub(crate) struct Newcomers {
    /// At most twice as many as keys are kept.
    pub pending: Vec<Newcomer>,
    /// Those that cannot be selected.
    pub dropped: Dropped,
    keys: usize,
    /// A newcomer that exceeds this in neither calls nor bytes is dropped, because enough others have as much.
    floor: Option<Weight>,
}

impl Newcomers {
    /// No newcomers yet. `keys` is the number of keys that are kept, `capacity` the most newcomers that may be offered.
    pub(crate) fn new(keys: usize, capacity: usize) -> Self {
        let keys = keys.max(1);
        Self { pending: Vec::with_capacity(capacity.min(2 * keys)), dropped: Dropped::default(), keys, floor: None }
    }

    /// Offers a newcomer; returns whether it may be selected.
    #[inline]
    pub(crate) fn offer(&mut self, newcomer: Newcomer) -> bool {
        let weight = newcomer.weight;
        if self.floor.is_some_and(|floor| weight.calls <= floor.calls && weight.bytes <= floor.bytes) {
            self.dropped.add(weight, weight);
            return false;
        }
        if self.pending.len() >= 2 * self.keys {
            self.prune();
        }
        self.pending.push(newcomer);
        true
    }

    /// Drops the newcomers that [`select_keys`] cannot select: it keeps `keys` in all, and at most half of them for their
    /// bytes.
    fn prune(&mut self) {
        let by_calls = self.keys;
        let by_bytes = self.keys / 2;
        move_largest_to_front(&mut self.pending, by_calls, |newcomer| newcomer.weight.calls);
        move_largest_to_front(&mut self.pending[by_calls..], by_bytes, |newcomer| newcomer.weight.bytes);
        let (calls, bytes) = self.pending[..by_calls + by_bytes].split_at(by_calls);
        self.floor = Some(Weight {
            calls: calls.iter().map(|newcomer| newcomer.weight.calls).min().unwrap_or_default(),
            bytes: bytes.iter().map(|newcomer| newcomer.weight.bytes).min().unwrap_or_default(),
        });
        for newcomer in self.pending.drain(by_calls + by_bytes..) {
            self.dropped.add(newcomer.weight, newcomer.weight);
        }
    }
}

/// One of the keys to select from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidate {
    /// Where the key is.
    pub source: CandidateSource,
    /// What it had in the sliding window.
    pub recent: Weight,
    /// The most that it may have had since the start: `count + error`.
    pub max: Weight,
}

/// Where a [`Candidate`] comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CandidateSource {
    /// The slot of a key that is already kept.
    Kept(u32),
    /// The index of a newcomer.
    Newcomer(u32),
}

/// How the places for keys are divided between the four criteria of [`select_keys`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Quotas {
    /// Most calls in the window.
    pub recent_calls: usize,
    /// Most bytes in the window.
    pub recent_bytes: usize,
    /// Most bytes since the start: the *m* of the bound on missed bytes.
    pub bytes: usize,
    /// Most calls since the start: the *m* of the bound on missed calls.
    pub calls: usize,
}

impl Quotas {
    /// An eighth each for recent calls and recent bytes, a quarter for bytes, and the rest, at least half, for calls.
    pub(crate) const fn of(keys: usize) -> Self {
        let (recent, bytes) = (keys / 8, keys / 4);
        Self { recent_calls: recent, recent_bytes: recent, bytes, calls: keys - 2 * recent - bytes }
    }
}

/// Moves the `keys` candidates to keep to the front. There must be at least that many.
pub(crate) fn select_keys(candidates: &mut [Candidate], keys: usize) {
    let quotas = Quotas::of(keys);
    let rest = move_largest_to_front(candidates, quotas.recent_calls, |it| prefer_kept(it.recent.calls, it));
    let rest = move_largest_to_front(rest, quotas.recent_bytes, |it| prefer_kept(it.recent.bytes, it));
    let rest = move_largest_to_front(rest, quotas.bytes, |it| prefer_kept(it.max.bytes, it));
    move_largest_to_front(rest, quotas.calls, |it| prefer_kept(it.max.calls, it));
}

/// Breaks ties in favour of keys that are already kept.
const fn prefer_kept(count: u64, candidate: &Candidate) -> (u64, bool) {
    (count, matches!(candidate.source, CandidateSource::Kept(_)))
}

/// Moves the `number` elements with the largest values to the front, and returns the others.
fn move_largest_to_front<T, V: Ord>(all: &mut [T], number: usize, value: impl Fn(&T) -> V) -> &mut [T] {
    let number = number.min(all.len());
    if number > 0 && number < all.len() {
        all.select_nth_unstable_by(number - 1, |a, b| value(b).cmp(&value(a)));
    }
    &mut all[number..]
}
