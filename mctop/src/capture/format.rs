//! The lines of a capture file.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use mctop_common::limits::KEY_MAX;
use serde::{Deserialize, Serialize, Serializer};

use super::change::ChangeLine;
use crate::model::counts::Counts;
use crate::model::interval::{Interval, Record};
use crate::model::key::Key;
use crate::model::snapshot::{Loss, TargetInfo, Ttl};

/// Latest time since the start of a capture, seconds: ten years.
const TIME_MAX: f64 = 10.0 * 365.0 * 86_400.0;
/// Most characters of an error that quotes from a file.
const QUOTED_MAX: usize = 240;

/// One line.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Line {
    /// The first.
    Header(HeaderLine),
    /// One interval.
    Interval(IntervalLine),
    /// The last.
    Footer(FooterLine),
}

/// What a line is. Looked for first and without keeping anything, so that a line takes no more memory than what it is.
#[derive(Deserialize)]
struct Tag {
    #[serde(rename = "type")]
    kind: Kind,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Header,
    Interval,
    Footer,
}

#[derive(Serialize, Deserialize)]
pub struct HeaderLine {
    pub schema: String,
    pub mctop: String,
    pub host: String,
    pub kernel: String,
    pub started_at: Timestamp,
    pub targets: Vec<TargetInfo>,
    /// What of the keys was replaced and how.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redaction: Option<String>,
}

#[derive(Serialize, Deserialize)]
pub struct IntervalLine {
    pub start_s: f64,
    pub end_s: f64,
    pub total: Counts,
    pub loss: Loss,
    pub keys: Vec<KeyLine>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<ChangeLine>,
}

#[derive(Serialize, Deserialize)]
pub struct KeyLine {
    /// The key, when it is UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    /// The key in base64, when it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key_b64: Option<String>,
    #[serde(default, skip_serializing_if = "is_first")]
    target: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    size: Option<u32>,
    /// Seconds, −1 for never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ttl: Option<i64>,
    #[serde(flatten)]
    counts: Sparse,
}

/// Counts of which only those that are not 0 are written: most keys have two or three.
#[derive(Deserialize)]
struct Sparse(Counts);

impl Serialize for Sparse {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.named().into_iter().filter(|(_, count)| *count != 0))
    }
}

#[derive(Serialize, Deserialize)]
pub struct FooterLine {
    pub intervals: u64,
    pub interrupted: bool,
    pub total: Counts,
    pub loss: Loss,
}

fn is_first(target: &u32) -> bool {
    *target == 0
}

impl Line {
    /// Reads a line.
    ///
    /// # Errors
    /// One sentence that says what is wrong, harmless in a terminal.
    pub fn parse(line: &[u8]) -> Result<Self, String> {
        let parsed = serde_json::from_slice(line).and_then(|Tag { kind }| {
            Ok(match kind {
                Kind::Header => Self::Header(serde_json::from_slice(line)?),
                Kind::Interval => Self::Interval(serde_json::from_slice(line)?),
                Kind::Footer => Self::Footer(serde_json::from_slice(line)?),
            })
        });
        parsed.map_err(|error| {
            let place = format!(" at line {} column {}", error.line(), error.column());
            let told = error.to_string();
            match told.strip_suffix(&place) {
                Some(what) => format!("{} at column {}", quoted(what), error.column()),
                None => quoted(&told),
            }
        })
    }
}

/// Text from a file, or its name, as a message may quote it: in one line, harmless in a terminal, and not too much of it.
pub fn quoted(text: &str) -> String {
    let mut out = String::new();
    for (index, c) in text.chars().enumerate() {
        match c {
            _ if index == QUOTED_MAX => {
                out.push('…');
                break;
            }
            ' '..='~' => out.push(c),
            _ => out.extend(c.escape_debug()),
        }
    }
    out
}

impl From<&Interval> for IntervalLine {
    fn from(interval: &Interval) -> Self {
        Self {
            start_s: interval.start.as_secs_f64(),
            end_s: interval.end.as_secs_f64(),
            total: interval.total,
            loss: interval.loss,
            keys: interval.records.iter().map(KeyLine::from).collect(),
            changes: interval.changes.iter().map(ChangeLine::from).collect(),
        }
    }
}

impl From<&Record> for KeyLine {
    fn from(record: &Record) -> Self {
        let text = record.key.as_str();
        Self {
            key: text.map(str::to_owned),
            key_b64: text.is_none().then(|| STANDARD.encode(record.key.bytes())),
            target: record.target,
            size: record.size,
            ttl: match record.ttl {
                Ttl::Unknown => None,
                Ttl::Seconds(seconds) => Some(seconds.into()),
                Ttl::Never => Some(-1),
            },
            counts: Sparse(record.counts),
        }
    }
}

impl IntervalLine {
    /// The interval, after checking what a hostile or damaged file could get wrong in its parts; its sums are up to the
    /// ledger. `targets` is how many servers are known, and grows with those that appear.
    ///
    /// # Errors
    /// One sentence that says what is wrong.
    pub fn check(self, targets: &mut usize) -> Result<Interval, String> {
        let time = |seconds: f64| {
            let time = if seconds > TIME_MAX { None } else { Duration::try_from_secs_f64(seconds).ok() };
            time.ok_or_else(|| format!("{seconds:?} s is not a time since the start, of ten years at the most"))
        };
        let (start, end) = (time(self.start_s)?, time(self.end_s)?);
        if end < start {
            return Err(format!("the interval ends at {end:?}, before its begin at {start:?}"));
        }
        let records = self.keys.into_iter().map(|line| line.check(*targets)).collect::<Result<_, _>>()?;
        let changes = self.changes.into_iter().map(|line| line.check(targets, time)).collect::<Result<_, _>>()?;
        Ok(Interval { start, end, total: self.total, loss: self.loss, records, changes })
    }
}

impl KeyLine {
    fn check(self, targets: usize) -> Result<Record, String> {
        let bytes = match (self.key, self.key_b64) {
            (Some(text), None) => text.into_bytes(),
            (None, Some(text)) => STANDARD
                .decode(&text)
                .map_err(|error| format!("the key_b64 {} is not base64: {error}", quoted(&format!("{text:?}"))))?,
            _ => return Err("an entry needs either key or key_b64".into()),
        };
        if bytes.is_empty() || bytes.len() > KEY_MAX {
            return Err(format!("a key is {} bytes long, memcached's are 1 to {KEY_MAX}", bytes.len()));
        }
        if self.target as usize >= targets {
            return Err(format!("an entry names target {}, {targets} are known", self.target));
        }
        let ttl = match self.ttl {
            None => Ttl::Unknown,
            Some(-1) => Ttl::Never,
            Some(seconds) => Ttl::Seconds(u32::try_from(seconds).map_err(|_| format!("a ttl is {seconds}"))?),
        };
        Ok(Record { key: Key::new(&bytes), target: self.target, counts: self.counts.0, size: self.size, ttl })
    }
}
