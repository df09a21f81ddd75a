//! Keys are bytes from strangers: how they are shown without harm, and how they are written without loss.

use std::fmt::Write as _;
use std::sync::Arc;

use unicode_width::UnicodeWidthChar;

/// A memcached key: 1 to 250 arbitrary bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Arc<[u8]>);

impl Key {
    /// A key of these bytes.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The key as text when it is valid UTF-8, unescaped: for machine formats only.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        str::from_utf8(&self.0).ok()
    }

    /// The key as a terminal may show it: control, bidirectional, zero-width and other invisible characters and bytes that
    /// are not UTF-8 as `\xNN` or `\u{N}`, a backslash doubled.
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

/// Whether a character outside ASCII changes how others are shown, or is not seen itself: C1 controls, bidirectional
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

    proptest! {
        #[test]
        fn escaping_is_harmless_and_lossless(bytes in proptest::collection::vec(any::<u8>(), 0..250)) {
            let shown = Key::new(&bytes).escaped();
            prop_assert!(shown.chars().all(|c| !c.is_control() && c.width().unwrap_or(0) > 0));
            prop_assert_eq!(unescape(&shown), bytes);
        }
    }

    fn unescape(shown: &str) -> Vec<u8> {
        let mut out = Vec::new();
        let mut rest = shown;
        while let Some(c) = rest.chars().next() {
            if let Some(r) = rest.strip_prefix("\\\\") {
                out.push(b'\\');
                rest = r;
            } else if let Some(r) = rest.strip_prefix("\\x") {
                out.push(u8::from_str_radix(&r[..2], 16).unwrap());
                rest = &r[2..];
            } else if let Some(r) = rest.strip_prefix("\\u{") {
                let (hex, r) = r.split_once('}').unwrap();
                let c = char::from_u32(u32::from_str_radix(hex, 16).unwrap()).unwrap();
                out.extend(c.to_string().bytes());
                rest = r;
            } else {
                out.extend(c.to_string().bytes());
                rest = &rest[c.len_utf8()..];
            }
        }
        out
    }
}
