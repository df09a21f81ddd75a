//! The counts of one time slice, packed: about 6 bytes for a key that was only read, instead of 96.
//!
//! A record is the distance to the previous slot, flags that say which counts are not zero, usually one byte, and these counts. All integers are LEB128 (DWARF 5, 7.6). The value size is omitted if it follows from the bytes sent or received,
//! which is so for every key whose value keeps its size. Records are grouped in blocks of 64, so that a key is found without
//! reading all records, and that growing copies no large buffer.

use std::cmp::Ordering;
use std::time::Duration;

use crate::model::counts::{Counts, DENSE, SPARSE};

/// Records per block. A lookup reads half a block on average; the overhead of a block is less than a byte per record.
const BLOCK: usize = 64;

/// Most bytes of one record: slot, flags, counts, size, and its part of the overhead of a block.
pub(crate) const RECORD_MAX: usize = 5 + 1 + SPARSE.div_ceil(7) + Counts::LEN * 10 + 5 + 1;

/// The slot of the first record of a block, and the packed records.
type PackedBlock = (u32, Box<[u8]>);

/// Overhead of an allocation: the allocator's header, and rounding. Bytes.
const ALLOCATION: usize = 8 + 16;

/// What was counted for one key in one slice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SliceRecord {
    /// Operations and bytes.
    pub counts: Counts,
    /// Value bytes of the item last seen.
    pub size: Option<u32>,
}

/// One interval, or several merged ones. Immutable; shared by the model and its snapshots.
pub(crate) struct Slice {
    /// Number of its first interval.
    pub first: u32,
    /// Number of its last interval.
    pub last: u32,
    /// Start, since the start of the observation.
    pub start: Duration,
    /// End, since the start of the observation.
    pub end: Duration,
    /// All operations, including untracked ones.
    pub total: Counts,
    blocks: Box<[PackedBlock]>,
    bytes: usize,
}

impl Slice {
    /// Bytes of memory that it uses.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// What was counted in a slot; `None` when nothing was.
    pub(crate) fn find(&self, slot: u32) -> Option<SliceRecord> {
        let number = self.blocks.partition_point(|(first, _)| *first <= slot).checked_sub(1)?;
        let mut block = SliceRecords::new(self.blocks.get(number..=number)?);
        while let Some(at) = block.next_slot() {
            match at.cmp(&slot) {
                Ordering::Less => block.skip_record(),
                Ordering::Equal => return Some(block.read()),
                Ordering::Greater => return None,
            }
        }
        None
    }

    /// Calls `each` in slot order for every slot that `select` maps to a value, with that value and the slot's counts. Other
    /// slots are skipped, which is several times as fast as reading them.
    pub(crate) fn for_each_selected<T>(&self, select: impl Fn(u32) -> Option<T>, mut each: impl FnMut(T, &Counts)) {
        let mut records = self.records();
        while let Some(slot) = records.next_slot() {
            match select(slot) {
                Some(value) => each(value, &records.read().counts),
                None => records.skip_record(),
            }
        }
    }

    /// All records, in the order of their slots.
    pub(crate) fn records(&self) -> SliceRecords<'_> {
        SliceRecords::new(&self.blocks)
    }
}

impl std::fmt::Debug for Slice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Slice({:?}..{:?}, {} bytes)", self.start, self.end, self.bytes())
    }
}

/// The records of a slice, or of one of its blocks.
#[derive(Clone)]
pub(crate) struct SliceRecords<'a> {
    blocks: std::slice::Iter<'a, PackedBlock>,
    rest: &'a [u8],
    slot: u32,
}

impl<'a> SliceRecords<'a> {
    fn new(blocks: &'a [PackedBlock]) -> Self {
        Self { blocks: blocks.iter(), rest: &[], slot: 0 }
    }

    /// The slot of the next record. The record must then be read or skipped.
    fn next_slot(&mut self) -> Option<u32> {
        if self.rest.is_empty() {
            let (first, block) = self.blocks.next()?;
            (self.slot, self.rest) = (*first, block);
        }
        // The first record of a block has a distance of 0.
        self.slot = self.slot.wrapping_add(read_integer(&mut self.rest) as u32);
        Some(self.slot)
    }

    fn read(&mut self) -> SliceRecord {
        unpack(&mut self.rest)
    }

    fn skip_record(&mut self) {
        skip(&mut self.rest);
    }
}

impl Iterator for SliceRecords<'_> {
    type Item = (u32, SliceRecord);

    fn next(&mut self) -> Option<Self::Item> {
        let slot = self.next_slot()?;
        Some((slot, self.read()))
    }
}

/// Packs records.
#[derive(Default)]
pub(crate) struct Packer {
    blocks: Vec<PackedBlock>,
    /// The block being filled.
    block: Vec<u8>,
    first: u32,
    slot: u32,
    records: usize,
}

impl Packer {
    /// Adds a record. Slots must be ascending.
    pub(crate) fn push(&mut self, slot: u32, sample: &SliceRecord) {
        if self.records == BLOCK {
            self.finish_block();
        }
        if self.records == 0 {
            (self.first, self.slot) = (slot, slot);
        }
        let mut record = RecordWriter::new();
        record.integer(u64::from(slot.wrapping_sub(self.slot)));
        pack(&mut record, sample);
        self.block.extend_from_slice(record.written());
        self.slot = slot;
        self.records += 1;
    }

    fn finish_block(&mut self) {
        if self.records > 0 {
            self.blocks.push((self.first, self.block.as_slice().into()));
            self.block.clear();
            self.records = 0;
        }
    }

    /// The slice of the intervals `first..=last`.
    pub(crate) fn finish(mut self, intervals: (u32, u32), span: (Duration, Duration), total: Counts) -> Slice {
        self.finish_block();
        let blocks = self.blocks.into_boxed_slice();
        let packed: usize = blocks.iter().map(|(_, block)| block.len() + ALLOCATION).sum();
        // Including the two reference counts of its `Arc`.
        let overhead = size_of::<Slice>() + 16 + size_of_val(&*blocks) + 2 * ALLOCATION;
        Slice {
            first: intervals.0,
            last: intervals.1,
            start: span.0,
            end: span.1,
            total,
            blocks,
            bytes: overhead + packed,
        }
    }
}

// The first byte of flags has one for each count of [`Counts::dense`], in their order, and these. The size is either derived from
// the bytes, or stored.
const SIZE_DERIVED: u8 = 32;
const SIZE_STORED: u8 = 64;
/// An integer follows with a flag for each count of [`Counts::sparse`], in their order.
const MORE: u8 = 128;

const _: () = assert!(1 << DENSE <= SIZE_DERIVED as usize);

/// The value size, if all values had the same size.
fn derived_size(counts: &Counts) -> Option<u32> {
    let (bytes, values) = bytes_and_values(counts);
    bytes.checked_div(values).and_then(|size| u32::try_from(size).ok())
}

/// Whether [`derived_size`] is `size`. It does not divide, because that would be slower than all the rest of packing.
fn is_derivable(counts: &Counts, size: u32) -> bool {
    let (bytes, values) = bytes_and_values(counts);
    let least = u128::from(size) * u128::from(values);
    (least..least + u128::from(values)).contains(&u128::from(bytes))
}

/// Value bytes, and the number of values.
fn bytes_and_values(counts: &Counts) -> (u64, u64) {
    if counts.hits > 0 { (counts.bytes_out, counts.hits) } else { (counts.bytes_in, counts.sets) }
}

/// One flag for each count that is not 0.
fn nonzero(counts: &[u64]) -> u64 {
    counts.iter().rev().fold(0, |flags, count| flags << 1 | u64::from(*count > 0))
}

fn pack(out: &mut RecordWriter, sample: &SliceRecord) {
    let counts = &sample.counts;
    let (dense, sparse) = (counts.dense(), counts.sparse());
    let mut flags = nonzero(&dense) as u8;
    match sample.size {
        None => {}
        Some(size) if is_derivable(counts, size) => flags |= SIZE_DERIVED,
        Some(_) => flags |= SIZE_STORED,
    }
    let more = nonzero(&sparse);
    if more > 0 {
        flags |= MORE;
    }
    out.byte(flags);
    if more > 0 {
        out.integer(more);
    }
    for count in dense.into_iter().filter(|count| *count > 0) {
        out.integer(count);
    }
    if more > 0 {
        for count in sparse.into_iter().filter(|count| *count > 0) {
            out.integer(count);
        }
    }
    if let (Some(size), true) = (sample.size, flags & SIZE_STORED > 0) {
        out.integer(size.into());
    }
}

fn unpack(rest: &mut &[u8]) -> SliceRecord {
    let flags = read_byte(rest);
    let more = if flags & MORE > 0 { read_integer(rest) } else { 0 };
    let dense = read_counts(flags.into(), rest);
    let sparse = if more > 0 { read_counts(more, rest) } else { [0; SPARSE] };
    let counts = Counts::from_dense_and_sparse(dense, sparse);
    let size = match flags & (SIZE_DERIVED | SIZE_STORED) {
        SIZE_DERIVED => derived_size(&counts),
        SIZE_STORED => u32::try_from(read_integer(rest)).ok(),
        _ => None,
    };
    SliceRecord { counts, size }
}

/// The counts whose flags are set.
fn read_counts<const N: usize>(flags: u64, rest: &mut &[u8]) -> [u64; N] {
    std::array::from_fn(|index| if flags & 1 << index > 0 { read_integer(rest) } else { 0 })
}

/// Skips what [`unpack`] would read.
fn skip(rest: &mut &[u8]) {
    let flags = read_byte(rest);
    let more = if flags & MORE > 0 { read_integer(rest) } else { 0 };
    let integers = (flags & !(SIZE_DERIVED | MORE)).count_ones() + more.count_ones();
    for _ in 0..integers {
        // An integer ends with the first byte that has no continuation bit.
        while read_byte(rest) >= 0x80 {}
    }
}

/// Buffer for one record, which is then appended to the block at once.
struct RecordWriter {
    bytes: [u8; RECORD_MAX],
    len: usize,
}

impl RecordWriter {
    const fn new() -> Self {
        Self { bytes: [0; RECORD_MAX], len: 0 }
    }

    fn byte(&mut self, byte: u8) {
        // A record never exceeds the buffer.
        if let Some(place) = self.bytes.get_mut(self.len) {
            *place = byte;
            self.len += 1;
        }
    }

    fn integer(&mut self, mut value: u64) {
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

fn read_integer(rest: &mut &[u8]) -> u64 {
    let mut value = 0;
    let mut shift = 0;
    loop {
        let byte = read_byte(rest);
        value |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        // A 64-bit integer has at most ten bytes.
        if byte < 0x80 || shift > 63 {
            return value;
        }
    }
}

fn read_byte(rest: &mut &[u8]) -> u8 {
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
        fn sample()(n in proptest::array::uniform(number()), size in proptest::option::of(any::<u32>()), even in any::<bool>())
            -> SliceRecord
        {
            let counts = Counts::from_values(n);
            SliceRecord { counts, size: if even { derived_size(&counts) } else { size } }
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
            let mut even_slots = Vec::new();
            slice.for_each_selected(|slot| (slot % 2 == 0).then_some(slot), |slot, counts| even_slots.push((slot, *counts)));
            let expected = records.iter().filter(|(slot, _)| *slot % 2 == 0).map(|(slot, sample)| (*slot, sample.counts));
            prop_assert_eq!(even_slots, expected.collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_key_that_is_only_read_uses_a_few_bytes() {
        let mut packer = Packer::default();
        for slot in 0..1_000 {
            let counts = Counts { hits: 100, bytes_out: 10_000, ..Counts::default() };
            packer.push(slot, &SliceRecord { counts, size: Some(100) });
        }
        let slice = packer.finish((1, 1), (Duration::ZERO, Duration::ZERO), Counts::default());
        assert!(slice.bytes() < 6 * 1_000, "{}", slice.bytes());
    }
}
