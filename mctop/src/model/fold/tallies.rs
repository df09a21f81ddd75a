//! The counts of each tracked key, laid out by when they are accessed.
//!
//! Counting a sample touches one cache line of its key, and the end of an interval is one pass over what changes then. Rows
//! are several times as large, so they are made from this only when a snapshot is requested.

use std::time::Duration;

use super::IntervalSpan;
use crate::model::counts::{Counts, DENSE, SPARSE};
use crate::model::history::packed::{Packer, Slice, SliceRecord};
use crate::model::key::Key;
use crate::model::key_sample::{KeySample, SampleKey};
use crate::model::outcomes::Outcomes;
use crate::model::rows::KeyId;
use crate::model::sketch::Weight;
use crate::model::snapshot::{Row, Ttl};

/// Bytes that a key uses here, without its name.
pub(super) const BYTES: usize =
    size_of::<Newest>() + size_of::<Window>() + size_of::<Total>() + size_of::<Sparse>() + size_of::<Identity>();

/// Counts of the last interval in which a key occurred.
#[repr(align(64))]
#[derive(Clone, Copy, Debug, Default)]
struct Newest {
    hash: u64,
    counts: [u64; DENSE],
    /// Number of the interval.
    number: u32,
    /// Value bytes and TTL (seconds) of the item last seen, which may have been in an earlier interval; see `flags`.
    size: u32,
    ttl: u32,
    flags: u8,
}

const _: () = assert!(size_of::<Newest>() == 64);

// Flags of `Newest`.
/// An item was seen in the interval.
const ITEM: u8 = 1;
/// `size` is known, because an item was seen in this interval or before.
const SIZE: u8 = 2;
/// `ttl` is in seconds. Without this and `NEVER`, the TTL is unknown.
const SECONDS: u8 = 4;
/// The item never expires.
const NEVER: u8 = 8;
/// The key has or had sparse counts or outcomes.
const HAS_SPARSE: u8 = 16;

/// Counts in the sliding window, without the current interval.
#[derive(Clone, Copy, Debug, Default)]
struct Window {
    counts: [u64; DENSE],
    /// See [`KeyId::added_in`].
    added_in: u32,
}

/// Counts since the key is tracked, without the current interval.
#[derive(Clone, Copy, Debug, Default)]
struct Total {
    counts: [u64; DENSE],
    sizes: Option<(u32, u32)>,
    last_seen: Duration,
    /// When an item was last seen.
    item_seen: Duration,
}

/// The sparse counts of the newest interval, the window and the total, the latter two without the current interval, and the
/// outcomes since the key is tracked. Most keys have none, so that most of this memory is never touched.
type Sparse = ([[u64; SPARSE]; 3], [u64; Outcomes::LEN]);

// Indices of the three sets of sparse counts.
const NEWEST: usize = 0;
const WINDOW: usize = 1;
const TOTAL: usize = 2;

/// What never changes for a key.
#[derive(Clone, Debug)]
struct Identity {
    key: Key,
    target: u32,
    first_seen: Duration,
    error: Weight,
}

/// The counts of all tracked keys, each in a slot, from 0 without holes.
pub(super) struct Tallies {
    newest: Vec<Newest>,
    window: Vec<Window>,
    total: Vec<Total>,
    sparse: Vec<Sparse>,
    identities: Vec<Identity>,
}

impl Tallies {
    /// No keys, and room for `limit`.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            newest: Vec::with_capacity(limit),
            window: Vec::with_capacity(limit),
            total: Vec::with_capacity(limit),
            // Zero pages from the operating system, which use no memory until they are written. `vec!` allocates them for integers,
            // but not for structs.
            sparse: vec![Sparse::default(); limit],
            identities: Vec::with_capacity(limit),
        }
    }

    /// How many keys there are.
    pub(super) fn len(&self) -> usize {
        self.newest.len()
    }

    /// Whether a slot belongs to a sample's key.
    #[inline]
    pub(super) fn is_of(&self, slot: u32, sample: &KeySample<'_>) -> bool {
        let slot = slot as usize;
        let same = |key: &Key| {
            self.identities.get(slot).is_some_and(|known| known.key == *key && known.target == sample.target)
        };
        self.hash(slot) == Some(sample.hash)
            && match sample.key {
                SampleKey::Known(key) => same(key),
                SampleKey::Unread(_) => true,
            }
    }

    /// The hash of the key in a slot.
    #[inline]
    pub(super) fn hash(&self, slot: usize) -> Option<u64> {
        self.newest.get(slot).map(|newest| newest.hash)
    }

    /// Identifies the key in a slot in the history.
    pub(super) fn id(&self, slot: u32) -> KeyId {
        self.window.get(slot as usize).map_or(KeyId::NONE, |window| KeyId { slot, added_in: window.added_in })
    }

    /// Adds a sample to the key in a slot, in interval `number`.
    #[inline]
    pub(super) fn add(&mut self, slot: usize, sample: &KeySample<'_>, number: u32) {
        let Some(newest) = self.newest.get_mut(slot) else { return };
        let is_first = newest.number != number;
        if is_first {
            newest.number = number;
            newest.counts = sample.counts.dense();
            newest.flags &= !ITEM;
        } else {
            plus(&mut newest.counts, &sample.counts.dense());
        }
        if let Some(size) = sample.size {
            newest.size = size;
            newest.flags = newest.flags & !(SECONDS | NEVER) | ITEM | SIZE;
            match sample.ttl {
                Ttl::Unknown => {}
                Ttl::Never => newest.flags |= NEVER,
                Ttl::Seconds(seconds) => {
                    newest.ttl = seconds;
                    newest.flags |= SECONDS;
                }
            }
        }
        let sparse = sample.counts.sparse();
        if newest.flags & HAS_SPARSE != 0 || any(&sparse) || sample.outcomes.any() {
            newest.flags |= HAS_SPARSE;
            self.add_sparse(slot, is_first, &sparse, &sample.outcomes);
        }
    }

    #[cold]
    fn add_sparse(&mut self, slot: usize, is_first: bool, sparse: &[u64; SPARSE], outcomes: &Outcomes) {
        let Some(([newest, _, _], all_outcomes)) = self.sparse.get_mut(slot) else { return };
        if is_first {
            *newest = [0; SPARSE];
        }
        plus(newest, sparse);
        plus(all_outcomes, &outcomes.values());
    }

    /// Puts a new key into a slot: a free one, or the one after the last.
    pub(super) fn insert(&mut self, slot: usize, sample: &KeySample<'_>, error: Weight, interval: IntervalSpan) {
        let newest = Newest { hash: sample.hash, ..Newest::default() };
        let window = Window { added_in: interval.number, ..Window::default() };
        let identity = Identity { key: sample.key.read(), target: sample.target, first_seen: interval.start, error };
        set_or_push(&mut self.newest, slot, newest);
        set_or_push(&mut self.window, slot, window);
        set_or_push(&mut self.total, slot, Total::default());
        // Memory that was never touched must not be written.
        if let Some(sparse) = self.sparse.get_mut(slot).filter(|sparse| **sparse != Sparse::default()) {
            *sparse = Sparse::default();
        }
        set_or_push(&mut self.identities, slot, identity);
        self.add(slot, sample, interval.number);
    }

    /// What a key had in the sliding window, and since it is tracked, both including the current interval `number`.
    pub(super) fn weights(&self, slot: usize, number: u32) -> Option<(Weight, Weight)> {
        let newest = self.newest.get(slot)?;
        let mut recent = self.counts(slot, &self.window.get(slot)?.counts, WINDOW);
        let mut total = self.counts(slot, &self.total.get(slot)?.counts, TOTAL);
        if newest.number == number {
            let counts = self.counts(slot, &newest.counts, NEWEST);
            recent += &counts;
            total += &counts;
        }
        Some((Weight::of(&recent), Weight::of(&total)))
    }

    /// The most that may be missing from the counts of a key.
    pub(super) fn error(&self, slot: usize) -> Weight {
        self.identities.get(slot).map_or(Weight::default(), |identity| identity.error)
    }

    /// Ends an interval: adds its counts to the sums, and packs them. `all` is everything counted in it.
    pub(super) fn end_interval(&mut self, IntervalSpan { number, start, end }: IntervalSpan, all: Counts) -> Slice {
        let mut packer = Packer::default();
        let Self { newest, window, total, sparse: all_sparse, .. } = self;
        for (slot, ((newest, window), total)) in (0..).zip(newest.iter().zip(window).zip(total)) {
            if newest.number != number {
                continue;
            }
            plus(&mut window.counts, &newest.counts);
            plus(&mut total.counts, &newest.counts);
            total.last_seen = end;
            let size = (newest.flags & ITEM != 0).then_some(newest.size);
            if let Some(size) = size {
                let (least, most) = total.sizes.unwrap_or((size, size));
                total.sizes = Some((least.min(size), most.max(size)));
                total.item_seen = end;
            }
            let mut sparse = [0; SPARSE];
            if newest.flags & HAS_SPARSE != 0
                && let Some(([newest, window, total], _)) = all_sparse.get_mut(slot as usize)
            {
                sparse = *newest;
                plus(window, &sparse);
                plus(total, &sparse);
            }
            packer.push(slot, &SliceRecord { counts: Counts::from_dense_and_sparse(newest.counts, sparse), size });
        }
        packer.finish((number, number), (start, end), all)
    }

    /// Subtracts a slice that has left the sliding window.
    pub(super) fn remove_from_window(&mut self, slice: &Slice) {
        for (slot, sample) in slice.records() {
            // Skips what was counted for an earlier key of the slot.
            let window = self.window.get_mut(slot as usize).filter(|window| window.added_in <= slice.first);
            let Some(window) = window else { continue };
            minus(&mut window.counts, &sample.counts.dense());
            let sparse = sample.counts.sparse();
            if any(&sparse)
                && let Some(([_, window, _], _)) = self.sparse.get_mut(slot as usize)
            {
                minus(window, &sparse);
            }
        }
    }

    /// Overwrites `row`, which may be of any key, with the row of a slot at the end of interval `number`.
    pub(super) fn fill_row(&self, slot: u32, row: &mut Row, number: u32, end: Duration) -> Option<()> {
        let id = self.id(slot);
        let slot = slot as usize;
        let (newest, window, total) = (self.newest.get(slot)?, self.window.get(slot)?, self.total.get(slot)?);
        let identity = self.identities.get(slot)?;
        // Copying a key costs as much as all the rest, and mostly it is unchanged.
        if row.id != id {
            row.key = identity.key.clone();
        }
        row.id = id;
        row.target = identity.target;
        row.keys = 1;
        row.total = self.counts(slot, &total.counts, TOTAL);
        row.recent = self.counts(slot, &window.counts, WINDOW);
        row.last = match newest.number == number {
            true => self.counts(slot, &newest.counts, NEWEST),
            false => Counts::default(),
        };
        row.outcomes = self.outcomes(slot);
        row.size = (newest.flags & SIZE != 0).then_some(newest.size);
        row.ttl = match newest.flags & (SECONDS | NEVER) {
            0 => Ttl::Unknown,
            NEVER => Ttl::Never,
            _ => {
                let aged = end.saturating_sub(total.item_seen).as_secs();
                Ttl::Seconds(newest.ttl.saturating_sub(u32::try_from(aged).unwrap_or(u32::MAX)))
            }
        };
        row.spread = None;
        (row.size_min, row.size_max) = total.sizes.unzip();
        row.first_seen = identity.first_seen;
        row.last_seen = total.last_seen;
        (row.calls_error, row.bytes_error) = (identity.error.calls, identity.error.bytes);
        Some(())
    }

    /// A new row for the key in a slot, to be filled by [`Self::fill_row`].
    pub(super) fn new_row(&self, slot: u32) -> Option<Row> {
        self.identities.get(slot as usize).map(|identity| {
            let mut row = Row::new(identity.key.clone(), identity.target);
            row.id = self.id(slot);
            row
        })
    }

    /// The dense counts with the sparse ones of `set`: `NEWEST`, `WINDOW` or `TOTAL`.
    fn counts(&self, slot: usize, dense: &[u64; DENSE], set: usize) -> Counts {
        let sparse = self.sparse(slot).and_then(|(counts, _)| counts.get(set));
        Counts::from_dense_and_sparse(*dense, sparse.copied().unwrap_or_default())
    }

    fn outcomes(&self, slot: usize) -> Outcomes {
        self.sparse(slot).map_or(Outcomes::default(), |(_, outcomes)| Outcomes::from_values(*outcomes))
    }

    /// The sparse counts and outcomes of a key, if it has any.
    fn sparse(&self, slot: usize) -> Option<&Sparse> {
        let has_sparse = self.newest.get(slot)?.flags & HAS_SPARSE != 0;
        self.sparse.get(slot).filter(|_| has_sparse)
    }
}

/// Whether any count is not 0. Comparing with an array of zeroes would compile to a function call.
#[inline]
fn any(counts: &[u64; SPARSE]) -> bool {
    counts.iter().fold(0, |all, count| all | count) > 0
}

#[inline]
fn plus<const N: usize>(sums: &mut [u64; N], counts: &[u64; N]) {
    for (sum, count) in sums.iter_mut().zip(counts) {
        *sum += count;
    }
}

#[inline]
fn minus<const N: usize>(sums: &mut [u64; N], counts: &[u64; N]) {
    for (sum, count) in sums.iter_mut().zip(counts) {
        *sum -= count;
    }
}

fn set_or_push<T>(all: &mut Vec<T>, slot: usize, value: T) {
    match all.get_mut(slot) {
        Some(place) => *place = value,
        None => all.push(value),
    }
}
