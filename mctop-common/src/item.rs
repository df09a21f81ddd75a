//! The layout of memcached's `item`, which is the same on 64-bit machines in every release from 1.4.39 to 1.6.45, with and without
//! TLS: `time` at +24, `exptime` +28, `nbytes` +32, `refcount` +36, flags +38, slab class +40, key length +41, data +48.

/// Offset of [`ItemHeader`] in the item.
pub const HEADER_OFFSET: u64 = 24;

/// Offset of the key in an item without a CAS number.
pub const KEY_OFFSET: u64 = 48;

/// Offset of the key in an item with a CAS number.
pub const KEY_OFFSET_CAS: u64 = 56;

/// Distance from the header to the key in an item without a CAS number.
pub const HEADER_BYTES: u64 = KEY_OFFSET - HEADER_OFFSET;

/// `ITEM_CAS` in the item's flags: a CAS number precedes the key.
pub const FLAG_CAS: u8 = 2;

/// The item's fields from `time` to the key length.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ItemHeader {
    /// Last access in seconds on memcached's clock.
    pub time: u32,
    /// Expiry in seconds on memcached's clock; 0 for never.
    pub exptime: u32,
    /// Length of the value in bytes, with the trailing CRLF.
    pub nbytes: u32,
    /// Number of references.
    pub refcount: u16,
    /// Low byte of the flags from [`crate::version::WIDE_ITEM_FLAGS`] on; a suffix length before.
    pub flags_low: u8,
    /// High byte of the flags from [`crate::version::WIDE_ITEM_FLAGS`] on; all of the flags before.
    pub flags_high: u8,
    /// Slab class and LRU.
    pub slab_class: u8,
    /// Key length in bytes.
    pub key_len: u8,
    /// Padding before the data.
    pub pad: [u8; 6],
}

/// Number of words before the key of an item that contain its header. The header ends at the key, or at the CAS number before it.
pub const BEFORE_KEY_WORDS: usize = (HEADER_BYTES + KEY_OFFSET_CAS - KEY_OFFSET) as usize / 8;

impl ItemHeader {
    /// The header from three words of memory.
    #[inline(always)]
    #[must_use]
    pub const fn of(words: [u64; 3]) -> Self {
        Self {
            time: words[0] as u32,
            exptime: (words[0] >> 32) as u32,
            nbytes: words[1] as u32,
            refcount: (words[1] >> 32) as u16,
            flags_low: (words[1] >> 48) as u8,
            flags_high: (words[1] >> 56) as u8,
            slab_class: words[2] as u8,
            key_len: (words[2] >> 8) as u8,
            pad: [0; 6],
        }
    }

    /// The header of an item, from the words before its key. For `wide` see [`Self::has_cas`]. With `no_cas` no item has a CAS number;
    /// the bytes that would announce one are then part of the expiry and size and may have any value.
    #[inline(always)]
    #[must_use]
    pub const fn before_key(words: [u64; BEFORE_KEY_WORDS], key_len: u64, wide: bool, no_cas: bool) -> Self {
        let with_cas = Self::of([words[0], words[1], words[2]]);
        if !no_cas && with_cas.has_cas(wide) && with_cas.key_len as u64 == key_len {
            with_cas
        } else {
            Self::of([words[1], words[2], words[3]])
        }
    }

    /// Length of the value in bytes, without the trailing CRLF.
    #[inline(always)]
    #[must_use]
    pub const fn value_bytes(&self) -> u32 {
        self.nbytes.saturating_sub(2)
    }

    /// Offset of the key in the item. For `wide` see [`Self::has_cas`].
    #[inline(always)]
    #[must_use]
    pub const fn key_offset(&self, wide: bool) -> u64 {
        if self.has_cas(wide) { KEY_OFFSET_CAS } else { KEY_OFFSET }
    }

    /// Whether a CAS number precedes the key. `wide`: the flags have 16 bits (since 1.5.15).
    #[inline(always)]
    #[must_use]
    pub const fn has_cas(&self, wide: bool) -> bool {
        let flags = if wide { self.flags_low } else { self.flags_high };
        flags & FLAG_CAS != 0
    }
}

const _: () = assert!(size_of::<ItemHeader>() as u64 == HEADER_BYTES);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_found_before_the_key() {
        // time 1, exptime 2, nbytes 5, refcount 1, ITEM_CAS, class 3, key length 7.
        let item = [1 | 2 << 32, 5 | 1 << 32 | 2 << 48, 3 | 7 << 8];
        let header = ItemHeader::of(item);
        assert_eq!((header.time, header.exptime, header.value_bytes(), header.key_len), (1, 2, 3, 7));
        assert!(header.has_cas(true) && !header.has_cas(false));
        assert_eq!((header.key_offset(true), header.key_offset(false)), (56, 48));
        assert_eq!(ItemHeader::before_key([item[0], item[1], item[2], 99], 7, true, false), header);
        let plain = [item[0], item[1] & 0xffff_ffff_ffff, item[2]];
        let before = [99, plain[0], plain[1], plain[2]];
        assert_eq!(ItemHeader::before_key(before, 7, true, false), ItemHeader::of(plain));
        assert_eq!(ItemHeader::before_key(before, 7, true, true), ItemHeader::of(plain));
    }

    #[test]
    fn a_header_that_looks_as_if_it_had_a_cas_number_is_read_correctly_without_them() {
        // The expiry has the bit of the flag set, and the second byte of the size equals the key length.
        let item = [1 | 0x2_0000 << 32, 7 << 8 | 1 << 32, 3 | 7 << 8];
        let before = [99, item[0], item[1], item[2]];
        assert_ne!(ItemHeader::before_key(before, 7, true, false), ItemHeader::of(item));
        assert_eq!(ItemHeader::before_key(before, 7, true, true), ItemHeader::of(item));
    }
}
