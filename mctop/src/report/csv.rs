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
use serde::Serialize;

use super::json::{self, MemberFigures};
use super::outcome::OutcomeFigures;
use super::table;
use crate::model::counts::Counts;
use crate::model::key::Key;
use crate::model::ranking::{View, order};
use crate::model::snapshot::{Level, Loss, Row, Snapshot, per_second, share};
use crate::text::glyphs::UNICODE;

/// A line. Figures that are unknown or do not apply to it are empty.
#[derive(Serialize)]
struct Line<'a> {
    /// `total` in the first line, then `key`, or `group` for several keys in one line.
    record: &'static str,
    host: &'a str,
    started_at: String,
    duration_s: f64,
    pid: Option<u32>,
    key: String,
    key_b64: String,
    calls: u64,
    gets: u64,
    hits: u64,
    misses: u64,
    expired: u64,
    flushed: u64,
    sets: u64,
    deletes: u64,
    delete_hits: u64,
    other: u64,
    other_hits: u64,
    size: Option<u32>,
    /// Seconds, -1 for never.
    ttl: Option<i64>,
    bytes: u64,
    bytes_out: u64,
    bytes_in: u64,
    calls_per_s: f64,
    bytes_per_s: f64,
    share_calls: f64,
    share_bytes: f64,
    untracked_calls: Option<u64>,
    untracked_bytes: Option<u64>,
    read_faults: Option<u64>,
    truncated_keys: Option<u64>,
    full_intervals: Option<u64>,
    overlong_intervals: Option<u64>,
    forgotten_keys: Option<u64>,
    /// In the line of totals, the lines above the table for people.
    about: String,
}

/// Outcomes of items; empty if they are not watched.
#[derive(Serialize)]
struct OutcomeCells {
    not_stored: Option<u64>,
    exists: Option<u64>,
    evicted: Option<u64>,
}

impl From<OutcomeFigures> for OutcomeCells {
    fn from(figures: OutcomeFigures) -> Self {
        let [not_stored, exists, evicted] = figures.cells();
        Self { not_stored, exists, evicted }
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
    let mut write = |line: Line<'_>, outcomes: OutcomeFigures, members: MemberFigures| {
        let line = (line, OutcomeCells::from(outcomes));
        let written = if grouped { writer.serialize((line, members)) } else { writer.serialize(line) };
        written.map_err(io_error)
    };
    let outcomes = OutcomeFigures::known(snapshot).unwrap_or_default();
    write(total(snapshot, &host, about), outcomes, MemberFigures::total(snapshot.keys()))?;
    for row in order.rows(snapshot) {
        let outcomes = OutcomeFigures::new(snapshot, Some(row.target), &row.outcomes);
        write(key(snapshot, &host, row), outcomes, MemberFigures::new(row))?;
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

fn total<'a>(snapshot: &Snapshot, host: &'a str, about: String) -> Line<'a> {
    let Loss {
        untracked_calls,
        untracked_bytes,
        read_faults,
        truncated_keys,
        full_intervals,
        overlong_intervals,
        forgotten_keys,
    } = snapshot.loss;
    Line {
        untracked_calls: Some(untracked_calls),
        untracked_bytes: Some(untracked_bytes),
        read_faults: Some(read_faults),
        truncated_keys: Some(truncated_keys),
        full_intervals: Some(full_intervals),
        overlong_intervals: Some(overlong_intervals),
        forgotten_keys: Some(forgotten_keys),
        about,
        ..line("total", snapshot, host, &snapshot.total)
    }
}

fn key<'a>(snapshot: &Snapshot, host: &'a str, row: &Row) -> Line<'a> {
    let (key, key_b64) = cells(&row.key);
    Line {
        pid: snapshot.targets.get(row.target as usize).map(|target| target.pid),
        key,
        key_b64,
        size: row.size,
        ttl: json::ttl(row.ttl),
        ..line(if row.is_group() { "group" } else { "key" }, snapshot, host, &row.total)
    }
}

fn line<'a>(record: &'static str, snapshot: &Snapshot, host: &'a str, counts: &Counts) -> Line<'a> {
    let Counts { hits, misses, expired, flushed, sets, deletes, delete_hits, other, other_hits, bytes_out, bytes_in } =
        *counts;
    Line {
        record,
        host,
        started_at: snapshot.started_at.to_string(),
        duration_s: snapshot.duration.as_secs_f64(),
        pid: None,
        key: String::new(),
        key_b64: String::new(),
        calls: counts.calls(),
        gets: counts.gets(),
        hits,
        misses,
        expired,
        flushed,
        sets,
        deletes,
        delete_hits,
        other,
        other_hits,
        size: None,
        ttl: None,
        bytes: counts.bytes(),
        bytes_out,
        bytes_in,
        calls_per_s: per_second(counts.calls(), snapshot.duration),
        bytes_per_s: per_second(counts.bytes(), snapshot.duration),
        share_calls: share(counts.calls(), snapshot.total.calls()),
        share_bytes: share(counts.bytes(), snapshot.total.bytes()),
        untracked_calls: None,
        untracked_bytes: None,
        read_faults: None,
        truncated_keys: None,
        full_intervals: None,
        overlong_intervals: None,
        forgotten_keys: None,
        about: String::new(),
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
