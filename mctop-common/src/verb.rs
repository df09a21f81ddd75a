//! The verbs of memcached's text protocols.

/// How an operation on a key is counted.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The command is unknown, or names no key: counted as *other*.
    Unknown = 0,
    /// Reads: counted as hits and misses.
    Read = 1,
    /// Storage commands.
    Store = 2,
    /// Deletes.
    Delete = 3,
    /// incr, decr, touch.
    Other = 4,
    /// ma, and incr and decr of the binary protocol: counted like [`Class::Other`]. They may create a missing item by a store that is
    /// not a storage command.
    Arithmetic = 5,
}

impl Class {
    /// The class with this number.
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

macro_rules! starts_with {
    ($word:expr, $text:literal) => {
        $word & (u64::MAX >> (64 - 8 * $text.len())) == const { word($text) }
    };
}

/// The first eight bytes of a request as they were before memcached split it into tokens: the first NUL was a space.
#[inline(always)]
#[must_use]
pub const fn unsplit(first8: u64) -> u64 {
    let zeros = zero_bytes(first8);
    first8 | (zeros & zeros.wrapping_neg()) >> 7 << 5
}

/// Length in bytes of a meta command's verb and the following space.
pub const META_VERB_LEN: u64 = 3;

/// The letter of the flag that determines how a meta command is counted, or 0 for other requests: `v` of a get requests the value,
/// `x` of a delete replaces the item by an empty one, `N` of arithmetic creates a missing item.
#[inline(always)]
#[must_use]
pub const fn deciding_flag(first8: u64) -> u8 {
    if starts_with!(first8, b"mg ") {
        b'v'
    } else if starts_with!(first8, b"md ") {
        b'x'
    } else if starts_with!(first8, b"ma ") {
        b'N'
    } else {
        0
    }
}

/// Classifies a request by its first eight bytes, read as a little-endian word.
///
/// Verbs are case-sensitive in memcached and end with the space before the key. Eight bytes distinguish all of them.
#[inline(always)]
#[must_use]
pub const fn classify(first8: u64) -> Class {
    let read = starts_with!(first8, b"get ")
        || starts_with!(first8, b"gets ")
        || starts_with!(first8, b"gat ")
        || starts_with!(first8, b"gats ")
        || starts_with!(first8, b"bget ")
        || starts_with!(first8, b"mg ");
    let store = starts_with!(first8, b"set ")
        || starts_with!(first8, b"add ")
        || starts_with!(first8, b"cas ")
        || starts_with!(first8, b"replace ")
        || starts_with!(first8, b"append ")
        || starts_with!(first8, b"prepend ")
        || starts_with!(first8, b"ms ");
    if read {
        Class::Read
    } else if store {
        Class::Store
    } else if starts_with!(first8, b"delete ") || starts_with!(first8, b"md ") {
        Class::Delete
    } else if starts_with!(first8, b"incr ") || starts_with!(first8, b"decr ") || starts_with!(first8, b"touch ") {
        Class::Other
    } else if starts_with!(first8, b"ma ") {
        Class::Arithmetic
    } else {
        Class::Unknown
    }
}

const fn repeat(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// Marks zero bytes by their top bit. The lowest mark is exact; higher ones may be false.
#[inline(always)]
const fn zero_bytes(word: u64) -> u64 {
    word.wrapping_sub(repeat(0x01)) & !word & repeat(0x80)
}

/// Number of words of a request that are searched at once. The window has one more to show what follows the last one.
pub const FLAG_STEP: usize = 2;

/// Whether a meta command has a flag with this `letter` among the tokens after its key. `None` if the window contains neither the flag
/// nor the end of the request.
///
/// `window` is a part of the request after the start of its key, as little-endian words; the next part starts [`FLAG_STEP`] words
/// later. `left` is the number of bytes of the connection's input from the start of the window; bytes after them belong to older
/// requests. `split`: memcached has split the request into tokens and put a NUL after each; otherwise a NUL ends the request.
///
/// It works on eight bytes at a time without state between them, so that the BPF verifier does not have to follow every byte: it looks
/// for a separator followed by the letter before the end of the request. In a split request a flag must be followed by a NUL, which
/// distinguishes it from the verb of a next line where lines end with a newline alone. So `v` and `x` with an argument, which has no
/// meaning, are not recognised there.
#[inline(always)]
#[must_use]
pub fn has_flag(window: &[u64; FLAG_STEP + 1], letter: u8, left: u64, split: bool) -> Option<bool> {
    // `letter` in every byte.
    let letters = repeat(1).wrapping_mul(letter as u64);
    let mut left = left;
    let mut next = 0;
    while next < FLAG_STEP {
        let word = window[next];
        next += 1;
        let following = window[next];
        let next_bytes = (word >> 8) | (following << 56);
        let line_ends = zero_bytes(word ^ repeat(b'\n'));
        let (flags, mut ends) = if split {
            let after = if letter == b'N' { 0 } else { (word >> 16) | (following << 48) };
            // Only the first space after a token was replaced by a NUL.
            (zero_bytes((word & !repeat(b' ')) | (next_bytes ^ letters) | after), line_ends)
        } else {
            (zero_bytes((word ^ repeat(b' ')) | (next_bytes ^ letters)), zero_bytes(word) | line_ends)
        };
        if left <= 8 {
            // The last byte may be a separator, but no flag follows it.
            ends |= 0x80 << (8 * left.saturating_sub(1));
        }
        if ends != 0 {
            return Some(flags != 0 && flags & flags.wrapping_neg() < ends & ends.wrapping_neg());
        }
        if flags != 0 {
            return Some(true);
        }
        left -= 8;
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
    fn a_class_survives_the_conversion_to_its_number() {
        for class in [Class::Unknown, Class::Read, Class::Store, Class::Delete, Class::Other, Class::Arithmetic] {
            assert_eq!(Class::of(class as u32), class);
        }
    }

    #[test]
    fn every_verb_is_classified() {
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

    /// Whether a flag is found in a text of which `left` bytes belong to the input.
    fn finds(letter: u8, text: &str, left: usize, split: bool) -> bool {
        let mut bytes = text.as_bytes().to_vec();
        bytes.resize(bytes.len().next_multiple_of(8 * FLAG_STEP) + 8, 0xff);
        let words: Vec<u64> = bytes.as_chunks().0.iter().map(|chunk| u64::from_le_bytes(*chunk)).collect();
        let windows = words.windows(FLAG_STEP + 1).step_by(FLAG_STEP).enumerate();
        let mut found = windows.filter_map(|(step, window)| {
            let left = left as u64 - (8 * FLAG_STEP * step) as u64;
            has_flag(window.try_into().unwrap(), letter, left, split)
        });
        found.next().unwrap_or(false)
    }

    #[test]
    fn flags_are_found_in_requests() {
        for line in
            [" v\r\n", "k v\r\n", "k s v t\r\n", "k  v\0junk", "vkey t v\n", "k vx\n", "abcdefg v\r\n", "abcdef v\r\n"]
        {
            assert!(finds(b'v', line, line.len(), false), "{line:?}");
        }
        for line in ["k\r\n", "v\r\n", "k s t\0 v", "k t\r\nget v v", "k Ov\n", "v\n", "abcdefg\n v", "abcdefgh\0v"] {
            assert!(!finds(b'v', line, line.len(), false), "{line:?}");
        }
        assert!(finds(b'x', "k q x\r\n", 7, false) && !finds(b'x', "k q v\r\n", 7, false));
    }

    #[test]
    fn flags_are_found_in_split_requests() {
        for line in
            ["k\0v\0\n", "\0v\0\n", "k\0s\0v\0t\0\n", "k\0 v\0\n", "vkey\0t\0v\0\n", "abcdefg\0v\0\n", "abcde\0v\0"]
        {
            assert!(finds(b'v', line, line.len(), true), "{line:?}");
        }
        for line in
            ["k\0\n", "v\0\n", "k\0s\0t\0\nmg k v\r\n", "k\0version\n", "k\0mg x v\n", "k\0Ov\0\n", "abcdefg\0vx\0\n"]
        {
            assert!(!finds(b'v', line, line.len(), true), "{line:?}");
        }
        assert!(finds(b'N', "k\0N0\0\n", 6, true) && !finds(b'N', "k\0J0\0\n", 6, true));
    }

    #[test]
    fn flags_of_older_requests_are_ignored() {
        for old in [" v\0\n", "\0v\0\n", "x\0v\0\n", "xxxxxxxx\0v\0\n"] {
            for length in 0..24 {
                let key = "k".repeat(length);
                assert!(!finds(b'v', &format!("{key}\0{old}"), length + 1, true), "{length} {old:?}");
                assert!(finds(b'v', &format!("{key}\0v\0{old}"), length + 3, true), "{length} {old:?}");
            }
        }
    }

    #[test]
    fn verbs_of_split_requests_are_restored() {
        let unsplit = |line: &[u8; 8]| unsplit(u64::from_le_bytes(*line)).to_le_bytes();
        assert_eq!(&unsplit(b"get\0k\0\n\0"), b"get k\0\n\0");
        assert_eq!(&unsplit(b"prepend\0"), b"prepend ");
        assert_eq!(&unsplit(b"md\0k\0q\0\x01"), b"md k\0q\0\x01");
        assert_eq!(&unsplit(b"get key\r"), b"get key\r");
    }

    proptest::proptest! {
        #[test]
        fn a_flag_is_found_if_a_token_starts_with_its_letter(
            key in "[!-~]{1,250}",
            flags in proptest::collection::vec("[a-zA-Z][0-9]{0,3}", 0..9),
            spaces in "[ ]{1,3}",
            line_end in "\r?\n",
            letter in proptest::sample::select(b"vxN".to_vec()),
        ) {
            let is_wanted = |flag: &String| flag.as_bytes()[0] == letter;
            let line = [vec![key], flags.clone()].concat().join(&spaces) + &line_end + "mg other v x\r\n";
            proptest::prop_assert_eq!(finds(letter, &line, line.len(), false), flags.iter().any(is_wanted));
            let (request, rest) = line.split_once('\n').unwrap();
            // memcached overwrites only the first space after a token.
            let tokens = request.strip_suffix('\r').unwrap_or(request);
            let tokens = tokens.replace(&*spaces, &spaces.replacen(' ', "\0", 1));
            let end = if line_end == "\n" { "\0" } else { "\0\n" };
            let split = tokens + end + rest;
            let expected = flags.iter().any(|flag| is_wanted(flag) && (letter == b'N' || flag.len() == 1));
            proptest::prop_assert_eq!(finds(letter, &split, split.len(), true), expected);
        }
    }
}
