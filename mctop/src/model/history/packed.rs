//! The counts of one stretch of time, packed: about 6 bytes for a key that was only read, where plain counts take 96.
//!
//! A record is the distance from the slot before it, a byte or two of flags that say which counts are not zero, and these
//! counts, all as variable-length integers (LEB128, as in DWARF 5, 7.6). The size of the value is left out where the bytes
//! sent or received tell it, which they do for every key whose value keeps its size. Records are in blocks of 64, so that one
//! key is found without reading all, and that no large piece of memory is copied when it grows.

use std::cmp::Ordering;
use std::time::Duration;

use crate::model::counts::{Counts, RARE, USUAL};

/// Records a block: a look-up reads half a block on average, and a block costs less than a byte a record.
const BLOCK: usize = 64;

/// Most bytes that one record takes: slot, flags, eleven counts, size, and its part of what a block costs.
pub const RECORD_MAX: usize = 5 + 2 + 11 * 10 + 5 + 1;

/// The records of a block, and the slot of the first one.
type Block = (u32, Box<[u8]>);

/// What an allocation costs beside its bytes: the allocator's header, and rounding.
const ALLOCATION: usize = 8 + 16;

/// What was counted for one key in one stretch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    /// Operations and bytes.
    pub counts: Counts,
    /// Value bytes of the item last seen.
    pub size: Option<u32>,
}

/// One stretch of time. Immutable, shared by the model and its snapshots.
pub struct Slice {
    /// Number of the first interval in it.
    pub first: u32,
    /// Number of the last one.
    pub last: u32,
    /// Begin, since the start of the observation.
    pub start: Duration,
    /// End, likewise.
    pub end: Duration,
    /// All operations, whether under a key or not.
    pub total: Counts,
    blocks: Box<[Block]>,
    bytes: usize,
}

impl Slice {
    /// Bytes of memory it takes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// What was counted in a slot; `None` when nothing was.
    #[must_use]
    pub fn find(&self, slot: u32) -> Option<Sample> {
        let number = self.blocks.partition_point(|(first, _)| *first <= slot).checked_sub(1)?;
        let mut block = Records::new(self.blocks.get(number..=number)?);
        while let Some(at) = block.slot() {
            match at.cmp(&slot) {
                Ordering::Less => block.pass(),
                Ordering::Equal => return Some(block.sample()),
                Ordering::Greater => return None,
            }
        }
        None
    }

    /// What was counted in the slots that `place` knows, in their order, each with what it says of the slot. The others are
    /// passed over, which takes a fraction of the time.
    pub fn counts_of<T>(&self, place: impl Fn(u32) -> Option<T>, mut each: impl FnMut(T, &Counts)) {
        let mut records = self.records();
        while let Some(slot) = records.slot() {
            match place(slot) {
                Some(place) => each(place, &records.sample().counts),
                None => records.pass(),
            }
        }
    }

    /// All records, in the order of their slots.
    #[must_use]
    pub fn records(&self) -> Records<'_> {
        Records::new(&self.blocks)
    }
}

impl std::fmt::Debug for Slice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Slice({:?}..{:?}, {} bytes)", self.start, self.end, self.bytes())
    }
}

/// The records of a slice, or of one of its blocks.
#[derive(Clone)]
pub struct Records<'a> {
    blocks: std::slice::Iter<'a, Block>,
    rest: &'a [u8],
    slot: u32,
}

impl<'a> Records<'a> {
    fn new(blocks: &'a [Block]) -> Self {
        Self { blocks: blocks.iter(), rest: &[], slot: 0 }
    }

    /// The slot of the next record, which is then to be read or passed over.
    fn slot(&mut self) -> Option<u32> {
        if self.rest.is_empty() {
            let (first, block) = self.blocks.next()?;
            (self.slot, self.rest) = (*first, block);
        }
        // The first record of a block has a distance of 0.
        self.slot = self.slot.wrapping_add(take(&mut self.rest) as u32);
        Some(self.slot)
    }

    fn sample(&mut self) -> Sample {
        unpack(&mut self.rest)
    }

    fn pass(&mut self) {
        pass(&mut self.rest);
    }
}

impl Iterator for Records<'_> {
    type Item = (u32, Sample);

    fn next(&mut self) -> Option<Self::Item> {
        let slot = self.slot()?;
        Some((slot, self.sample()))
    }
}

/// Packs records.
#[derive(Default)]
pub struct Packer {
    blocks: Vec<Block>,
    /// The block being filled.
    block: Vec<u8>,
    first: u32,
    slot: u32,
    records: usize,
}

impl Packer {
    /// Adds a record; slots must ascend.
    pub fn push(&mut self, slot: u32, sample: &Sample) {
        if self.records == BLOCK {
            self.close();
        }
        if self.records == 0 {
            (self.first, self.slot) = (slot, slot);
        }
        let mut record = Writer::new();
        record.put(u64::from(slot.wrapping_sub(self.slot)));
        pack(&mut record, sample);
        self.block.extend_from_slice(record.written());
        self.slot = slot;
        self.records += 1;
    }

    fn close(&mut self) {
        if self.records > 0 {
            self.blocks.push((self.first, self.block.as_slice().into()));
            self.block.clear();
            self.records = 0;
        }
    }

    /// The slice of the intervals `first..=last`.
    #[must_use]
    pub fn finish(mut self, intervals: (u32, u32), span: (Duration, Duration), total: Counts) -> Slice {
        self.close();
        let blocks = self.blocks.into_boxed_slice();
        let packed: usize = blocks.iter().map(|(_, block)| block.len() + ALLOCATION).sum();
        // With the two reference counts in front of it.
        let itself = size_of::<Slice>() + 16 + size_of_val(&*blocks) + 2 * ALLOCATION;
        Slice {
            first: intervals.0,
            last: intervals.1,
            start: span.0,
            end: span.1,
            total,
            blocks,
            bytes: itself + packed,
        }
    }
}

// The first byte of flags: what a record usually has. The size is as the bytes tell it, or is given.
const HITS: u8 = 1;
const MISSES: u8 = 2;
const SETS: u8 = 4;
const BYTES_OUT: u8 = 8;
const BYTES_IN: u8 = 16;
const SIZE_TOLD: u8 = 32;
const SIZE_GIVEN: u8 = 64;
/// A second byte of flags follows: one for each of the rarer counts, in their order.
const MORE: u8 = 128;

/// The size that the bytes tell, if the value had only one.
fn told_size(counts: &Counts) -> Option<u32> {
    let (bytes, values) = told(counts);
    bytes.checked_div(values).and_then(|size| u32::try_from(size).ok())
}

/// Whether that is this size; without dividing, which takes longer than all the rest of packing.
fn is_told(counts: &Counts, size: u32) -> bool {
    let (bytes, values) = told(counts);
    let least = u128::from(size) * u128::from(values);
    (least..least + u128::from(values)).contains(&u128::from(bytes))
}

/// Bytes of values, and of how many.
fn told(counts: &Counts) -> (u64, u64) {
    if counts.hits > 0 { (counts.bytes_out, counts.hits) } else { (counts.bytes_in, counts.sets) }
}

/// The flags of [`Counts::usual`], in their order.
const FLAGS: [u8; USUAL] = [HITS, MISSES, SETS, BYTES_OUT, BYTES_IN];

fn pack(out: &mut Writer, sample: &Sample) {
    let counts = &sample.counts;
    let (usual, rare) = (counts.usual(), counts.rare());
    let mut flags = FLAGS.iter().zip(usual).fold(0, |flags, (flag, count)| flags | if count > 0 { *flag } else { 0 });
    match sample.size {
        None => {}
        Some(size) if is_told(counts, size) => flags |= SIZE_TOLD,
        Some(_) => flags |= SIZE_GIVEN,
    }
    let more = rare.iter().rev().fold(0_u8, |more, count| more << 1 | u8::from(*count > 0));
    if more > 0 {
        flags |= MORE;
    }
    out.byte(flags);
    if more > 0 {
        out.byte(more);
    }
    for count in usual.into_iter().filter(|count| *count > 0) {
        out.put(count);
    }
    if more > 0 {
        for count in rare.into_iter().filter(|count| *count > 0) {
            out.put(count);
        }
    }
    if let (Some(size), true) = (sample.size, flags & SIZE_GIVEN > 0) {
        out.put(size.into());
    }
}

fn unpack(rest: &mut &[u8]) -> Sample {
    let flags = byte(rest);
    let more = if flags & MORE > 0 { byte(rest) } else { 0 };
    let usual = FLAGS.map(|flag| if flags & flag > 0 { take(rest) } else { 0 });
    let mut rare = [0; RARE];
    if more > 0 {
        for (index, count) in rare.iter_mut().enumerate() {
            *count = if more & 1 << index > 0 { take(rest) } else { 0 };
        }
    }
    let counts = Counts::of(usual, rare);
    let size = match flags & (SIZE_TOLD | SIZE_GIVEN) {
        SIZE_TOLD => told_size(&counts),
        SIZE_GIVEN => u32::try_from(take(rest)).ok(),
        _ => None,
    };
    Sample { counts, size }
}

/// Passes over what [`unpack`] would read.
fn pass(rest: &mut &[u8]) {
    let flags = byte(rest);
    let more = if flags & MORE > 0 { byte(rest) } else { 0 };
    let integers =
        (flags & (HITS | MISSES | SETS | BYTES_OUT | BYTES_IN | SIZE_GIVEN)).count_ones() + more.count_ones();
    for _ in 0..integers {
        // An integer ends with the first byte that has no continuation bit.
        while byte(rest) >= 0x80 {}
    }
}

/// A record being written, before it is put behind the others in one go.
struct Writer {
    bytes: [u8; RECORD_MAX],
    len: usize,
}

impl Writer {
    const fn new() -> Self {
        Self { bytes: [0; RECORD_MAX], len: 0 }
    }

    fn byte(&mut self, byte: u8) {
        // There is always room for what a record has at most.
        if let Some(place) = self.bytes.get_mut(self.len) {
            *place = byte;
            self.len += 1;
        }
    }

    fn put(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.byte(value as u8 | 0x80);
            value >>= 7;
        }
        self.byte(value as u8);
    }

    fn written(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

fn take(rest: &mut &[u8]) -> u64 {
    let mut value = 0;
    let mut shift = 0;
    loop {
        let byte = byte(rest);
        value |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        // Ten bytes at most make 64 bits.
        if byte < 0x80 || shift > 63 {
            return value;
        }
    }
}

fn byte(rest: &mut &[u8]) -> u8 {
    rest.split_off_first().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn number() -> impl Strategy<Value = u64> {
        prop_oneof![4 => Just(0), 3 => 0..200_u64, 1 => any::<u64>().prop_map(|n| n >> 2)]
    }

    prop_compose! {
        fn sample()(n in proptest::array::uniform11(number()), size in proptest::option::of(any::<u32>()), even in any::<bool>())
            -> Sample
        {
            let [hits, misses, expired, flushed, sets, deletes, delete_hits, other, other_hits, bytes_out, bytes_in] = n;
            let counts = Counts {
                hits, misses, expired, flushed, sets, deletes, delete_hits, other, other_hits, bytes_out, bytes_in,
            };
            Sample { counts, size: if even { told_size(&counts) } else { size } }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn what_was_packed_is_found(records in proptest::collection::btree_map(0_u32..700, sample(), 0..300)) {
            let mut packer = Packer::default();
            for (slot, sample) in &records {
                packer.push(*slot, sample);
            }
            let slice = packer.finish((1, 1), (Duration::ZERO, Duration::from_secs(1)), Counts::default());
            prop_assert!(slice.bytes() <= 300 + records.len() * RECORD_MAX);
            prop_assert_eq!(&slice.records().collect::<std::collections::BTreeMap<_, _>>(), &records);
            for slot in 0..700 {
                prop_assert_eq!(slice.find(slot), records.get(&slot).copied());
            }
            let mut of_even = Vec::new();
            slice.counts_of(|slot| (slot % 2 == 0).then_some(slot), |slot, counts| of_even.push((slot, *counts)));
            let expected = records.iter().filter(|(slot, _)| *slot % 2 == 0).map(|(slot, sample)| (*slot, sample.counts));
            prop_assert_eq!(of_even, expected.collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_key_that_is_only_read_takes_a_few_bytes() {
        let mut packer = Packer::default();
        for slot in 0..1_000 {
            let counts = Counts { hits: 100, bytes_out: 10_000, ..Counts::default() };
            packer.push(slot, &Sample { counts, size: Some(100) });
        }
        let slice = packer.finish((1, 1), (Duration::ZERO, Duration::ZERO), Counts::default());
        assert!(slice.bytes() < 6 * 1_000, "{}", slice.bytes());
    }
}
