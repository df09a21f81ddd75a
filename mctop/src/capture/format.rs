//! The lines of a capture file.

use std::io::Write;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize, Serializer};

use super::change::{ChangeLine, Known};
pub use super::circumstances::{Circumstances, Clock, Fired, Options};
use super::entry::{Entries, Entry};
use super::scan;
use crate::model::cost::Cost;
use crate::model::counts::Counts;
use crate::model::interval::{Change, Interval, Others};
use crate::model::outcomes::Outcomes;
use crate::model::snapshot::{Loss, TargetInfo};

/// Latest time since the start of a capture, seconds: ten years.
const TIME_MAX: f64 = 10.0 * 365.0 * 86_400.0;
/// Most characters of an error that quotes from a file.
const QUOTED_MAX: usize = 240;

/// The first line.
#[derive(Serialize, Deserialize)]
pub struct HeaderLine {
    /// [`super::SCHEMA`].
    pub schema: String,
    /// Version of the mctop that wrote it.
    pub mctop: String,
    /// Name of the host measured.
    pub host: String,
    /// Its kernel release.
    pub kernel: String,
    /// When the first interval began.
    pub started_at: Timestamp,
    /// Servers watched when it began.
    pub targets: Vec<TargetInfo>,
    /// What of the keys was replaced and how.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redaction: Option<String>,
    /// What else is known of how it was made.
    #[serde(flatten)]
    pub circumstances: Circumstances,
}

/// One interval, to be written.
#[derive(Serialize)]
struct IntervalLine<'a> {
    start_s: f64,
    end_s: f64,
    total: Counts,
    loss: Loss,
    #[serde(serialize_with = "entries")]
    keys: &'a Interval,
    #[serde(skip_serializing_if = "Option::is_none")]
    others: Option<OthersLine>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcomes: Option<Outcomes>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    extrapolated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost: Option<CostLine>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    changes: Vec<ChangeLine>,
}

fn entries<S: Serializer>(interval: &&Interval, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(interval.records.iter().map(Entry))
}

/// One interval as it was read, with the members of its line.
#[derive(Debug, PartialEq, Deserialize)]
pub struct IntervalMembers {
    pub(super) start_s: f64,
    pub(super) end_s: f64,
    pub(super) total: Counts,
    pub(super) loss: Loss,
    pub(super) keys: Entries,
    #[serde(default)]
    pub(super) others: Option<OthersLine>,
    #[serde(default)]
    pub(super) outcomes: Outcomes,
    #[serde(default)]
    pub(super) extrapolated: bool,
    #[serde(default)]
    pub(super) cost: Option<CostLine>,
    #[serde(default)]
    pub(super) changes: Vec<ChangeLine>,
}

/// [`Others`] in a line.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct OthersLine {
    keys: u64,
    #[serde(flatten)]
    counts: Counts,
}

/// [`Cost`] in a line; times in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CostLine {
    hits: u64,
    probes_ns: u64,
    servers_ns: u64,
}

impl From<&Cost> for CostLine {
    fn from(cost: &Cost) -> Self {
        let nanoseconds = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        Self { hits: cost.hits, probes_ns: nanoseconds(cost.probes), servers_ns: nanoseconds(cost.servers) }
    }
}

impl From<&CostLine> for Cost {
    fn from(line: &CostLine) -> Self {
        let CostLine { hits, probes_ns, servers_ns } = *line;
        Self { hits, probes: Duration::from_nanos(probes_ns), servers: Duration::from_nanos(servers_ns) }
    }
}

impl CostLine {
    /// The sum, where no part of it is beyond `most`.
    pub fn sum(self, other: Self, most: u64) -> Option<Self> {
        let sum = |a: u64, b: u64| a.checked_add(b).filter(|sum| *sum <= most);
        Some(Self {
            hits: sum(self.hits, other.hits)?,
            probes_ns: sum(self.probes_ns, other.probes_ns)?,
            servers_ns: sum(self.servers_ns, other.servers_ns)?,
        })
    }
}

/// The last line.
#[derive(Serialize, Deserialize)]
pub struct FooterLine {
    /// Intervals before it.
    pub intervals: u64,
    /// Whether a signal ended the observation.
    pub interrupted: bool,
    /// What ended the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_by: Option<EndedBy>,
    /// Sum over the intervals.
    pub total: Counts,
    /// Likewise.
    pub loss: Loss,
    /// Likewise; none in captures of before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub others: Option<Counts>,
    /// Likewise, where there were any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcomes: Option<Outcomes>,
    /// Sum over the intervals that have it; none where no interval does, and in captures of before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<CostLine>,
}

/// What ended a capture file that was ended properly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EndedBy {
    /// The time was up.
    Duration,
    /// A signal.
    Signal,
    /// The condition of `--until`.
    Until,
    /// The next file goes on.
    Rotation,
    /// The servers or probes ended.
    Source,
    /// Something that this version does not know.
    #[serde(other)]
    Unknown,
}

/// A line to be written.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum WrittenLine<'a> {
    Header(&'a HeaderLine),
    Interval(&'a IntervalLine<'a>),
    Footer(&'a FooterLine),
}

/// Appends a header to `out`.
///
/// # Errors
/// Those of JSON, which memory does not have.
pub fn write_header(header: &HeaderLine, out: &mut impl Write) -> serde_json::Result<()> {
    write(&WrittenLine::Header(header), out)
}

/// Appends an interval to `out`, with times since `origin`.
///
/// # Errors
/// As above.
pub fn write_interval(
    interval: &Interval,
    changes: &[Change],
    origin: Duration,
    out: &mut impl Write,
) -> serde_json::Result<()> {
    let seconds = |at: Duration| at.saturating_sub(origin).as_secs_f64();
    let Others { keys, counts } = interval.others;
    let line = IntervalLine {
        start_s: seconds(interval.start),
        end_s: seconds(interval.end),
        total: interval.total,
        loss: interval.loss,
        keys: interval,
        others: (interval.others != Others::default()).then_some(OthersLine { keys, counts }),
        outcomes: Some(interval.outcomes).filter(Outcomes::any),
        extrapolated: interval.extrapolated,
        cost: interval.cost.as_ref().map(CostLine::from),
        changes: changes.iter().chain(&interval.changes).map(|change| ChangeLine::new(change, origin)).collect(),
    };
    write(&WrittenLine::Interval(&line), out)
}

/// Appends a footer to `out`.
///
/// # Errors
/// As above.
pub fn write_footer(footer: &FooterLine, out: &mut impl Write) -> serde_json::Result<()> {
    write(&WrittenLine::Footer(footer), out)
}

fn write(line: &WrittenLine<'_>, out: &mut impl Write) -> serde_json::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    out.write_all(b"\n").map_err(serde_json::Error::io)
}

/// What a line is. Looked for first and without keeping anything, so that a line takes no more memory than what it is.
#[derive(Deserialize)]
struct Tag {
    #[serde(rename = "type")]
    kind: Kind,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Header,
    Interval,
    Footer,
}

/// What a header says first of all: a newer version may have changed everything else.
#[derive(Deserialize)]
pub struct Version {
    /// See [`HeaderLine::schema`].
    #[serde(default)]
    pub schema: String,
    /// See [`HeaderLine::mctop`].
    #[serde(default)]
    pub mctop: String,
}

/// A line that was read; an interval is not [checked](IntervalRead::check) yet.
pub enum Line {
    /// The first.
    Header(Box<HeaderLine>),
    /// One interval.
    Interval(IntervalRead),
    /// The last.
    Footer(FooterLine),
}

/// An interval that was read.
pub struct IntervalRead(IntervalMembers);

/// How mctop begins the line of an interval.
const INTERVAL: &[u8] = b"{\"type\":\"interval\",";

impl Line {
    /// Reads a line.
    ///
    /// # Errors
    /// One sentence that says what is wrong, harmless in a terminal.
    pub fn parse(line: &[u8]) -> Result<Self, String> {
        let kind = if line.starts_with(INTERVAL) {
            if let Some(members) = scan::interval(line) {
                return Ok(Self::Interval(IntervalRead(members)));
            }
            Ok(Kind::Interval)
        } else {
            serde_json::from_slice(line).map(|Tag { kind }| kind)
        };
        kind.and_then(|kind| {
            Ok(match kind {
                Kind::Header => Self::Header(Box::new(serde_json::from_slice(line)?)),
                Kind::Interval => Self::Interval(IntervalRead(serde_json::from_slice(line)?)),
                Kind::Footer => Self::Footer(serde_json::from_slice(line)?),
            })
        })
        .map_err(|error| explain(&error))
    }

    /// What a first line says of its version, where it says that it is a header.
    pub fn version(line: &[u8]) -> Option<Version> {
        match serde_json::from_slice(line) {
            Ok(Tag { kind: Kind::Header }) => serde_json::from_slice(line).ok(),
            _ => None,
        }
    }
}

fn explain(error: &serde_json::Error) -> String {
    let place = format!(" at line {} column {}", error.line(), error.column());
    let told = error.to_string();
    match told.strip_suffix(&place) {
        Some(what) => format!("{} at column {}", quoted(what), error.column()),
        None => quoted(&told),
    }
}

/// Text from a file, or its name, as a message may quote it: in one line, harmless in a terminal, and not too much of it.
pub fn quoted(text: &str) -> String {
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

/// A time since the start.
///
/// # Errors
/// One sentence that says what is there instead.
pub fn time(seconds: f64) -> Result<Duration, String> {
    let time = if seconds > TIME_MAX { None } else { Duration::try_from_secs_f64(seconds).ok() };
    time.ok_or_else(|| format!("{seconds:?} s is not a time since the start, of ten years at the most"))
}

impl IntervalRead {
    /// The interval, after checking what a hostile or damaged file could get wrong in its parts; its sums are up to the
    /// ledger. `known` are the servers so far, and grows with those that appear.
    ///
    /// # Errors
    /// One sentence that says what is wrong.
    pub fn check(self, known: &mut Known) -> Result<Interval, String> {
        let Self(members) = self;
        let (start, end) = (time(members.start_s)?, time(members.end_s)?);
        if end < start {
            let [end, start] = [end, start].map(|time| time.as_secs_f64());
            return Err(format!("the interval ends at {end} s, before its begin at {start} s"));
        }
        let records = members.keys.0;
        let targets = known.targets();
        if let Some(record) = records.iter().find(|record| record.target as usize >= targets) {
            return Err(format!("an entry names target {}, {targets} are known", record.target));
        }
        let changes = members.changes.into_iter().map(|line| known.enter(line, time)).collect::<Result<_, _>>()?;
        let others =
            members.others.map_or_else(Others::default, |line| Others { keys: line.keys, counts: line.counts });
        let cost = members.cost.as_ref().map(Cost::from);
        Ok(Interval {
            start,
            end,
            total: members.total,
            loss: members.loss,
            records,
            others,
            outcomes: members.outcomes,
            extrapolated: members.extrapolated,
            changes,
            cost,
        })
    }
}
