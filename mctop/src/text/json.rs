//! JSON that cannot harm a terminal: invisible characters in strings are written as `\uXXXX`, which any JSON parser decodes.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter};
use unicode_width::UnicodeWidthChar;

/// A JSON formatter that escapes every control and zero-width character in strings: besides C0 also DEL, C1, bidirectional
/// controls, joiners and combining characters.
struct Visible<F>(F);

/// Writes an indented document.
///
/// # Errors
/// If `out` cannot be written.
pub(crate) fn write_document(document: &impl Serialize, out: &mut impl Write) -> io::Result<()> {
    document.serialize(&mut Serializer::with_formatter(&mut *out, Visible(PrettyFormatter::default())))?;
    writeln!(out)
}

/// Writes a document on one line.
///
/// # Errors
/// If `out` cannot be written.
pub(crate) fn write_line(document: &impl Serialize, out: &mut impl Write) -> io::Result<()> {
    document.serialize(&mut Serializer::with_formatter(&mut *out, Visible(CompactFormatter)))?;
    writeln!(out)
}

macro_rules! delegate {
    ($($name:ident($($argument:ident: $kind:ty),*)),* $(,)?) => {
        $(fn $name<W: ?Sized + Write>(&mut self, writer: &mut W $(, $argument: $kind)*) -> io::Result<()> {
            self.0.$name(writer $(, $argument)*)
        })*
    };
}

impl<F: Formatter> Formatter for Visible<F> {
    delegate!(
        begin_array(),
        end_array(),
        begin_array_value(first: bool),
        end_array_value(),
        begin_object(),
        end_object(),
        begin_object_key(first: bool),
        end_object_key(),
        begin_object_value(),
        end_object_value(),
    );

    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut written = 0;
        for (start, c) in fragment.char_indices().filter(|(_, c)| c.width().unwrap_or(0) == 0) {
            writer.write_all(&fragment.as_bytes()[written..start])?;
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
            written = start + c.len_utf8();
        }
        writer.write_all(&fragment.as_bytes()[written..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(text: &str) -> String {
        let mut out = Vec::new();
        write_document(&text, &mut out).unwrap();
        String::from_utf8(out).unwrap().trim_end_matches('\n').to_owned()
    }

    #[test]
    fn invisible_characters_are_escaped() {
        assert_eq!(
            written("\u{9b}31m\u{7f}\u{202e}\"\n\u{e0041}日本"),
            r#""\u009b31m\u007f\u202e\"\n\udb40\udc41日本""#
        );
    }

    proptest! {
        #[test]
        fn parsers_read_the_original_text(text: String) {
            let written = written(&text);
            prop_assert!(written.chars().all(|c| !c.is_control()));
            prop_assert_eq!(serde_json::from_str::<String>(&written).unwrap(), text);
        }
    }
}
