//! What is counted per key, per server and in total.

use std::ops::{AddAssign, SubAssign};

use serde::{Deserialize, Serialize};

/// Operations and value bytes over some span of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    /// Reads that found the key.
    pub hits: u64,
    /// Reads that did not find the key.
    pub misses: u64,
    /// Misses whose item had expired; included in `misses`.
    pub expired: u64,
    /// Misses whose item had been flushed; included in `misses`.
    pub flushed: u64,
    /// Storage commands: set add replace append prepend cas ms.
    pub sets: u64,
    /// Deletes: delete md.
    pub deletes: u64,
    /// Deletes that found the key; included in `deletes`.
    pub delete_hits: u64,
    /// incr decr touch ma, and lookups of unknown verb.
    pub other: u64,
    /// Other operations that found the key; included in `other`.
    pub other_hits: u64,
    /// Value bytes sent for hits.
    pub bytes_out: u64,
    /// Value bytes received by storage commands.
    pub bytes_in: u64,
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

    /// What is left of each count without a part of it, and none where the part is more.
    #[must_use]
    pub const fn saturating_sub(&self, part: &Self) -> Self {
        Self {
            hits: self.hits.saturating_sub(part.hits),
            misses: self.misses.saturating_sub(part.misses),
            expired: self.expired.saturating_sub(part.expired),
            flushed: self.flushed.saturating_sub(part.flushed),
            sets: self.sets.saturating_sub(part.sets),
            deletes: self.deletes.saturating_sub(part.deletes),
            delete_hits: self.delete_hits.saturating_sub(part.delete_hits),
            other: self.other.saturating_sub(part.other),
            other_hits: self.other_hits.saturating_sub(part.other_hits),
            bytes_out: self.bytes_out.saturating_sub(part.bytes_out),
            bytes_in: self.bytes_in.saturating_sub(part.bytes_in),
        }
    }

    /// Hits per read, 0 to 1; `None` without reads.
    #[must_use]
    pub fn hit_ratio(&self) -> Option<f64> {
        (self.gets() > 0).then(|| self.hits as f64 / self.gets() as f64)
    }
}

impl Counts {
    /// Every count with its name in machine formats. A new field does not compile until it is added here.
    #[must_use]
    pub const fn named(&self) -> [(&'static str, u64); 11] {
        let Self { hits, misses, expired, flushed, sets, deletes, delete_hits, other, other_hits, bytes_out, bytes_in } =
            *self;
        [
            ("hits", hits),
            ("misses", misses),
            ("expired", expired),
            ("flushed", flushed),
            ("sets", sets),
            ("deletes", deletes),
            ("delete_hits", delete_hits),
            ("other", other),
            ("other_hits", other_hits),
            ("bytes_out", bytes_out),
            ("bytes_in", bytes_in),
        ]
    }
}

/// Number of counts that most keys have.
pub(crate) const USUAL: usize = 5;

/// Number of counts that are 0 for most keys.
pub(crate) const RARE: usize = 6;

impl Counts {
    /// The counts that most keys have: hits, misses, sets, and the bytes sent and received.
    #[inline]
    #[must_use]
    pub const fn usual(&self) -> [u64; USUAL] {
        [self.hits, self.misses, self.sets, self.bytes_out, self.bytes_in]
    }

    /// The other counts: expired, flushed, deletes, delete hits, other, other hits.
    #[inline]
    #[must_use]
    pub const fn rare(&self) -> [u64; RARE] {
        [self.expired, self.flushed, self.deletes, self.delete_hits, self.other, self.other_hits]
    }

    /// Counts from [`Self::usual`] and [`Self::rare`] ones.
    #[inline]
    #[must_use]
    pub const fn of(usual: [u64; USUAL], rare: [u64; RARE]) -> Self {
        let [hits, misses, sets, bytes_out, bytes_in] = usual;
        let [expired, flushed, deletes, delete_hits, other, other_hits] = rare;
        Self { hits, misses, expired, flushed, sets, deletes, delete_hits, other, other_hits, bytes_out, bytes_in }
    }
}

macro_rules! for_each_field {
    ($operation:tt, $left:expr, $right:expr) => {
        $left.hits $operation $right.hits;
        $left.misses $operation $right.misses;
        $left.expired $operation $right.expired;
        $left.flushed $operation $right.flushed;
        $left.sets $operation $right.sets;
        $left.deletes $operation $right.deletes;
        $left.delete_hits $operation $right.delete_hits;
        $left.other $operation $right.other;
        $left.other_hits $operation $right.other_hits;
        $left.bytes_out $operation $right.bytes_out;
        $left.bytes_in $operation $right.bytes_in;
    };
}

impl AddAssign<&Counts> for Counts {
    fn add_assign(&mut self, other: &Counts) {
        for_each_field!(+=, self, other);
    }
}

impl SubAssign<&Counts> for Counts {
    fn sub_assign(&mut self, other: &Counts) {
        for_each_field!(-=, self, other);
    }
}
