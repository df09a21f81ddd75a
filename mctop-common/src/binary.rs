//! memcached's binary protocol: the request header in front of a key.
//!
//! Layout from memcached's `protocol_binary.h`: magic, opcode, key length (big-endian), length of the extras, data type,
//! partition, length of the body (big-endian), opaque, CAS number; then the extras, then the key.

use crate::verb::Class;

/// Bytes of a request header.
const HEADER: usize = 24;

/// `PROTOCOL_BINARY_REQ`.
const REQUEST: u8 = 0x80;

/// Lengths of the extras of the requests that look a key up: none (get, delete), an expiry (gat, touch), flags and expiry
/// (set, add, replace), and amount, initial value and expiry (incr, decr).
const EXTRAS: [usize; 4] = [0, 4, 8, 20];

/// How much in front of a key must be read to find its header: that of the longest extras.
pub const BEFORE_KEY: usize = 48;

/// What a request counts as, from the bytes in front of its key. `None` when no request header stands there that fits the
/// key's length.
#[inline(always)]
#[must_use]
pub fn classify(before_key: &[u8; BEFORE_KEY], key_len: u64) -> Option<Class> {
    let mut index = 0;
    while index < EXTRAS.len() {
        let extras = EXTRAS[index];
        let at = BEFORE_KEY - HEADER - extras;
        let length = ((before_key[at + 2] as u64) << 8) | before_key[at + 3] as u64;
        if before_key[at] == REQUEST && before_key[at + 4] as usize == extras && length == key_len {
            return Some(class(before_key[at + 1]));
        }
        index += 1;
    }
    None
}

/// What an opcode counts as.
#[inline(always)]
const fn class(opcode: u8) -> Class {
    match opcode {
        // get getq getk getkq gat gatq gatk gatkq
        0x00 | 0x09 | 0x0c | 0x0d | 0x1d | 0x1e | 0x23 | 0x24 => Class::Read,
        // set add replace, append prepend; quiet forms
        0x01..=0x03 | 0x11..=0x13 | 0x0e | 0x0f | 0x19 | 0x1a => Class::Store,
        // delete deleteq
        0x04 | 0x14 => Class::Delete,
        // incr decr, quiet forms: they may create the item
        0x05 | 0x06 | 0x15 | 0x16 => Class::Arithmetic,
        // touch
        0x1c => Class::Other,
        _ => Class::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A request up to its key, at the end of the bytes in front of the key.
    fn before(opcode: u8, key_len: u16, extras: u8) -> [u8; BEFORE_KEY] {
        let mut bytes = [0xaa; BEFORE_KEY];
        let at = BEFORE_KEY - HEADER - extras as usize;
        bytes[at..].fill(0);
        bytes[at] = REQUEST;
        bytes[at + 1] = opcode;
        bytes[at + 2..at + 4].copy_from_slice(&key_len.to_be_bytes());
        bytes[at + 4] = extras;
        bytes
    }

    #[test]
    fn requests() {
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
            assert_eq!(classify(&before(opcode, 250, extras), 250), Some(class), "{opcode:#x}");
        }
    }

    #[test]
    fn not_a_request() {
        assert_eq!(classify(&[0xaa; BEFORE_KEY], 1), None);
        assert_eq!(classify(&before(0, 7, 0), 8), None);
        let mut response = before(0, 7, 0);
        response[BEFORE_KEY - HEADER] = 0x81;
        assert_eq!(classify(&response, 7), None);
    }
}
