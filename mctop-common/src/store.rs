//! How a storage command ends.

/// What became of a storage command, by memcached's `store_item_type` (`memcached.h`): 0 not stored, 1 stored, 2 exists,
/// 3 not found, 4 too large, 5 no memory.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing was stored, for want of what the command asks for (add of a key that is there, replace, append, prepend or
    /// cas of one that is not), or of memory.
    NotStored = 0,
    /// The value was stored.
    Stored = 1,
    /// Nothing was stored, because the item had been changed: its CAS number is another.
    Exists = 2,
}

impl Outcome {
    /// The outcome of one of memcached's numbers.
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
