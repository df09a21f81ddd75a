//! Outcomes of storage commands.

/// The outcome of a storage command, from memcached's `store_item_type` (`memcached.h`): 0 not stored, 1 stored, 2 exists,
/// 3 not found, 4 too large, 5 no memory. The last two exist since 1.6.0.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreOutcome {
    /// Nothing was stored, because the key exists (add) or does not (replace, append, prepend, cas), or for lack of memory.
    NotStored = 0,
    /// The value was stored.
    Stored = 1,
    /// Nothing was stored, because the item has another CAS number.
    Exists = 2,
}

impl StoreOutcome {
    /// The outcome for one of memcached's numbers.
    #[inline(always)]
    #[must_use]
    pub const fn of(number: u32) -> Self {
        match number {
            1 => Self::Stored,
            2 => Self::Exists,
            _ => Self::NotStored,
        }
    }
}
