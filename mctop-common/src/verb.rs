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
    /// ma, and incr and decr of the binary protocol: count like [`Class::Other`], and may create the missing item by a store
    /// that is not a storage command.
    Arithmetic = 5,
}

impl Class {
    /// The class of a number.
    #[inline(always)]
    #[must_use]
    pub const fn of(number: u32) -> Self {
        match number {
            1 => Self::Read,
            2 => Self::Store,
            3 => Self::Delete,
            4 => Self::Other,
            5 => Self::Arithmetic,
            _ => Self::Unknown,
        }
    }
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

/// The first eight bytes of a request as they were before memcached cut it into tokens: the first NUL was a space.
#[inline(always)]
#[must_use]
pub const fn uncut(first8: u64) -> u64 {
    let cut = zero_bytes(first8);
    first8 | (cut & cut.wrapping_neg()) >> 7 << 5
}

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
        Class::Arithmetic
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

/// Words of a request that are searched at once; the window has one more, to see what follows the last.
pub const META_STEP: usize = 2;

/// Whether a meta get asks for the value: the `v` flag among the tokens behind the key. `None` when the window neither has
/// the flag nor ends the request.
///
/// `window` is a part of what follows `mg `, as little-endian words; the next part begins [`META_STEP`] words behind it.
/// `cut` says that memcached has cut the request into tokens, with a NUL behind each; otherwise a NUL ends it too. Eight
/// bytes at a time, without state between them, so that the BPF verifier need not follow every byte: it looks for a
/// separator and a `v` before the end. Two spaces mislead it: before a key in `v`, which is taken for the flag, and before
/// a flag once the request is cut, which is not seen.
#[inline(always)]
#[must_use]
pub fn meta_get_sends_value(window: &[u64; META_STEP + 1], cut: bool) -> Option<bool> {
    let mut next = 0;
    while next < META_STEP {
        let word = window[next];
        next += 1;
        let following = window[next];
        let behind = (word >> 8) | (following << 56);
        let line_ends = zero_bytes(word ^ repeat(b'\n'));
        let (flags, ends) = if cut {
            // The NUL behind the flag tells it from the next line's verb, where lines end with a newline alone.
            let after = (word >> 16) | (following << 48);
            (zero_bytes(word | (behind ^ repeat(b'v')) | after), line_ends)
        } else {
            (zero_bytes((word ^ repeat(b' ')) | (behind ^ repeat(b'v'))), zero_bytes(word) | line_ends)
        };
        if ends != 0 {
            return Some(flags != 0 && flags & flags.wrapping_neg() < ends & ends.wrapping_neg());
        }
        if flags != 0 {
            return Some(true);
        }
    }
    None
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
    fn classes_of_numbers() {
        for class in [Class::Unknown, Class::Read, Class::Store, Class::Delete, Class::Other, Class::Arithmetic] {
            assert_eq!(Class::of(class as u32), class);
        }
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
        assert_eq!(of("ma k\r\n"), Class::Arithmetic);
        for line in ["stats", "version\r\n", "mn\r\n", "me k\r\n", "", "GET k", "getx k", "\u{80}get k", "flush_all"] {
            assert_eq!(of(line), Class::Unknown, "{line:?}");
        }
    }

    fn sends_value(arguments: &str, cut: bool) -> bool {
        let mut bytes = arguments.as_bytes().to_vec();
        bytes.resize(bytes.len().next_multiple_of(8 * META_STEP) + 8, 0);
        let words: Vec<u64> = bytes.as_chunks().0.iter().map(|chunk| u64::from_le_bytes(*chunk)).collect();
        let windows = words.windows(META_STEP + 1).step_by(META_STEP);
        windows.filter_map(|window| meta_get_sends_value(window.try_into().unwrap(), cut)).next().unwrap_or(false)
    }

    #[test]
    fn meta_get_values() {
        for line in
            ["k v\r\n", "k s v t\r\n", "k  v\0junk", "vkey t v", "k v", "abcdefg v\r\n", "abcdef v\r\n", "k t v\n v"]
        {
            assert!(sends_value(line, false), "{line:?}");
        }
        for line in ["k\r\n", "v\r\n", "k s t\0 v", "k t\r\nget v v", "k Ov", "v", "", "abcdefg\n v", "abcdefgh\0v"] {
            assert!(!sends_value(line, false), "{line:?}");
        }
    }

    #[test]
    fn meta_get_values_of_cut_requests() {
        for line in ["k\0v\0\n", "k\0s\0v\0t\0\n", "vkey\0t\0v\0\n", "abcdefg\0v\0\n", "abcdef\0v\0\n", "abcde\0v\0"] {
            assert!(sends_value(line, true), "{line:?}");
        }
        for line in
            ["k\0\n", "v\0\n", "k\0s\0t\0\nmg k v\r\n", "k\0version\n", "k\0mg x v\n", "k\0Ov\0\n", "abcdefg\0vx\0\n"]
        {
            assert!(!sends_value(line, true), "{line:?}");
        }
    }

    #[test]
    fn verbs_of_cut_requests() {
        let uncut = |line: &[u8; 8]| uncut(u64::from_le_bytes(*line)).to_le_bytes();
        assert_eq!(&uncut(b"get\0k\0\n\0"), b"get k\0\n\0");
        assert_eq!(&uncut(b"prepend\0"), b"prepend ");
        assert_eq!(&uncut(b"md\0k\0q\0\x01"), b"md k\0q\0\x01");
        assert_eq!(&uncut(b"get key\r"), b"get key\r");
    }

    proptest::proptest! {
        #[test]
        fn meta_get_values_as_tokens_say(key in "[!-~]{1,250}", flags in proptest::collection::vec("[a-zA-Z][0-9]{0,3}", 0..9)) {
            let line = [vec![key], flags.clone()].concat().join(" ") + "\r\nmg other v\r\n";
            let expected = flags.iter().any(|flag| flag.starts_with('v'));
            proptest::prop_assert_eq!(sends_value(&line, false), expected);
            let (request, rest) = line.split_once("\r\n").unwrap();
            let cut = request.replace(' ', "\0") + "\0\n" + rest;
            let expected = flags.iter().any(|flag| flag == "v");
            proptest::prop_assert_eq!(sends_value(&cut, true), expected);
        }
    }
}
