//! What happened to a key's items: storage commands that stored nothing, and evictions.

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

/// Storage commands that stored nothing, and evictions, over some span of time. They are 0 for servers without the probes
/// for them ([`super::snapshot::Snapshot::watches`]).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Outcomes {
    /// Storage commands that stored nothing: add of an existing key; replace, append, prepend or cas of a missing key; or out
    /// of memory.
    pub not_stored: u64,
    /// Storage commands that stored nothing because the item's CAS number had changed.
    pub exists: u64,
    /// Live items that were evicted to make room for others.
    pub evicted: u64,
}

impl Outcomes {
    /// Every count with its name in machine formats. A new field does not compile until it is added here.
    #[must_use]
    pub const fn named(&self) -> [(&'static str, u64); 3] {
        let Self { not_stored, exists, evicted } = *self;
        [("not_stored", not_stored), ("exists", exists), ("evicted", evicted)]
    }

    /// Outcomes from counts in the order of [`Self::named`].
    #[must_use]
    pub const fn of(counts: [u64; 3]) -> Self {
        let [not_stored, exists, evicted] = counts;
        Self { not_stored, exists, evicted }
    }

    /// Whether any count is not 0.
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
