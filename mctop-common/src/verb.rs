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

/// The verb of a meta get, with the space behind it.
pub const META_GET: &[u8] = b"mg ";

/// Whether the request is a meta get, whose flags say if the value is sent: see [`meta_get_sends_value`].
#[inline(always)]
#[must_use]
pub const fn is_meta_get(first8: u64) -> bool {
    first8 & 0xff_ffff == const { word(META_GET) }
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

const fn repeat(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// Marks zero bytes by their top bit. Exact for the lowest one; higher marks may be false.
#[inline(always)]
const fn zero_bytes(word: u64) -> u64 {
    word.wrapping_sub(repeat(0x01)) & !word & repeat(0x80)
}

/// Whether a meta get asks for the value: the `v` flag among the tokens behind the key.
///
/// `arguments` is what follows `mg `, as little-endian words, up to a NUL or newline or as much as could be read. Eight
/// bytes at a time, without state between them, so that the BPF verifier need not follow every byte: it looks for a space
/// and a `v` before the end. A client that sends two spaces before a key in `v` is taken to ask for the value.
#[inline(always)]
#[must_use]
pub fn meta_get_sends_value(arguments: &[u64]) -> bool {
    let mut next = 0;
    while next < arguments.len() {
        let word = arguments[next];
        next += 1;
        let following = if next < arguments.len() { arguments[next] } else { 0 };
        let behind = (word >> 8) | (following << 56);
        let flags = zero_bytes((word ^ repeat(b' ')) | (behind ^ repeat(b'v')));
        let ends = zero_bytes(word) | zero_bytes(word ^ repeat(b'\n'));
        if ends != 0 {
            return flags != 0 && flags & flags.wrapping_neg() < ends & ends.wrapping_neg();
        }
        if flags != 0 {
            return true;
        }
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

    fn words(arguments: &[u8]) -> Vec<u64> {
        arguments
            .chunks(8)
            .map(|chunk| {
                let mut word = [0; 8];
                word[..chunk.len()].copy_from_slice(chunk);
                u64::from_le_bytes(word)
            })
            .collect()
    }

    #[test]
    fn meta_get_values() {
        for line in
            ["k v\r\n", "k s v t\r\n", "k  v\0junk", "vkey t v", "k v", "abcdefg v\r\n", "abcdef v\r\n", "k t v\n v"]
        {
            assert!(meta_get_sends_value(&words(line.as_bytes())), "{line:?}");
        }
        for line in ["k\r\n", "v\r\n", "k s t\0 v", "k t\r\nget v v", "k Ov", "v", "", "abcdefg\n v", "abcdefgh\0v"] {
            assert!(!meta_get_sends_value(&words(line.as_bytes())), "{line:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn meta_get_values_as_tokens_say(key in "[!-~]{1,250}", flags in proptest::collection::vec("[a-zA-Z][0-9]{0,3}", 0..9)) {
            let line = [vec![key], flags.clone()].concat().join(" ") + "\r\nmg other v\r\n";
            let expected = flags.iter().any(|flag| flag.starts_with('v'));
            proptest::prop_assert_eq!(meta_get_sends_value(&words(line.as_bytes())), expected);
        }
    }
}
