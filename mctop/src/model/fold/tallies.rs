//! What is known of each key that is kept, laid out by when it is needed.
//!
//! Counting a sighting touches one cache line of its key, and the end of an interval passes once through what changes then.
//! Whole rows are several times as large; they are made of this when a snapshot is asked for.

use std::time::Duration;

use super::keys::When;
use crate::model::counts::{Counts, RARE, USUAL};
use crate::model::history::KeyId;
use crate::model::history::packed::{Packer, Sample, Slice};
use crate::model::key::Key;
use crate::model::outcomes::Outcomes;
use crate::model::sighting::Sighting;
use crate::model::sketch::Weight;
use crate::model::snapshot::{Row, Ttl};

/// Bytes that a key takes here, without its name.
pub const BYTES: usize =
    size_of::<Newest>() + size_of::<Window>() + size_of::<Since>() + size_of::<Seldom>() + size_of::<Identity>();

/// The interval that a key was last counted in.
#[repr(align(64))]
#[derive(Clone, Copy, Debug, Default)]
struct Newest {
    hash: u64,
    counts: [u64; USUAL],
    /// Its number.
    number: u32,
    /// Value bytes and seconds left of the item last seen, in whatever interval; `flags` say what they mean.
    size: u32,
    ttl: u32,
    flags: u8,
}

const _: () = assert!(size_of::<Newest>() == 64);

// Flags of `Newest`.
/// An item was seen in the interval.
const ITEM: u8 = 1;
/// There is a size: an item was seen.
const SIZE: u8 = 2;
/// What `ttl` means; neither flag: nothing.
const SECONDS: u8 = 4;
const NEVER: u8 = 8;
/// There is something among what is seldom, of the interval or of one before.
const RARELY: u8 = 16;

/// The sliding window, without the interval under way.
#[derive(Clone, Copy, Debug, Default)]
struct Window {
    counts: [u64; USUAL],
    /// As in [`KeyId`].
    born: u32,
}

/// Since the key is tracked, likewise.
#[derive(Clone, Copy, Debug, Default)]
struct Since {
    counts: [u64; USUAL],
    sizes: Option<(u32, u32)>,
    last_seen: Duration,
    /// When the item last seen was seen.
    item_seen: Duration,
}

/// Counts that most keys have none of, so that their memory is mostly never touched: of the newest interval, of the window,
/// and since the key is tracked, the latter two without the interval under way; and outcomes since it is tracked.
type Seldom = ([[u64; RARE]; 3], [u64; OUTCOMES]);

const OUTCOMES: usize = 3;

// Which of the three.
const NEWEST: usize = 0;
const WINDOW: usize = 1;
const SINCE: usize = 2;

/// What does not change.
#[derive(Clone, Debug)]
struct Identity {
    key: Key,
    target: u32,
    first_seen: Duration,
    error: Weight,
}

/// The keys' tallies, each in a slot, from 0 on without holes.
pub struct Tallies {
    newest: Vec<Newest>,
    window: Vec<Window>,
    since: Vec<Since>,
    seldom: Vec<Seldom>,
    identities: Vec<Identity>,
}

impl Tallies {
    /// None, and room for `limit`.
    pub fn new(limit: usize) -> Self {
        Self {
            newest: Vec::with_capacity(limit),
            window: Vec::with_capacity(limit),
            since: Vec::with_capacity(limit),
            // Zeroes of the operating system, which take no memory until they are written.
            seldom: vec![Seldom::default(); limit],
            identities: Vec::with_capacity(limit),
        }
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.newest.len()
    }

    /// Whether a slot is that of a sighting's key.
    #[inline]
    pub fn is_of(&self, slot: u32, sighting: &Sighting<'_>) -> bool {
        let slot = slot as usize;
        let same = |key: &Key| {
            self.identities.get(slot).is_some_and(|known| known.key == *key && known.target == sighting.target)
        };
        self.hash(slot) == Some(sighting.hash) && sighting.key.is_none_or(same)
    }

    /// The hash of the key that has a slot.
    #[inline]
    pub fn hash(&self, slot: usize) -> Option<u64> {
        self.newest.get(slot).map(|newest| newest.hash)
    }

    /// The key that has a slot, as the history knows it.
    pub fn id(&self, slot: u32) -> KeyId {
        self.window.get(slot as usize).map_or(KeyId::NONE, |window| KeyId { slot, born: window.born })
    }

    /// Adds a sighting to its key in the interval of that number.
    #[inline]
    pub fn add(&mut self, slot: usize, sighting: &Sighting<'_>, number: u32) {
        let Some(newest) = self.newest.get_mut(slot) else { return };
        let is_first = newest.number != number;
        if is_first {
            newest.number = number;
            newest.counts = sighting.counts.usual();
            newest.flags &= !ITEM;
        } else {
            plus(&mut newest.counts, &sighting.counts.usual());
        }
        if let Some(size) = sighting.size {
            newest.size = size;
            newest.flags = newest.flags & !(SECONDS | NEVER) | ITEM | SIZE;
            match sighting.ttl {
                Ttl::Unknown => {}
                Ttl::Never => newest.flags |= NEVER,
                Ttl::Seconds(seconds) => {
                    newest.ttl = seconds;
                    newest.flags |= SECONDS;
                }
            }
        }
        let rare = sighting.counts.rare();
        if newest.flags & RARELY != 0 || any(&rare) || sighting.outcomes.any() {
            newest.flags |= RARELY;
            self.add_seldom(slot, is_first, &rare, &sighting.outcomes);
        }
    }

    #[cold]
    fn add_seldom(&mut self, slot: usize, is_first: bool, rare: &[u64; RARE], outcomes: &Outcomes) {
        let Some(([newest, _, _], events)) = self.seldom.get_mut(slot) else { return };
        if is_first {
            *newest = [0; RARE];
        }
        plus(newest, rare);
        plus(events, &outcomes.named().map(|(_, count)| count));
    }

    /// Puts a key into a slot, or into one more where there is no such slot: the one behind all others.
    pub fn enter(&mut self, slot: usize, key: Key, sighting: &Sighting<'_>, error: Weight, when: When) {
        let newest = Newest { hash: sighting.hash, ..Newest::default() };
        let window = Window { born: when.number, ..Window::default() };
        let identity = Identity { key, target: sighting.target, first_seen: when.start, error };
        put(&mut self.newest, slot, newest);
        put(&mut self.window, slot, window);
        put(&mut self.since, slot, Since::default());
        // Nothing is written where nothing was: it may be memory that was never touched.
        if let Some(seldom) = self.seldom.get_mut(slot).filter(|seldom| **seldom != Seldom::default()) {
            *seldom = Seldom::default();
        }
        put(&mut self.identities, slot, identity);
        self.add(slot, sighting, when.number);
    }

    /// What a key did in the sliding window, and since it is tracked, both with what was counted in the interval of that number,
    /// which has not ended.
    pub fn weights(&self, slot: usize, number: u32) -> Option<(Weight, Weight)> {
        let newest = self.newest.get(slot)?;
        let mut recent = self.counts(slot, &self.window.get(slot)?.counts, WINDOW);
        let mut total = self.counts(slot, &self.since.get(slot)?.counts, SINCE);
        if newest.number == number {
            let counts = self.counts(slot, &newest.counts, NEWEST);
            recent += &counts;
            total += &counts;
        }
        Some((Weight::of(&recent), Weight::of(&total)))
    }

    /// What may be missing of a key.
    pub fn error(&self, slot: usize) -> Weight {
        self.identities.get(slot).map_or(Weight::default(), |identity| identity.error)
    }

    /// Ends an interval, in which `all` was counted: adds it to the sums, and packs it.
    pub fn end(&mut self, When { number, start, end }: When, all: Counts) -> Slice {
        let mut packer = Packer::default();
        let Self { newest, window, since, seldom, .. } = self;
        for (slot, ((newest, window), since)) in (0..).zip(newest.iter().zip(window).zip(since)) {
            if newest.number != number {
                continue;
            }
            plus(&mut window.counts, &newest.counts);
            plus(&mut since.counts, &newest.counts);
            since.last_seen = end;
            let size = (newest.flags & ITEM != 0).then_some(newest.size);
            if let Some(size) = size {
                let (least, most) = since.sizes.unwrap_or((size, size));
                since.sizes = Some((least.min(size), most.max(size)));
                since.item_seen = end;
            }
            let mut rare = [0; RARE];
            if newest.flags & RARELY != 0
                && let Some(([newest, window, since], _)) = seldom.get_mut(slot as usize)
            {
                rare = *newest;
                plus(window, &rare);
                plus(since, &rare);
            }
            packer.push(slot, &Sample { counts: Counts::of(newest.counts, rare), size });
        }
        packer.finish((number, number), (start, end), all)
    }

    /// Takes a slice that has left the sliding window out of it.
    pub fn leave(&mut self, slice: &Slice) {
        for (slot, sample) in slice.records() {
            // Not what was counted for the key that had the slot before.
            let window = self.window.get_mut(slot as usize).filter(|window| window.born <= slice.first);
            let Some(window) = window else { continue };
            minus(&mut window.counts, &sample.counts.usual());
            let rare = sample.counts.rare();
            if any(&rare)
                && let Some(([_, window, _], _)) = self.seldom.get_mut(slot as usize)
            {
                minus(window, &rare);
            }
        }
    }

    /// The row of a key as of the end of the interval of that number; in the place of `row`, which may be that of any key.
    pub fn show(&self, slot: u32, row: &mut Row, number: u32, end: Duration) -> Option<()> {
        let id = self.id(slot);
        let slot = slot as usize;
        let (newest, window, since) = (self.newest.get(slot)?, self.window.get(slot)?, self.since.get(slot)?);
        let identity = self.identities.get(slot)?;
        // Touching a key costs as much as all the rest, and mostly it is there.
        if row.id != id {
            row.key = identity.key.clone();
        }
        row.id = id;
        row.target = identity.target;
        row.keys = 1;
        row.total = self.counts(slot, &since.counts, SINCE);
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
                let aged = end.saturating_sub(since.item_seen).as_secs();
                Ttl::Seconds(newest.ttl.saturating_sub(u32::try_from(aged).unwrap_or(u32::MAX)))
            }
        };
        row.spread = None;
        (row.size_min, row.size_max) = since.sizes.unzip();
        row.first_seen = identity.first_seen;
        row.last_seen = since.last_seen;
        (row.calls_error, row.bytes_error) = (identity.error.calls, identity.error.bytes);
        Some(())
    }

    /// A new row for a key, to be filled by [`Self::show`].
    pub fn row(&self, slot: u32) -> Option<Row> {
        self.identities.get(slot as usize).map(|identity| {
            let mut row = Row::new(identity.key.clone(), identity.target);
            row.id = self.id(slot);
            row
        })
    }

    /// With what is seldom, of the newest interval, the window or since the key is tracked.
    fn counts(&self, slot: usize, usual: &[u64; USUAL], of: usize) -> Counts {
        let rare = self.seldom(slot).and_then(|(counts, _)| counts.get(of));
        Counts::of(*usual, rare.copied().unwrap_or_default())
    }

    fn outcomes(&self, slot: usize) -> Outcomes {
        self.seldom(slot).map_or(Outcomes::default(), |(_, events)| Outcomes::of(*events))
    }

    /// What is seldom of a key; none where there is nothing.
    fn seldom(&self, slot: usize) -> Option<&Seldom> {
        let is_any = self.newest.get(slot)?.flags & RARELY != 0;
        self.seldom.get(slot).filter(|_| is_any)
    }
}

/// Whether any is not 0; a comparison with an array of zeroes would be a call.
#[inline]
fn any(counts: &[u64; RARE]) -> bool {
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

fn put<T>(all: &mut Vec<T>, slot: usize, value: T) {
    match all.get_mut(slot) {
        Some(place) => *place = value,
        None => all.push(value),
    }
}
