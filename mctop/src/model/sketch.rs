//! Which keys are kept when there are more than memory for them, and how much of a kept key's past may be missing.
//!
//! This is a summary of heavy hitters of the kind of Misra and Gries ("Finding repeated elements", 1982) and of
//! Space-Saving (Metwally, Agrawal and El Abbadi, "Efficient computation of frequent and top-k elements in data streams",
//! 2005), which are isomorphic and can be merged a batch at a time (Agarwal et al., "Mergeable summaries", 2012). Each
//! interval is such a batch: exact counts of its keys. One number, *missed*, is kept beside the keys: no key that is not
//! kept has ever had more operations than that.
//!
//! - A key that is taken in gets `error = missed`, and counts from there: its count is never too high, and
//!   `count ≤ true ≤ count + error`.
//! - A key that is let go raises `missed` to its `count + error`, a key turned away to `missed` plus its operations in the
//!   interval. Their operations are the untracked ones, so that sums hold to the last one.
//!
//! Let *m* be how many keys, after every choice, have `count + error` at least as large as every key that was not kept;
//! [`choose`] makes that half of the keys by calls, and a quarter by bytes. Then `error ≤ N / m`, N being all operations (or
//! bytes). Proof: let *excess* be Σ max(0, count + error − missed) over the kept keys. It is never negative, an operation adds
//! at most 1 (a key taken in with *w* operations has the excess *w*), and raising `missed` by *d* takes *d* from each of the
//! *m*. So m × missed ≤ N.
//!
//! The other half is kept for what happens now: the keys with the most calls and bytes in the sliding window, however much
//! older keys had before.

use super::counts::Counts;

/// Operations and value bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weight {
    /// Operations.
    pub calls: u64,
    /// Value bytes in both directions.
    pub bytes: u64,
}

impl Weight {
    /// Of these counts.
    #[must_use]
    pub const fn of(counts: &Counts) -> Self {
        Self { calls: counts.calls(), bytes: counts.bytes() }
    }

    /// The sum, which stops at the largest number instead of wrapping.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self { calls: self.calls.saturating_add(other.calls), bytes: self.bytes.saturating_add(other.bytes) }
    }

    /// The larger of each.
    #[must_use]
    pub fn most(self, other: Self) -> Self {
        Self { calls: self.calls.max(other.calls), bytes: self.bytes.max(other.bytes) }
    }
}

/// A key of an interval that is not kept so far.
#[derive(Clone, Copy, Debug)]
pub struct Newcomer {
    /// By which it is asked for ([`super::sighting::Sighting::place`]).
    pub place: u32,
    /// What it did in the interval.
    pub weight: Weight,
}

/// Those that are not kept after all.
#[derive(Clone, Copy, Debug, Default)]
pub struct Dropped {
    /// How many.
    pub keys: u64,
    /// What they had in sum.
    pub sum: Weight,
    /// The most that any of them may have had, `count + error`.
    pub most: Weight,
}

impl Dropped {
    /// Adds one that had `count` and may have had `most`.
    pub fn add(&mut self, count: Weight, most: Weight) {
        self.keys += 1;
        self.sum = self.sum.plus(count);
        self.most = self.most.most(most);
    }

    /// Adds others.
    pub fn merge(&mut self, other: &Self) {
        self.keys += other.keys;
        self.sum = self.sum.plus(other.sum);
        self.most = self.most.most(other.most);
    }
}

/// The newcomers of an interval: in bounded memory, all those that could be kept.
#[derive(Debug)]
pub struct Newcomers {
    /// At most twice as many as keys are kept.
    pub waiting: Vec<Newcomer>,
    /// Those that could not be kept.
    pub dropped: Dropped,
    keys: usize,
    /// Who has no more than this of either is dropped: enough others have as much.
    floor: Option<Weight>,
}

impl Newcomers {
    /// None yet and at most `most`, where `keys` are kept.
    #[must_use]
    pub fn new(keys: usize, most: usize) -> Self {
        let keys = keys.max(1);
        Self { waiting: Vec::with_capacity(most.min(2 * keys)), dropped: Dropped::default(), keys, floor: None }
    }

    /// Adds one; whether it may be kept.
    #[inline]
    pub fn offer(&mut self, newcomer: Newcomer) -> bool {
        let weight = newcomer.weight;
        if self.floor.is_some_and(|floor| weight.calls <= floor.calls && weight.bytes <= floor.bytes) {
            self.dropped.add(weight, weight);
            return false;
        }
        if self.waiting.len() >= 2 * self.keys {
            self.thin();
        }
        self.waiting.push(newcomer);
        true
    }

    /// Leaves the newcomers that [`choose`] could choose: it keeps `keys` in all, and half of them at most for their bytes.
    fn thin(&mut self) {
        let by_calls = self.keys;
        let by_bytes = self.keys / 2;
        top(&mut self.waiting, by_calls, |newcomer| newcomer.weight.calls);
        top(&mut self.waiting[by_calls..], by_bytes, |newcomer| newcomer.weight.bytes);
        let (calls, bytes) = self.waiting[..by_calls + by_bytes].split_at(by_calls);
        self.floor = Some(Weight {
            calls: calls.iter().map(|newcomer| newcomer.weight.calls).min().unwrap_or_default(),
            bytes: bytes.iter().map(|newcomer| newcomer.weight.bytes).min().unwrap_or_default(),
        });
        for newcomer in self.waiting.drain(by_calls + by_bytes..) {
            self.dropped.add(newcomer.weight, newcomer.weight);
        }
    }
}

/// One of the keys to choose from.
#[derive(Clone, Copy, Debug)]
pub struct Candidate {
    /// Index of a key that is kept so far, or of a newcomer.
    pub who: Who,
    /// What it did in the sliding window.
    pub recent: Weight,
    /// The most that it may have done since the start: `count + error`.
    pub most: Weight,
}

/// See [`Candidate`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// The slot of a key that is kept so far.
    Kept(u32),
    /// The index of a newcomer.
    New(u32),
}

/// How many of `keys` are chosen for what they have most of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quotas {
    /// For their calls in the window.
    pub recent_calls: usize,
    /// For their bytes in the window.
    pub recent_bytes: usize,
    /// For their bytes since the start: the *m* of the bound on missed bytes.
    pub bytes: usize,
    /// For their calls since the start: the *m* of the bound on missed calls.
    pub calls: usize,
}

impl Quotas {
    /// An eighth each for what is recent, a quarter for bytes, and the rest, half or more, for calls.
    #[must_use]
    pub const fn of(keys: usize) -> Self {
        let (recent, bytes) = (keys / 8, keys / 4);
        Self { recent_calls: recent, recent_bytes: recent, bytes, calls: keys - 2 * recent - bytes }
    }
}

/// Moves the `keys` candidates that are to be kept to the front. There must be as many.
pub fn choose(candidates: &mut [Candidate], keys: usize) {
    let quotas = Quotas::of(keys);
    let rest = top(candidates, quotas.recent_calls, |candidate| candidate.recent.calls.with_tie(candidate));
    let rest = top(rest, quotas.recent_bytes, |candidate| candidate.recent.bytes.with_tie(candidate));
    let rest = top(rest, quotas.bytes, |candidate| candidate.most.bytes.with_tie(candidate));
    top(rest, quotas.calls, |candidate| candidate.most.calls.with_tie(candidate));
}

/// Of equals, those that are kept already stay.
trait WithTie {
    fn with_tie(self, candidate: &Candidate) -> (u64, bool);
}

impl WithTie for u64 {
    fn with_tie(self, candidate: &Candidate) -> (u64, bool) {
        (self, matches!(candidate.who, Who::Kept(_)))
    }
}

/// Moves the `number` elements with the largest values to the front, and returns the others.
fn top<T, V: Ord>(all: &mut [T], number: usize, value: impl Fn(&T) -> V) -> &mut [T] {
    let number = number.min(all.len());
    if number > 0 && number < all.len() {
        all.select_nth_unstable_by(number - 1, |a, b| value(b).cmp(&value(a)));
    }
    &mut all[number..]
}
