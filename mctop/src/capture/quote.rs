//! Text from files in messages.

/// Maximum number of characters quoted from a file in an error.
const QUOTED_MAX: usize = 240;

/// Text from a file, or a file name, for use in a message: on one line, safe to print on a terminal, and shortened if long.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::new();
    for (index, c) in text.chars().enumerate() {
        match c {
            _ if index == QUOTED_MAX => {
                out.push_str("...");
                break;
            }
            ' '..='~' => out.push(c),
            _ => out.extend(c.escape_debug()),
        }
    }
    out
}
