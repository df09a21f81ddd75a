//! A fast parser for interval lines in exactly the form that mctop writes. With serde alone, most of the time to read a
//! capture goes into parsing. Any line in another form, even if equivalent, is left to serde, which also reports errors.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::KEYS_MAX;
use super::change::ChangeLine;
use super::entry::{KeyEntries, checked_key};
use super::format::{CostLine, IntervalFields, OthersLine};
use crate::model::counts::Counts;
use crate::model::interval::Record;
use crate::model::key::Key;
use crate::model::outcomes::Outcomes;
use crate::model::snapshot::{Loss, Ttl};

/// The bytes that separate the head of a line from its keys.
const KEYS_START: &[u8] = b",\"keys\":[";
/// Maximum length of the head and of the tail of a line, because both are copied. Eleven counts, seven losses and two times
/// need less than a kilobyte; server changes can need more, but they are rare.
const HEAD_TAIL_MAX: usize = 16 << 10;

/// The fields before the keys. Together with [`Tail`] these are all known fields; a line with an unknown or repeated field
/// is left to serde.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    #[serde(rename = "type")]
    _kind: IgnoredAny,
    start_s: f64,
    end_s: f64,
    total: Counts,
    loss: Loss,
}

/// The fields after the keys.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Tail {
    others: Option<OthersLine>,
    outcomes: Outcomes,
    extrapolated: bool,
    cost: Option<CostLine>,
    changes: Vec<ChangeLine>,
}

/// Parses an interval line; `None` if it is not in the form that mctop writes.
pub(super) fn parse_interval(line: &[u8]) -> Option<IntervalFields> {
    let start = line.get(..HEAD_TAIL_MAX).unwrap_or(line);
    let at = start.windows(KEYS_START.len()).position(|bytes| bytes == KEYS_START)?;
    let (head, mut rest) = (line.get(..at)?, line.get(at + KEYS_START.len()..)?);
    // The head must be a complete object, otherwise the keys found might belong to a nested one.
    let Head { start_s, end_s, total, loss, .. } = serde_json::from_slice(&[head, b"}"].concat()).ok()?;
    let keys = KeyEntries(parse_records(&mut rest)?);
    let Tail { others, outcomes, extrapolated, cost, changes } = match rest {
        [b'}', b'\n'] => Tail::default(),
        [b',', tail @ ..] if tail.starts_with(b"\"") && tail.len() <= HEAD_TAIL_MAX => {
            serde_json::from_slice(&[b"{", tail].concat()).ok()?
        }
        _ => return None,
    };
    Some(IntervalFields { start_s, end_s, total, loss, keys, others, outcomes, extrapolated, cost, changes })
}

/// Parses the entries up to the end of the list.
fn parse_records(rest: &mut &[u8]) -> Option<Vec<Record>> {
    let mut records = Vec::new();
    if let Some(after) = rest.strip_prefix(b"]") {
        *rest = after;
        return Some(records);
    }
    while records.len() < KEYS_MAX {
        records.push(parse_record(rest)?);
        match next_byte(rest)? {
            b',' => {}
            b']' => return Some(records),
            _ => return None,
        }
    }
    None
}

/// Which fields of an entry were seen, to refuse duplicates.
#[derive(Default)]
struct SeenFields(u32);

impl SeenFields {
    /// Marks a field as seen; `None` if it was seen before.
    fn mark(&mut self, number: u8) -> Option<()> {
        let bit = 1 << number;
        let is_repeated = self.0 & bit != 0;
        self.0 |= bit;
        (!is_repeated).then_some(())
    }
}

fn parse_record(rest: &mut &[u8]) -> Option<Record> {
    let mut seen = SeenFields::default();
    let mut key: Option<Key> = None;
    let (mut target, mut size, mut ttl, mut counts) = (0, None, Ttl::Unknown, Counts::default());
    let mut outcomes = Outcomes::default();
    let mut expected = b'{';
    loop {
        if next_byte(rest)? != expected {
            return None;
        }
        let name = parse_string(rest)?;
        if next_byte(rest)? != b':' {
            return None;
        }
        let (field, count) = match name {
            b"key" | b"key_b64" => {
                let text = str::from_utf8(parse_string(rest)?).ok()?;
                let is_plain = name == b"key";
                key = if is_plain { checked_key(text.as_bytes()) } else { checked_key(&STANDARD.decode(text).ok()?) }
                    .ok();
                // Both have the same number, because an entry must not have both.
                (0, None)
            }
            b"target" => {
                target = u32::try_from(parse_number(rest)?).ok()?;
                (1, None)
            }
            b"size" => {
                size = Some(u32::try_from(parse_number(rest)?).ok()?);
                (2, None)
            }
            b"ttl" => {
                ttl = parse_ttl(rest)?;
                (3, None)
            }
            b"hits" => (4, Some(&mut counts.hits)),
            b"misses" => (5, Some(&mut counts.misses)),
            b"expired" => (6, Some(&mut counts.expired)),
            b"flushed" => (7, Some(&mut counts.flushed)),
            b"sets" => (8, Some(&mut counts.sets)),
            b"deletes" => (9, Some(&mut counts.deletes)),
            b"delete_hits" => (10, Some(&mut counts.delete_hits)),
            b"other" => (11, Some(&mut counts.other)),
            b"other_hits" => (12, Some(&mut counts.other_hits)),
            b"bytes_out" => (13, Some(&mut counts.bytes_out)),
            b"bytes_in" => (14, Some(&mut counts.bytes_in)),
            b"not_stored" => (15, Some(&mut outcomes.not_stored)),
            b"exists" => (16, Some(&mut outcomes.exists)),
            b"evicted" => (17, Some(&mut outcomes.evicted)),
            _ => return None,
        };
        seen.mark(field)?;
        if let Some(count) = count {
            *count = parse_number(rest)?;
        }
        match rest.first()? {
            b'}' => break,
            _ => expected = b',',
        }
    }
    next_byte(rest)?;
    Some(Record { key: key?, target, counts, size, ttl, outcomes })
}

/// Takes the next byte.
fn next_byte(rest: &mut &[u8]) -> Option<u8> {
    let (byte, after) = rest.split_first()?;
    *rest = after;
    Some(*byte)
}

/// Takes a string without escapes, and returns it without its quotes.
fn parse_string<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let inside = rest.strip_prefix(b"\"")?;
    let length = inside.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..b' '))?;
    let (text, after) = inside.split_at_checked(length)?;
    *rest = after.strip_prefix(b"\"")?;
    Some(text)
}

/// Takes a number of at most 19 digits, which always fits 64 bits. The caller checks what follows.
fn parse_number(rest: &mut &[u8]) -> Option<u64> {
    let length = rest.iter().position(|byte| !byte.is_ascii_digit())?;
    let (digits, after) = rest.split_at_checked(length)?;
    if length > 19 || matches!(digits, [] | [b'0', _, ..]) {
        return None;
    }
    *rest = after;
    Some(digits.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0')))
}

/// Takes a TTL: remaining seconds, or −1 for an item that never expires.
fn parse_ttl(rest: &mut &[u8]) -> Option<Ttl> {
    if let Some(after) = rest.strip_prefix(b"-1") {
        *rest = after;
        return Some(Ttl::Never);
    }
    Some(Ttl::Seconds(u32::try_from(parse_number(rest)?).ok()?))
}
