//! A table for spreadsheets and data frames: RFC 4180, a line of names, a line of the totals, a line a key.
//!
//! A spreadsheet takes some texts for formulas, numbers or dates, and computes or rewrites them. So a key that it could
//! misread has an apostrophe in front, and what is not printable is escaped; such keys have their bytes in `key_b64` too, and
//! so have those beyond ASCII, since spreadsheets guess at the encoding. Where `key_b64` is empty, `key` is the key. Every text is quoted: some programs split unquoted ones at `;` and tabs too,
//! and what comes behind would be a cell of its own.
//!
//! Where keys are grouped, each line has further cells at its end.

use std::io::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use csv::{QuoteStyle, WriterBuilder};
use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};

use super::outcome::OutcomeFigures;
use super::{json, table};
use crate::model::key::Key;
use crate::model::ranking::{View, order};
use crate::model::snapshot::{Level, Row, Snapshot, per_second, share};
use crate::text::glyphs::UNICODE;

/// A line: of a row, or of the totals. Cells of figures that are unknown, or that make no sense in it, are empty.
struct Line<'a> {
    snapshot: &'a Snapshot,
    host: &'a str,
    /// The lines above the table for people.
    about: &'a str,
    row: Option<&'a Row>,
}

impl Serialize for Line<'_> {
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

/// What a line has besides where keys are grouped. The ranges are those of the items last seen.
#[derive(Default, Serialize)]
struct GroupCells {
    /// 1 for a key, all that there are in the line of the totals.
    keys: u64,
    size_min: Option<u32>,
    size_max: Option<u32>,
    /// Seconds, -1 for never.
    ttl_min: Option<i64>,
    ttl_max: Option<i64>,
}

impl GroupCells {
    fn new(row: &Row) -> Self {
        let (sizes, ttls) = (row.sizes(), row.ttls());
        Self {
            keys: row.keys,
            size_min: sizes.map(|(least, _)| least),
            size_max: sizes.map(|(_, most)| most),
            ttl_min: ttls.and_then(|(least, _)| json::ttl(least)),
            ttl_max: ttls.and_then(|(_, most)| json::ttl(most)),
        }
    }
}

/// Writes the lines. Rates and shares are over [`Snapshot::duration`], whatever the span of the view.
///
/// # Errors
/// Those of `out`.
pub(crate) fn write(snapshot: &Snapshot, view: &View, out: &mut impl Write) -> io::Result<()> {
    let order = order(snapshot, view);
    // Files are the same in every locale.
    let about = table::about(snapshot, view, &order, &UNICODE).join("; ");
    let host = guarded(&Key::new(snapshot.host.as_bytes()).escaped());
    let mut writer = WriterBuilder::new().quote_style(QuoteStyle::NonNumeric).from_writer(out);
    let grouped = matches!(snapshot.level, Level::Groups { .. });
    let mut write = |row, group: GroupCells| {
        let line = Line { snapshot, host: &host, about: &about, row };
        let written = if grouped { writer.serialize((line, group)) } else { writer.serialize(line) };
        written.map_err(io_error)
    };
    write(None, GroupCells { keys: snapshot.keys(), ..GroupCells::default() })?;
    for row in order.indices.iter().filter_map(|index| snapshot.rows.get(*index)) {
        write(Some(row), GroupCells::new(row))?;
    }
    writer.flush()
}

/// The failure of the output itself, of which the kind matters.
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

/// A text that stays one in a spreadsheet.
fn guarded(text: &str) -> String {
    if is_misread(text) { format!("'{text}") } else { text.to_owned() }
}

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
/// Longest date that is written with the name of its month, bytes: `September 30, 2026 23:59:59`.
const DATE_MAX: usize = 32;

/// Whether a spreadsheet may take a text for a formula (OWASP, "CSV Injection", has the list of first characters; the wide
/// ones count in some locales), for a number, a date or a truth value, or drop a space or an apostrophe in front.
fn is_misread(text: &str) -> bool {
    let formula = ['=', '+', '-', '@', '\t', '\r', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'];
    let begin = |c: char| c.is_numeric() || c.is_whitespace() || formula.contains(&c) || "'\".,$€£¥(".contains(c);
    let word = text.to_lowercase();
    let date = text.len() <= DATE_MAX
        && MONTHS.iter().any(|month| word.starts_with(month))
        && text.contains(|c: char| c.is_ascii_digit());
    text.starts_with(begin) || date || ["true", "false", "inf", "infinity", "nan"].contains(&&*word)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_could_be_misread_is_guarded_and_kept() {
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
        fn every_key_can_be_had_back(bytes in proptest::collection::vec(any::<u8>(), 1..=250)) {
            let (text, encoded) = cells(&Key::new(&bytes));
            let back = if encoded.is_empty() { text.into_bytes() } else { STANDARD.decode(encoded).unwrap() };
            prop_assert_eq!(back, bytes);
        }
    }
}
