//! CSV for spreadsheets and data frames (RFC 4180): a line of names, a line of totals, and a line per key.
//!
//! Spreadsheets take some texts for formulas, numbers or dates, and evaluate or rewrite them. So a key that could be misread gets
//! an apostrophe in front, and unprintable characters are escaped. `key_b64` then holds the bytes of the key, as it does for
//! keys that are not ASCII, because spreadsheets guess the encoding. If `key_b64` is empty, `key` is exact. Every text is quoted, because
//! some programs also split unquoted text at `;` and tabs.
//!
//! If keys are grouped, each line has additional cells at its end.

use std::io::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use csv::{QuoteStyle, WriterBuilder};
use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};

use super::json::{self, MemberFigures};
use super::outcome::OutcomeFigures;
use super::table;
use crate::model::key::Key;
use crate::model::ranking::{View, order};
use crate::model::snapshot::{Level, Row, Snapshot, per_second, share};
use crate::text::glyphs::UNICODE;

/// A line: of a row, or of the totals. Cells of figures that are unknown, or that make no sense in it, are empty.
struct CsvLine<'a> {
    snapshot: &'a Snapshot,
    host: &'a str,
    /// The lines above the table for people.
    about: &'a str,
    row: Option<&'a Row>,
}

impl Serialize for CsvLine<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { snapshot, host, about, row } = *self;
        let record = row.map_or("total", |row| if row.is_group() { "group" } else { "key" });
        let (key, key_b64) = row.map_or_else(Default::default, |row| cells(&row.key));
        let counts = row.map_or(&snapshot.total, |row| &row.total);
        let (calls, bytes) = (counts.calls(), counts.bytes());
        let is_of_bytes = |name: &str| name.starts_with("bytes_");
        let outcomes = match row {
            Some(row) => OutcomeFigures::new(snapshot, Some(row.target), &row.outcomes),
            None => OutcomeFigures::new(snapshot, None, &snapshot.outcomes),
        };

        let mut line = serializer.serialize_struct("Line", 0)?;
        line.serialize_field("record", record)?;
        line.serialize_field("host", host)?;
        line.serialize_field("started_at", &snapshot.started_at.to_string())?;
        line.serialize_field("duration_s", &snapshot.duration.as_secs_f64())?;
        let target = row.and_then(|row| snapshot.targets.get(row.target as usize));
        line.serialize_field("pid", &target.map(|target| target.pid))?;
        line.serialize_field("key", &key)?;
        line.serialize_field("key_b64", &key_b64)?;
        line.serialize_field("calls", &calls)?;
        line.serialize_field("gets", &counts.gets())?;
        for (name, count) in counts.named().iter().filter(|(name, _)| !is_of_bytes(name)) {
            line.serialize_field(name, count)?;
        }
        line.serialize_field("size", &row.and_then(|row| row.size))?;
        // Seconds, -1 for never.
        line.serialize_field("ttl", &row.and_then(|row| json::ttl(row.ttl)))?;
        line.serialize_field("bytes", &bytes)?;
        for (name, count) in counts.named().iter().filter(|(name, _)| is_of_bytes(name)) {
            line.serialize_field(name, count)?;
        }
        line.serialize_field("calls_per_s", &per_second(calls, snapshot.duration))?;
        line.serialize_field("bytes_per_s", &per_second(bytes, snapshot.duration))?;
        line.serialize_field("share_calls", &share(calls, snapshot.total.calls()))?;
        line.serialize_field("share_bytes", &share(bytes, snapshot.total.bytes()))?;
        for (name, count) in snapshot.loss.named() {
            line.serialize_field(name, &row.is_none().then_some(count))?;
        }
        line.serialize_field("about", if row.is_none() { about } else { "" })?;
        for (name, count) in outcomes.named() {
            line.serialize_field(name, &count)?;
        }
        line.end()
    }
}

/// Writes the lines. Rates and shares are over [`Snapshot::duration`], not over the span of the view.
///
/// # Errors
/// If `out` cannot be written.
pub(crate) fn write(snapshot: &Snapshot, view: &View, out: &mut impl Write) -> io::Result<()> {
    let order = order(snapshot, view);
    // The file must not depend on the locale.
    let about = table::preamble(snapshot, view, &order, &UNICODE).join("; ");
    let host = guarded(&Key::new(snapshot.host.as_bytes()).escaped());
    let mut writer = WriterBuilder::new().quote_style(QuoteStyle::NonNumeric).from_writer(out);
    let grouped = matches!(snapshot.level, Level::Groups { .. });
    let mut write = |row: Option<&Row>, members: MemberFigures| {
        let line = CsvLine { snapshot, host: &host, about: &about, row };
        let written = if grouped { writer.serialize((line, members)) } else { writer.serialize(line) };
        written.map_err(io_error)
    };
    write(None, MemberFigures::total(snapshot.keys()))?;
    for row in order.rows(snapshot) {
        write(Some(row), MemberFigures::new(row))?;
    }
    writer.flush()
}

/// Unwraps the error of the output, whose kind callers check.
fn io_error(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

/// The cells `key` and `key_b64`.
fn cells(key: &Key) -> (String, String) {
    let text = guarded(&key.escaped());
    let exact = text.is_ascii() && key.as_str() == Some(&text);
    (text, if exact { String::new() } else { STANDARD.encode(key.bytes()) })
}

/// The text, with an apostrophe in front if a spreadsheet could misread it.
fn guarded(text: &str) -> String {
    if is_misread(text) { format!("'{text}") } else { text.to_owned() }
}

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
/// Maximum length in bytes of a date that starts with the name of a month: `September 30, 2026 23:59:59`.
const DATE_MAX: usize = 32;

/// Whether a spreadsheet may take a text for a formula (OWASP, "CSV Injection", lists the first characters; some locales accept
/// the full-width ones), a number, a date or a boolean, or drop a leading space or apostrophe.
fn is_misread(text: &str) -> bool {
    let formula = ['=', '+', '-', '@', '\t', '\r', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'];
    let unsafe_start =
        |c: char| c.is_numeric() || c.is_whitespace() || formula.contains(&c) || "'\".,$€£¥(".contains(c);
    let word = text.to_lowercase();
    let date = text.len() <= DATE_MAX
        && MONTHS.iter().any(|month| word.starts_with(month))
        && text.contains(|c: char| c.is_ascii_digit());
    text.starts_with(unsafe_start) || date || ["true", "false", "inf", "infinity", "nan"].contains(&&*word)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn text_that_could_be_misread_is_guarded_and_kept_exactly() {
        for misread in [
            "=1+1",
            "+1",
            "-1",
            "@SUM(A1)",
            "'quoted",
            "00123",
            "1e5",
            ".5",
            "2026-01-02",
            "12:30",
            "TRUE",
            "false",
            "Sep-12",
            "march 3",
            "nan",
            "＝1+1",
            "$5",
            "\"a\"",
        ] {
            let (text, bytes) = cells(&Key::new(misread.as_bytes()));
            assert_eq!((text, bytes), (format!("'{misread}"), STANDARD.encode(misread)));
        }
        for plain in ["user:1234", "a=1", "~0d7432fcc9d51408", "podYYY:rails:NN::shop-KEY", "marathon", "a;=1+1"] {
            assert_eq!(cells(&Key::new(plain.as_bytes())), (plain.to_owned(), String::new()));
        }
        assert_eq!(cells(&Key::new("日本".as_bytes())), ("日本".to_owned(), STANDARD.encode("日本")));
        assert_eq!(cells(&Key::new(b"\t=1")), ("\\x09=1".to_owned(), STANDARD.encode("\t=1")));
    }

    proptest! {
        #[test]
        fn every_key_can_be_restored(bytes in proptest::collection::vec(any::<u8>(), 1..=250)) {
            let (text, encoded) = cells(&Key::new(&bytes));
            let back = if encoded.is_empty() { text.into_bytes() } else { STANDARD.decode(encoded).unwrap() };
            prop_assert_eq!(back, bytes);
        }
    }
}
