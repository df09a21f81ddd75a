//! memcached's binary protocol: the request header before a key.
//!
//! Layout from memcached's `protocol_binary.h`: magic, opcode, key length (big-endian), length of the extras, data type,
//! partition, length of the body (big-endian), opaque, CAS number; then the extras, then the key.

use crate::verb::Class;

/// Length of a request header in bytes.
const HEADER: u64 = 24;

/// `PROTOCOL_BINARY_REQ`.
const REQUEST: u8 = 0x80;

/// Lengths in bytes of the extras of requests that look up a key: none (get, delete), an expiry (gat, touch), flags and expiry
/// (set, add, replace), and amount, initial value and expiry (incr, decr).
pub const EXTRAS: [u64; 4] = [0, 4, 8, 20];

/// Distance from the start of the header to the key, in bytes, for a given length of the extras.
#[inline(always)]
#[must_use]
pub const fn header_distance(extras: u64) -> u64 {
    HEADER + extras
}

/// Classifies a request by the first eight bytes of its header, read as a little-endian word. `None` if they are not a request whose
/// key and extras have these lengths.
#[inline(always)]
#[must_use]
pub const fn classify(first8: u64, extras: u64, key_len: u64) -> Option<Class> {
    let [magic, opcode, high, low, extras_len, ..] = first8.to_le_bytes();
    let length = (high as u64) << 8 | low as u64;
    if magic == REQUEST && extras_len as u64 == extras && length == key_len { Some(class(opcode)) } else { None }
}

/// Classifies an opcode.
#[inline(always)]
const fn class(opcode: u8) -> Class {
    match opcode {
        // get getq getk getkq gat gatq gatk gatkq
        0x00 | 0x09 | 0x0c | 0x0d | 0x1d | 0x1e | 0x23 | 0x24 => Class::Read,
        // set add replace, append prepend; quiet forms
        0x01..=0x03 | 0x11..=0x13 | 0x0e | 0x0f | 0x19 | 0x1a => Class::Store,
        // delete deleteq
        0x04 | 0x14 => Class::Delete,
        // incr decr, quiet forms: may create the item
        0x05 | 0x06 | 0x15 | 0x16 => Class::Arithmetic,
        // touch
        0x1c => Class::Other,
        _ => Class::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first8(opcode: u8, key_len: u16, extras: u8) -> u64 {
        let [high, low] = key_len.to_be_bytes();
        u64::from_le_bytes([REQUEST, opcode, high, low, extras, 0, 0, 0])
    }

    #[test]
    fn requests_are_classified_by_opcode() {
        for (opcode, extras, class) in [
            (0x00, 0, Class::Read),
            (0x0d, 0, Class::Read),
            (0x1d, 4, Class::Read),
            (0x04, 0, Class::Delete),
            (0x05, 20, Class::Arithmetic),
            (0x1c, 4, Class::Other),
            (0x01, 8, Class::Store),
            (0x0e, 0, Class::Store),
            (0x0a, 0, Class::Unknown),
        ] {
            assert_eq!(classify(first8(opcode, 250, extras), extras.into(), 250), Some(class), "{opcode:#x}");
            assert!(EXTRAS.contains(&extras.into()));
        }
    }

    #[test]
    fn other_data_is_not_a_request() {
        assert_eq!(classify(u64::from_le_bytes(*b"get key\r"), 0, 3), None);
        assert_eq!(classify(first8(0, 7, 0), 0, 8), None);
        assert_eq!(classify(first8(0, 7, 0), 4, 7), None);
        // A response.
        assert_eq!(classify(first8(0, 7, 0) | 1, 0, 7), None);
    }
}
