//! The head of memcached's `item`, the same on 64-bit machines in every supported release, with and without TLS: `time`
//! at +24, `exptime` +28, `nbytes` +32, `refcount` +36, flags +38, slab class +40, key length +41, data +48.

/// Where [`ItemHeader`] begins in the item.
pub const HEADER_OFFSET: u64 = 24;

/// Where the key begins in an item without a CAS number.
pub const KEY_OFFSET: u64 = 48;

/// Where the key begins in an item with a CAS number.
pub const KEY_OFFSET_CAS: u64 = 56;

/// From the header's begin to the key of an item without a CAS number.
pub const HEADER_BYTES: u64 = KEY_OFFSET - HEADER_OFFSET;

/// `ITEM_CAS` in the item's flags: a CAS number stands in front of the key.
pub const FLAG_CAS: u8 = 2;

/// The item's fields from `time` to the key length.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ItemHeader {
    /// Last access, seconds on memcached's clock.
    pub time: u32,
    /// Expiry, seconds on memcached's clock; 0 for never.
    pub exptime: u32,
    /// Value bytes with the trailing CRLF.
    pub nbytes: u32,
    /// References held.
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

/// How much in front of the key of a new item must be read to find its header: it ends at the key, or at the CAS number
/// in front of the key.
pub const BEFORE_KEY_WORDS: usize = (HEADER_BYTES + KEY_OFFSET_CAS - KEY_OFFSET) as usize / 8;

impl ItemHeader {
    /// The header in three words of memory.
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

    /// The header of the item that a key lies in, from the words in front of the key; `wide` as in [`Self::has_cas`]. `plain` says
    /// that no item has a CAS number: then, what stands where they would tell of one may be any expiry and size.
    #[inline(always)]
    #[must_use]
    pub const fn before_key(words: [u64; BEFORE_KEY_WORDS], key_len: u64, wide: bool, plain: bool) -> Self {
        let with_cas = Self::of([words[0], words[1], words[2]]);
        if !plain && with_cas.has_cas(wide) && with_cas.key_len as u64 == key_len {
            with_cas
        } else {
            Self::of([words[1], words[2], words[3]])
        }
    }

    /// Value bytes without the trailing CRLF.
    #[inline(always)]
    #[must_use]
    pub const fn value_bytes(&self) -> u32 {
        self.nbytes.saturating_sub(2)
    }

    /// Where the key begins in the item; `wide` as in [`Self::has_cas`].
    #[inline(always)]
    #[must_use]
    pub const fn key_offset(&self, wide: bool) -> u64 {
        if self.has_cas(wide) { KEY_OFFSET_CAS } else { KEY_OFFSET }
    }

    /// Whether a CAS number stands before the key; `wide` says that the flags are 16 bits.
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
    fn the_header_in_front_of_a_key() {
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
    fn without_cas_numbers_a_header_may_look_as_if_there_were_one() {
        // An expiry with a bit where the flag would be, and a size whose second byte is the key length.
        let item = [1 | 0x2_0000 << 32, 7 << 8 | 1 << 32, 3 | 7 << 8];
        let before = [99, item[0], item[1], item[2]];
        assert_ne!(ItemHeader::before_key(before, 7, true, false), ItemHeader::of(item));
        assert_eq!(ItemHeader::before_key(before, 7, true, true), ItemHeader::of(item));
    }
}
