//! The head of memcached's `item`, the same on 64-bit machines in every release from 1.4.39 to 1.6.45, with and without
//! TLS: `time` at +24, `exptime` +28, `nbytes` +32, `refcount` +36, flags +38, slab class +40, key length +41, data +48.

/// Where [`Header`] begins in the item.
pub const HEADER_OFFSET: u64 = 24;

/// Where the key begins in an item without a CAS number.
pub const KEY_OFFSET: u64 = 48;

/// Where the key begins in an item with a CAS number.
pub const KEY_OFFSET_CAS: u64 = 56;

/// From the header's begin to the key of an item without a CAS number.
pub const HEADER_BYTES: u64 = KEY_OFFSET - HEADER_OFFSET;

/// `ITEM_CAS` in the item's flags.
const FLAG_CAS: u8 = 2;

/// The item's fields from `time` to the key length.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// Last access, seconds on memcached's clock.
    pub time: u32,
    /// Expiry, seconds on memcached's clock; 0 for never.
    pub exptime: u32,
    /// Value bytes with the trailing CRLF.
    pub nbytes: u32,
    /// References held.
    pub refcount: u16,
    /// Low byte of the flags from 1.5.15 on; a suffix length before.
    pub flags_low: u8,
    /// High byte of the flags from 1.5.15 on; all of the flags before.
    pub flags_high: u8,
    /// Slab class and LRU.
    pub slab_class: u8,
    /// Key length in bytes.
    pub key_len: u8,
    /// Padding before the data.
    pub pad: [u8; 6],
}

impl Header {
    /// Value bytes without the trailing CRLF.
    #[inline(always)]
    #[must_use]
    pub const fn value_bytes(&self) -> u32 {
        self.nbytes.saturating_sub(2)
    }

    /// Whether a CAS number stands before the key; `wide` says that the flags are 16 bits (1.5.15 and later).
    #[inline(always)]
    #[must_use]
    pub const fn has_cas(&self, wide: bool) -> bool {
        let flags = if wide { self.flags_low } else { self.flags_high };
        flags & FLAG_CAS != 0
    }
}

const _: () = assert!(size_of::<Header>() as u64 == HEADER_BYTES);
