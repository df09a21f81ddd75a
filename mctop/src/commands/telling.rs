//! What is said on standard error.

use std::io::{self, Write};
use std::sync::{PoisonError, RwLock};

use super::{progress, settings};
use crate::report::glyphs::Glyphs;

/// The symbols of the settings, once these are known.
static GLYPHS: RwLock<Option<Glyphs>> = RwLock::new(None);

/// Speaks in these symbols from now on.
pub fn set_glyphs(glyphs: Glyphs) {
    *GLYPHS.write().unwrap_or_else(PoisonError::into_inner) = Some(glyphs);
}

/// Before the settings are known, those of the locale.
fn glyphs() -> Glyphs {
    let known = *GLYPHS.read().unwrap_or_else(PoisonError::into_inner);
    known.unwrap_or_else(settings::of_locale)
}

/// Says something on standard error. It does not matter that nobody may be there to read it.
pub fn tell(text: &str) {
    progress::aside(|| {
        let _ = writeln!(io::stderr(), "{}", paragraph(text, &glyphs()));
    });
}

/// A text as a paragraph of this program, whose own words are ASCII. What it quotes, of files and of other processes, neither
/// does harm to a terminal nor looks like another paragraph: the kernel explains itself in several lines, which are indented.
fn paragraph(text: &str, glyphs: &Glyphs) -> String {
    let mut paragraph = String::from("mctop: ");
    for c in text.trim_end().chars() {
        match c {
            '\n' => paragraph.push_str("\n  "),
            ' '..='~' => paragraph.push(c),
            _ if glyphs.unicode || c.is_ascii() => paragraph.extend(c.escape_debug()),
            _ => paragraph.extend(c.escape_unicode()),
        }
    }
    paragraph
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::glyphs::{ASCII, UNICODE};

    #[test]
    fn a_paragraph_is_harmless_and_looks_like_one() {
        for (text, expected) in [
            ("cannot open f: No such file", "mctop: cannot open f: No such file"),
            ("refused:\n0: exit\nmctop: all is well\n", "mctop: refused:\n  0: exit\n  mctop: all is well"),
            ("process (\u{1b}[2J\r\u{9b}m\u{202e})", "mctop: process (\\u{1b}[2J\\r\\u{9b}m\\u{202e})"),
            ("dump … \"é\" it's", "mctop: dump … \"é\" it's"),
        ] {
            assert_eq!(paragraph(text, &UNICODE), expected);
        }
        assert_eq!(paragraph("\"é\"\r\n\u{202e}", &ASCII), "mctop: \"\\u{e9}\"\\r\n  \\u{202e}");
    }
}
