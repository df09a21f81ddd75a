//! JSON that cannot harm a terminal: what is not visible in strings is written as `\uXXXX`, which any JSON reader undoes.

use std::io::{self, Write};

use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter};
use unicode_width::UnicodeWidthChar;

/// JSON whose strings have every control and zero-width character escaped: C0 as always, and also DEL, C1, bidirectional
/// controls, joiners and combining characters.
pub(super) struct Visible<F>(F);

/// In lines that people can read.
pub(super) fn pretty() -> Visible<PrettyFormatter<'static>> {
    Visible(PrettyFormatter::default())
}

/// In one line.
pub(super) const fn compact() -> Visible<CompactFormatter> {
    Visible(CompactFormatter)
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
    use serde::Serialize;

    fn written(text: &str) -> String {
        let mut out = Vec::new();
        text.serialize(&mut serde_json::Serializer::with_formatter(&mut out, pretty())).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_is_not_seen_is_escaped() {
        assert_eq!(
            written("\u{9b}31m\u{7f}\u{202e}\"\n\u{e0041}日本"),
            r#""\u009b31m\u007f\u202e\"\n\udb40\udc41日本""#
        );
    }

    proptest! {
        #[test]
        fn readers_see_the_same_text(text: String) {
            let written = written(&text);
            prop_assert!(written.chars().all(|c| !c.is_control()));
            prop_assert_eq!(serde_json::from_str::<String>(&written).unwrap(), text);
        }
    }
}
