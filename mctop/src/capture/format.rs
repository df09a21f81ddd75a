//! The lines of a capture file.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use mctop_common::limits::KEY_MAX;
use serde::{Deserialize, Serialize, Serializer};

use crate::model::counts::Counts;
use crate::model::interval::{Interval, Record};
use crate::model::key::Key;
use crate::model::snapshot::{Loss, TargetInfo, Ttl};

/// One line.
#[derive(Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Line {
    /// The first.
    Header(HeaderLine),
    /// One interval.
    Interval(IntervalLine),
    /// The last.
    Footer(FooterLine),
}

#[derive(Serialize, Deserialize)]
pub struct HeaderLine {
    pub schema: String,
    pub mctop: String,
    pub host: String,
    pub kernel: String,
    pub started_at: Timestamp,
    pub targets: Vec<TargetInfo>,
}

#[derive(Serialize, Deserialize)]
pub struct IntervalLine {
    pub start_s: f64,
    pub end_s: f64,
    pub total: Counts,
    pub loss: Loss,
    pub keys: Vec<KeyLine>,
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

impl From<&Interval> for IntervalLine {
    fn from(interval: &Interval) -> Self {
        Self {
            start_s: interval.start.as_secs_f64(),
            end_s: interval.end.as_secs_f64(),
            total: interval.total,
            loss: interval.loss,
            keys: interval.records.iter().map(KeyLine::from).collect(),
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
    /// The interval, after checking what a hostile or damaged file could get wrong.
    ///
    /// # Errors
    /// One sentence that says what is wrong.
    pub fn check(self, targets: usize) -> Result<Interval, String> {
        let time = |seconds: f64| {
            Duration::try_from_secs_f64(seconds)
                .map_err(|_| format!("the time {seconds} s is not a time since the start"))
        };
        let (start, end) = (time(self.start_s)?, time(self.end_s)?);
        if end < start {
            return Err(format!("the interval ends at {end:?}, before its begin at {start:?}"));
        }
        let records = self.keys.into_iter().map(|line| line.check(targets)).collect::<Result<_, _>>()?;
        let interval = Interval { start, end, total: self.total, loss: self.loss, records };
        match interval.unexplained() {
            (0, 0) => Ok(interval),
            (calls, bytes) => Err(format!(
                "its totals are not the sum of its keys and the untracked: {calls} calls and {bytes} bytes are left over"
            )),
        }
    }
}

impl KeyLine {
    fn check(self, targets: usize) -> Result<Record, String> {
        let bytes = match (self.key, self.key_b64) {
            (Some(text), None) => text.into_bytes(),
            (None, Some(text)) => STANDARD.decode(&text).map_err(|error| format!("key_b64 {text:?}: {error}"))?,
            _ => return Err("an entry needs either key or key_b64".into()),
        };
        if bytes.is_empty() || bytes.len() > KEY_MAX {
            return Err(format!("a key is {} bytes long, memcached's are 1 to {KEY_MAX}", bytes.len()));
        }
        if self.target as usize >= targets {
            return Err(format!("an entry names target {}, the header lists {targets}", self.target));
        }
        let ttl = match self.ttl {
            None => Ttl::Unknown,
            Some(-1) => Ttl::Never,
            Some(seconds) => Ttl::Seconds(u32::try_from(seconds).map_err(|_| format!("a ttl is {seconds}"))?),
        };
        Ok(Record { key: Key::new(&bytes), target: self.target, counts: self.counts.0, size: self.size, ttl })
    }
}
