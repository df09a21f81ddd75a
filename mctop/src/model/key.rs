//! Keys are arbitrary bytes chosen by clients. They are shown safely on terminals, and written losslessly to files.

use std::fmt::{self, Write as _};
use std::sync::Arc;

use unicode_width::UnicodeWidthChar;

/// A memcached key: 1 to 250 arbitrary bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Arc<[u8]>);

impl Key {
    /// A key with these bytes.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The unescaped key if it is valid UTF-8. For machine formats only.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        str::from_utf8(&self.0).ok()
    }

    /// The key in a form that is safe for terminals. Control, bidirectional, zero-width and other invisible characters and
    /// bytes that are not UTF-8 become `\xNN` or `\u{N}`; backslashes are doubled.
    #[must_use]
    pub fn escaped(&self) -> String {
        let mut out = String::with_capacity(self.0.len());
        for chunk in self.0.utf8_chunks() {
            for c in chunk.valid().chars() {
                push_escaped(&mut out, c);
            }
            for byte in chunk.invalid() {
                let _ = write!(out, "\\x{byte:02x}");
            }
        }
        out
    }
}

/// As [`Key::escaped`].
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.escaped())
    }
}

/// The bytes that a text as shown stands for, with every `\xNN`, `\u{N}` and doubled backslash decoded; `None` if it has none of
/// these.
pub(crate) fn unescaped(shown: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(shown.len());
    let mut rest = shown;
    while let Some(c) = rest.chars().next() {
        if let Some((escaped, after)) = escape(rest) {
            bytes.extend(escaped);
            rest = after;
        } else {
            bytes.extend(c.encode_utf8(&mut [0; 4]).bytes());
            rest = rest.get(c.len_utf8()..).unwrap_or_default();
        }
    }
    (bytes != shown.as_bytes()).then_some(bytes)
}

/// Converts a text as shown, or part of one, to the escapes of [`Key::escaped`]. Terminals with fewer characters show more escapes.
pub(crate) fn as_escaped(shown: &str) -> String {
    let mut out = String::with_capacity(shown.len());
    let mut rest = shown;
    while let Some(c) = rest.chars().next() {
        if let Some((bytes, after)) = escape(rest) {
            out.push_str(&Key::new(&bytes).escaped());
            rest = after;
        } else {
            out.push(c);
            rest = rest.get(c.len_utf8()..).unwrap_or_default();
        }
    }
    out
}

/// Decodes the escape at the start of a text, if there is one, and returns its bytes and the rest of the text.
pub(crate) fn escape(text: &str) -> Option<(Vec<u8>, &str)> {
    let text = text.strip_prefix('\\')?;
    if let Some(after) = text.strip_prefix('\\') {
        return Some((vec![b'\\'], after));
    }
    // The standard library would also accept a sign.
    let number = |digits: &str| {
        let all = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        u32::from_str_radix(digits, 16).ok().filter(|_| all)
    };
    if let Some(hex) = text.strip_prefix('x') {
        let (digits, after) = hex.split_at_checked(2)?;
        return Some((vec![u8::try_from(number(digits)?).ok()?], after));
    }
    let (digits, after) = text.strip_prefix("u{")?.split_once('}')?;
    let c = char::from_u32(number(digits)?)?;
    Some((c.to_string().into_bytes(), after))
}

fn push_escaped(out: &mut String, c: char) {
    match c {
        '\\' => out.push_str("\\\\"),
        ' '..='~' => out.push(c),
        '\0'..='\x7f' => {
            let _ = write!(out, "\\x{:02x}", c as u32);
        }
        _ if is_hidden(c) => {
            let _ = write!(out, "\\u{{{:x}}}", c as u32);
        }
        _ => out.push(c),
    }
}

/// Whether a character outside ASCII is invisible or changes how others are shown: C1 controls, bidirectional
/// controls, zero-width and combining characters, tags, variation selectors, unusual spaces, private use,
/// and the two noncharacters that XML forbids.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || c.is_whitespace()
        || c.width().unwrap_or(0) == 0
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}'
            | '\u{e000}'..='\u{f8ff}' | '\u{e0000}'..='\u{e0fff}' | '\u{f0000}'..)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn hostile_keys_are_escaped() {
        for (bytes, shown) in [
            (&b"plain:key/1"[..], "plain:key/1"),
            (b"\x1b[2J\x07", "\\x1b[2J\\x07"),
            (b"a\\b", "a\\\\b"),
            (b"\xff\xfe", "\\xff\\xfe"),
            ("\u{202e}evil".as_bytes(), "\\u{202e}evil"),
            ("zero\u{200b}width".as_bytes(), "zero\\u{200b}width"),
            ("\u{9b}31m".as_bytes(), "\\u{9b}31m"),
            ("e\u{301}".as_bytes(), "e\\u{301}"),
            ("日本".as_bytes(), "日本"),
        ] {
            assert_eq!(Key::new(bytes).escaped(), shown);
        }
    }

    #[test]
    fn only_what_is_an_escape_is_undone() {
        for (shown, bytes) in [
            ("bad\\xff", &b"bad\xff"[..]),
            ("tab\\x09here", b"tab\there"),
            ("a\\\\b\\\\x41", b"a\\b\\x41"),
            ("\\u{65e5}\\u{202E}\\xFF", b"\xe6\x97\xa5\xe2\x80\xae\xff"),
            ("\\x41\\x4", b"A\\x4"),
            ("\\x41\\d+\\u{}\\u{d800}\\u{+41}\\x+1\\", b"A\\d+\\u{}\\u{d800}\\u{+41}\\x+1\\"),
        ] {
            assert_eq!(unescaped(shown).as_deref(), Some(bytes), "{shown}");
        }
        for plain in ["", "plain", "\\d+", "a\\", "\\x", "\\xg1", "\\xé", "\\u{110000}", "\\u{41"] {
            assert_eq!(unescaped(plain), None, "{plain}");
        }
    }

    proptest! {
        #[test]
        fn escaping_is_harmless_and_lossless(bytes in proptest::collection::vec(any::<u8>(), 0..250)) {
            let shown = Key::new(&bytes).escaped();
            prop_assert!(shown.chars().all(|c| !c.is_control() && c.width().unwrap_or(0) > 0));
            prop_assert_eq!(unescaped(&shown).unwrap_or(shown.into_bytes()), bytes);
        }
    }
}
