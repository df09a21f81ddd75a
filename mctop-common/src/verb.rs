//! The verbs of memcached's text protocols and what they count as.

/// What an operation on a key counts as: one column of the table each.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// No command was seen on this thread, or one that names no key: counted as *other*.
    Unknown = 0,
    /// Reads: hits and misses.
    Read = 1,
    /// Storage commands.
    Store = 2,
    /// Deletes.
    Delete = 3,
    /// incr, decr, touch.
    Other = 4,
    /// ma: counts like [`Class::Other`], and may create the missing item by a store that is not a storage command.
    MetaArithmetic = 5,
}

const fn word(text: &[u8]) -> u64 {
    let mut bytes = [0u8; 8];
    let mut i = 0;
    while i < text.len() {
        bytes[i] = text[i];
        i += 1;
    }
    u64::from_le_bytes(bytes)
}

macro_rules! starts {
    ($word:expr, $text:literal) => {
        $word & (u64::MAX >> (64 - 8 * $text.len())) == const { word($text) }
    };
}

/// Whether the request is a meta get, whose flags say if the value is sent: see [`meta_get_sends_value`].
#[inline(always)]
#[must_use]
pub const fn is_meta_get(first8: u64) -> bool {
    starts!(first8, b"mg ")
}

/// Classifies a request by its first eight bytes, read as a little-endian word.
///
/// Verbs are case sensitive in memcached and end with the space before the key; eight bytes tell all of them apart.
#[inline(always)]
#[must_use]
pub const fn classify(first8: u64) -> Class {
    let read = starts!(first8, b"get ")
        || starts!(first8, b"gets ")
        || starts!(first8, b"gat ")
        || starts!(first8, b"gats ")
        || starts!(first8, b"bget ")
        || is_meta_get(first8);
    let store = starts!(first8, b"set ")
        || starts!(first8, b"add ")
        || starts!(first8, b"cas ")
        || starts!(first8, b"replace ")
        || starts!(first8, b"append ")
        || starts!(first8, b"prepend ")
        || starts!(first8, b"ms ");
    if read {
        Class::Read
    } else if store {
        Class::Store
    } else if starts!(first8, b"delete ") || starts!(first8, b"md ") {
        Class::Delete
    } else if starts!(first8, b"incr ") || starts!(first8, b"decr ") || starts!(first8, b"touch ") {
        Class::Other
    } else if starts!(first8, b"ma ") {
        Class::MetaArithmetic
    } else {
        Class::Unknown
    }
}

/// Whether a meta get asks for the value: the `v` flag among the tokens behind the key.
///
/// `line` begins with the verb and ends with the request, a NUL, or the length that could be read. One pass, one compare
/// chain a byte, so that the BPF verifier follows it.
#[inline(always)]
#[must_use]
pub fn meta_get_sends_value(line: &[u8]) -> bool {
    let mut spaces = 0u32;
    let mut previous = 0u8;
    for &byte in line {
        if byte == 0 || byte == b'\n' {
            return false;
        }
        if previous == b' ' {
            spaces += 1;
            if byte == b'v' && spaces >= 2 {
                return true;
            }
        }
        previous = byte;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Class {
        let mut bytes = [0xaa; 8];
        let n = line.len().min(8);
        bytes[..n].copy_from_slice(&line.as_bytes()[..n]);
        classify(u64::from_le_bytes(bytes))
    }

    #[test]
    fn every_verb() {
        for verb in ["get", "gets", "gat", "gats", "bget", "mg"] {
            assert_eq!(of(&format!("{verb} k\r\n")), Class::Read, "{verb}");
        }
        for verb in ["set", "add", "replace", "append", "prepend", "cas", "ms"] {
            assert_eq!(of(&format!("{verb} k\r\n")), Class::Store, "{verb}");
        }
        for verb in ["delete", "md"] {
            assert_eq!(of(&format!("{verb} k\r\n")), Class::Delete, "{verb}");
        }
        for verb in ["incr", "decr", "touch"] {
            assert_eq!(of(&format!("{verb} k\r\n")), Class::Other, "{verb}");
        }
        assert_eq!(of("ma k\r\n"), Class::MetaArithmetic);
        for line in ["stats", "version\r\n", "mn\r\n", "me k\r\n", "", "GET k", "getx k", "\u{80}get k", "flush_all"] {
            assert_eq!(of(line), Class::Unknown, "{line:?}");
        }
    }

    #[test]
    fn meta_get_values() {
        for line in ["mg k v\r\n", "mg k s v t\r\n", "mg  k  v\0junk", "mg vkey t v", "mg k v"] {
            assert!(meta_get_sends_value(line.as_bytes()), "{line:?}");
        }
        for line in ["mg k\r\n", "mg v\r\n", "mg k s t\0 v", "mg k t\r\nget v v", "mg k Ov", "mg v", ""] {
            assert!(!meta_get_sends_value(line.as_bytes()), "{line:?}");
        }
    }
}
