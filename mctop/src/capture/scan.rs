//! Reads the line of an interval in the form in which mctop itself writes it: a general parser would take most of the time
//! that a capture takes to be read. What looks otherwise in any way, though it may mean the same, is left to that parser,
//! which also says what is wrong.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::KEYS_MAX;
use super::change::ChangeLine;
use super::entry::{Entries, key};
use super::format::{CostLine, IntervalMembers, OthersLine};
use crate::model::counts::Counts;
use crate::model::interval::Record;
use crate::model::key::Key;
use crate::model::outcomes::Outcomes;
use crate::model::snapshot::{Loss, Ttl};

/// What stands between the members before the keys and the keys.
const KEYS: &[u8] = b",\"keys\":[";
/// Most bytes before the keys, and after them, that are looked at here: both are copied. Eleven counts, seven losses and two
/// times take less than a kilobyte; changes of servers can take more, but not in many intervals.
const ASIDE_MAX: usize = 16 << 10;

/// The members before the keys. With those of [`Tail`] they are all that there are: what has others, or one of them twice, is
/// read by the general parser.
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

/// The members after the keys.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Tail {
    others: Option<OthersLine>,
    outcomes: Outcomes,
    extrapolated: bool,
    cost: Option<CostLine>,
    changes: Vec<ChangeLine>,
}

/// The members of a line, or none where it is not in the usual form.
pub fn interval(line: &[u8]) -> Option<IntervalMembers> {
    let begin = line.get(..ASIDE_MAX).unwrap_or(line);
    let at = begin.windows(KEYS.len()).position(|bytes| bytes == KEYS)?;
    let (head, mut rest) = (line.get(..at)?, line.get(at + KEYS.len()..)?);
    // Only as a whole object are these the members of the line itself, and not something within one of them.
    let Head { start_s, end_s, total, loss, .. } = serde_json::from_slice(&[head, b"}"].concat()).ok()?;
    let keys = Entries(records(&mut rest)?);
    let Tail { others, outcomes, extrapolated, cost, changes } = match rest {
        [b'}', b'\n'] => Tail::default(),
        [b',', tail @ ..] if tail.starts_with(b"\"") && tail.len() <= ASIDE_MAX => {
            serde_json::from_slice(&[b"{", tail].concat()).ok()?
        }
        _ => return None,
    };
    Some(IntervalMembers { start_s, end_s, total, loss, keys, others, outcomes, extrapolated, cost, changes })
}

/// The entries up to the end of their list.
fn records(rest: &mut &[u8]) -> Option<Vec<Record>> {
    let mut records = Vec::new();
    if let Some(after) = rest.strip_prefix(b"]") {
        *rest = after;
        return Some(records);
    }
    while records.len() < KEYS_MAX {
        records.push(record(rest)?);
        match next(rest)? {
            b',' => {}
            b']' => return Some(records),
            _ => return None,
        }
    }
    None
}

/// Which members an entry has had, since none may come twice.
#[derive(Default)]
struct Seen(u32);

impl Seen {
    /// Notes the member of this number; `None` when it was there before.
    fn note(&mut self, number: u8) -> Option<()> {
        let bit = 1 << number;
        let before = self.0 & bit != 0;
        self.0 |= bit;
        (!before).then_some(())
    }
}

fn record(rest: &mut &[u8]) -> Option<Record> {
    let mut seen = Seen::default();
    let mut name: Option<Key> = None;
    let (mut target, mut size, mut ttl, mut counts) = (0, None, Ttl::Unknown, Counts::default());
    let mut outcomes = Outcomes::default();
    let mut before = b'{';
    loop {
        if next(rest)? != before {
            return None;
        }
        let member = text(rest)?;
        if next(rest)? != b':' {
            return None;
        }
        let (place, count) = match member {
            b"key" | b"key_b64" => {
                let text = str::from_utf8(text(rest)?).ok()?;
                name = if member == b"key" { key(text.as_bytes()) } else { key(&STANDARD.decode(text).ok()?) }.ok();
                // The same number: an entry has either.
                (0, None)
            }
            b"target" => {
                target = u32::try_from(number(rest)?).ok()?;
                (1, None)
            }
            b"size" => {
                size = Some(u32::try_from(number(rest)?).ok()?);
                (2, None)
            }
            b"ttl" => {
                ttl = lifetime(rest)?;
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
        seen.note(place)?;
        if let Some(count) = count {
            *count = number(rest)?;
        }
        match rest.first()? {
            b'}' => break,
            _ => before = b',',
        }
    }
    next(rest)?;
    Some(Record { key: name?, target, counts, size, ttl, outcomes })
}

/// The next byte.
fn next(rest: &mut &[u8]) -> Option<u8> {
    let (byte, after) = rest.split_first()?;
    *rest = after;
    Some(*byte)
}

/// A string in which nothing is escaped, without its quotes.
fn text<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let inside = rest.strip_prefix(b"\"")?;
    let length = inside.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..b' '))?;
    let (text, after) = inside.split_at_checked(length)?;
    *rest = after.strip_prefix(b"\"")?;
    Some(text)
}

/// A number of at most nineteen digits, which always fits. What comes after it is up to the caller.
fn number(rest: &mut &[u8]) -> Option<u64> {
    let length = rest.iter().position(|byte| !byte.is_ascii_digit())?;
    let (digits, after) = rest.split_at_checked(length)?;
    if length > 19 || matches!(digits, [] | [b'0', _, ..]) {
        return None;
    }
    *rest = after;
    Some(digits.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0')))
}

/// Seconds that an item has left, −1 for ever.
fn lifetime(rest: &mut &[u8]) -> Option<Ttl> {
    if let Some(after) = rest.strip_prefix(b"-1") {
        *rest = after;
        return Some(Ttl::Never);
    }
    Some(Ttl::Seconds(u32::try_from(number(rest)?).ok()?))
}
