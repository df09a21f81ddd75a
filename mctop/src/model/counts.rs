//! What is counted per key, per server and in total.

use std::ops::SubAssign;

use super::counters::{counters, kernel_counters};
use Density::{Dense, Sparse};

kernel_counters! {
    /// Operations and value bytes over some span of time.
    pub struct Counts, with DENSITIES: Density {
        /// Reads that found the key.
        hits from stats, Dense;
        /// Reads that did not find the key, including expired and flushed items.
        misses from stats, Dense;
        /// Misses whose item had expired.
        expired from stats, Sparse, part of misses;
        /// Misses whose item had been flushed.
        flushed from extra, Sparse, part of misses;
        /// Storage commands: set add replace append prepend cas ms.
        sets from stats, Dense;
        /// Deletes: delete md.
        deletes from stats, Sparse;
        /// Deletes that found the key.
        delete_hits from stats, Sparse, part of deletes;
        /// incr decr touch ma, and lookups of unknown verb.
        other from stats, Sparse;
        /// Other operations that found the key.
        other_hits from stats, Sparse, part of other;
        /// Value bytes sent for hits.
        bytes_out from stats, Dense;
        /// Value bytes received by storage commands.
        bytes_in from stats, Dense;
    }
}

/// How many keys have a count. It decides where user space keeps the count, and how the history packs it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Density {
    /// Most keys have it.
    Dense,
    /// It is 0 for most keys.
    Sparse,
}

/// Number of counts that most keys have.
pub(crate) const DENSE: usize = number_of(Dense);

/// Number of counts that are 0 for most keys.
pub(crate) const SPARSE: usize = number_of(Sparse);

const DENSE_AT: [usize; DENSE] = positions(Dense);
const SPARSE_AT: [usize; SPARSE] = positions(Sparse);

const fn number_of(density: Density) -> usize {
    let (mut number, mut at) = (0, 0);
    while at < Counts::LEN {
        number += (Counts::DENSITIES[at] as usize == density as usize) as usize;
        at += 1;
    }
    number
}

const fn positions<const N: usize>(density: Density) -> [usize; N] {
    let (mut positions, mut found, mut at) = ([0; N], 0, 0);
    while at < Counts::LEN {
        if Counts::DENSITIES[at] as usize == density as usize {
            positions[found] = at;
            found += 1;
        }
        at += 1;
    }
    positions
}

impl Counts {
    /// Reads.
    #[must_use]
    pub const fn gets(&self) -> u64 {
        self.hits + self.misses
    }

    /// Operations of all kinds.
    #[must_use]
    pub const fn calls(&self) -> u64 {
        self.gets() + self.sets + self.deletes + self.other
    }

    /// Value bytes in both directions.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes_out + self.bytes_in
    }

    /// Hits per read, 0 to 1; `None` without reads.
    #[must_use]
    pub fn hit_ratio(&self) -> Option<f64> {
        (self.gets() > 0).then(|| self.hits as f64 / self.gets() as f64)
    }

    /// Each count less that of `part`, and 0 where that is larger.
    #[must_use]
    pub fn saturating_sub(&self, part: &Self) -> Self {
        let (mut counts, part) = (self.values(), part.values());
        counts.iter_mut().zip(part).for_each(|(count, part)| *count = count.saturating_sub(part));
        Self::from_values(counts)
    }

    /// The counts that most keys have, in the order of the list.
    #[inline]
    pub(crate) fn dense(&self) -> [u64; DENSE] {
        let values = self.values();
        DENSE_AT.map(|at| values[at])
    }

    /// The other counts, in the order of the list.
    #[inline]
    pub(crate) fn sparse(&self) -> [u64; SPARSE] {
        let values = self.values();
        SPARSE_AT.map(|at| values[at])
    }

    /// Counts from [`Self::dense`] and [`Self::sparse`] ones.
    #[inline]
    pub(crate) fn from_dense_and_sparse(dense: [u64; DENSE], sparse: [u64; SPARSE]) -> Self {
        let mut values = [0; Self::LEN];
        DENSE_AT.into_iter().zip(dense).for_each(|(at, count)| values[at] = count);
        SPARSE_AT.into_iter().zip(sparse).for_each(|(at, count)| values[at] = count);
        Self::from_values(values)
    }
}

impl SubAssign<&Self> for Counts {
    fn sub_assign(&mut self, other: &Self) {
        let (mut counts, other) = (self.values(), other.values());
        counts.iter_mut().zip(other).for_each(|(count, other)| *count -= other);
        *self = Self::from_values(counts);
    }
}
