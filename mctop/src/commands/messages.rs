//! Messages on standard error.

use std::io::{self, Write};
use std::sync::{PoisonError, RwLock};

use super::output::terminal_width;
use super::progress;
use crate::text::fit::{width, wrap};
use crate::text::glyphs::{ASCII, Glyphs};

/// Indentation of the second and further lines of a message.
const INDENT: &str = "  ";

/// The symbols in messages.
static GLYPHS: RwLock<Glyphs> = RwLock::new(ASCII);

/// Uses these symbols from now on.
pub(super) fn set_glyphs(glyphs: Glyphs) {
    *GLYPHS.write().unwrap_or_else(PoisonError::into_inner) = glyphs;
}

/// Prints a message on standard error. Errors are ignored, because there is nowhere else to report them.
pub(crate) fn print_message(text: &str) {
    let mut message = message(text, &GLYPHS.read().unwrap_or_else(PoisonError::into_inner));
    if let Some(room) = terminal_width(&io::stderr()) {
        message = fitted(&message, room);
    }
    progress::with_hidden_line(|| {
        let _ = writeln!(io::stderr(), "{message}");
    });
}

/// Wraps a message at words. No line looks like the start of another message.
fn fitted(message: &str, room: usize) -> String {
    let mut lines = Vec::new();
    for line in message.split('\n') {
        if width(line) <= room {
            lines.push(line.to_owned());
            continue;
        }
        let text = line.trim_start();
        let indent = &line[..line.len() - text.len()];
        let rest = if indent.is_empty() { INDENT } else { indent };
        // The first line is no wider than the others, so that a single width fits all.
        let pieces = wrap(text, room.saturating_sub(rest.len()));
        let indents = std::iter::once(indent).chain(std::iter::repeat(rest));
        lines.extend(indents.zip(pieces).map(|(indent, piece)| format!("{indent}{piece}")));
    }
    lines.join("\n")
}

/// A text as a message of this program. Text quoted from files, other processes and the kernel may have several lines and
/// control characters: lines are indented, so that none looks like another message, and control characters are escaped.
fn message(text: &str, glyphs: &Glyphs) -> String {
    let mut message = String::from("mctop: ");
    for c in text.trim_end().chars() {
        match c {
            '\n' => {
                message.push('\n');
                message.push_str(INDENT);
            }
            ' '..='~' => message.push(c),
            _ if glyphs.unicode || c.is_ascii() => message.extend(c.escape_debug()),
            _ => message.extend(c.escape_unicode()),
        }
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::glyphs::UNICODE;

    #[test]
    fn a_message_is_harmless_and_looks_like_one() {
        for (text, expected) in [
            ("cannot open f: No such file", "mctop: cannot open f: No such file"),
            ("refused:\n0: exit\nmctop: all is well\n", "mctop: refused:\n  0: exit\n  mctop: all is well"),
            ("process (\u{1b}[2J\r\u{9b}m\u{202e})", "mctop: process (\\u{1b}[2J\\r\\u{9b}m\\u{202e})"),
            ("dump … \"é\" it's", "mctop: dump … \"é\" it's"),
        ] {
            assert_eq!(message(text, &UNICODE), expected);
        }
        assert_eq!(message("\"é\"\r\n\u{202e}", &ASCII), "mctop: \"\\u{e9}\"\\r\n  \\u{202e}");
    }

    #[test]
    fn lines_break_between_words_and_none_looks_like_another_message() {
        let text = message("it goes on mctop: all is well\n  deep and long enough", &UNICODE);
        assert_eq!(fitted(&text, 20), "mctop: it goes on\n  mctop: all is well\n    deep and long\n    enough");
        assert_eq!(fitted(&text, 80), text);
        assert_eq!(fitted("mctop: a", 1).lines().next(), Some("mc"));
    }
}
