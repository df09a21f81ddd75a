//! What became of a key's items, beyond what was asked of them: known only where it is watched.

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

/// How storage commands ended that stored nothing, and evictions, over some span of time. Known of servers with the probes
/// that tell it ([`super::snapshot::Snapshot::watches`]); elsewhere all are 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Outcomes {
    /// The storage commands that stored nothing, for want of what they ask for: add of a key that is there, replace, append,
    /// prepend or cas of one that is not; or for want of memory.
    pub not_stored: u64,
    /// The storage commands that stored nothing because the item had been changed: its CAS number was another.
    pub exists: u64,
    /// Live items that were evicted to make room for others.
    pub evicted: u64,
}

impl Outcomes {
    /// Every count with its name in the machine formats; the compiler misses a new one here.
    #[must_use]
    pub const fn named(&self) -> [(&'static str, u64); 3] {
        let Self { not_stored, exists, evicted } = *self;
        [("not_stored", not_stored), ("exists", exists), ("evicted", evicted)]
    }

    /// Of counts in the order of [`Self::named`].
    #[must_use]
    pub const fn of(counts: [u64; 3]) -> Self {
        let [not_stored, exists, evicted] = counts;
        Self { not_stored, exists, evicted }
    }

    /// Whether there were any.
    #[inline]
    #[must_use]
    pub const fn any(&self) -> bool {
        self.not_stored | self.exists | self.evicted > 0
    }
}

impl AddAssign<&Self> for Outcomes {
    fn add_assign(&mut self, other: &Self) {
        self.not_stored += other.not_stored;
        self.exists += other.exists;
        self.evicted += other.evicted;
    }
}
