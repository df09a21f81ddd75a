//! What is said on standard error.

use std::io::{self, IsTerminal, Write};
use std::sync::{PoisonError, RwLock};

use super::{progress, settings, terminal_columns};
use crate::text::fit::{width, wrap};
use crate::text::glyphs::Glyphs;

/// Indents the further lines of a paragraph.
const INDENT: &str = "  ";

/// The symbols of the settings, once these are known.
static GLYPHS: RwLock<Option<Glyphs>> = RwLock::new(None);

/// Speaks in these symbols from now on.
pub(super) fn set_glyphs(glyphs: Glyphs) {
    *GLYPHS.write().unwrap_or_else(PoisonError::into_inner) = Some(glyphs);
}

/// Before the settings are known, those of the environment.
fn glyphs() -> Glyphs {
    let known = *GLYPHS.read().unwrap_or_else(PoisonError::into_inner);
    known.unwrap_or_else(settings::of_environment)
}

/// Says something on standard error. It does not matter that nobody may be there to read it.
pub(crate) fn tell(text: &str) {
    let mut paragraph = paragraph(text, &glyphs());
    if let Some(room) = terminal_columns().filter(|_| io::stderr().is_terminal()) {
        paragraph = fitted(&paragraph, room);
    }
    progress::aside(|| {
        let _ = writeln!(io::stderr(), "{paragraph}");
    });
}

/// A paragraph in lines of a terminal, which would break them within words. None of them looks like the begin of another one.
fn fitted(paragraph: &str, room: usize) -> String {
    let mut lines = Vec::new();
    for line in paragraph.split('\n') {
        if width(line) <= room {
            lines.push(line.to_owned());
            continue;
        }
        let text = line.trim_start();
        let indent = &line[..line.len() - text.len()];
        let rest = if indent.is_empty() { INDENT } else { indent };
        // The first line has as much room as the others, so that one way to break them fits all.
        let pieces = wrap(text, room.saturating_sub(rest.len()));
        let indents = std::iter::once(indent).chain(std::iter::repeat(rest));
        lines.extend(indents.zip(pieces).map(|(indent, piece)| format!("{indent}{piece}")));
    }
    lines.join("\n")
}

/// A text as a paragraph of this program, whose own words are ASCII. What it quotes, of files and of other processes, neither
/// does harm to a terminal nor looks like another paragraph: the kernel explains itself in several lines, which are indented.
fn paragraph(text: &str, glyphs: &Glyphs) -> String {
    let mut paragraph = String::from("mctop: ");
    for c in text.trim_end().chars() {
        match c {
            '\n' => {
                paragraph.push('\n');
                paragraph.push_str(INDENT);
            }
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
    use crate::text::glyphs::{ASCII, UNICODE};

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

    #[test]
    fn lines_break_between_words_and_none_looks_like_another_paragraph() {
        let text = paragraph("it goes on mctop: all is well\n  deep and long enough", &UNICODE);
        assert_eq!(fitted(&text, 20), "mctop: it goes on\n  mctop: all is well\n    deep and long\n    enough");
        assert_eq!(fitted(&text, 80), text);
        assert_eq!(fitted("mctop: a", 1).lines().next(), Some("mc"));
    }
}
