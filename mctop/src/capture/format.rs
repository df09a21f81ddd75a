//! The lines of a capture file.

use std::io::Write;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize, Serializer};

use super::change::{ChangeLine, KnownServers};
use super::entry::{KeyEntries, KeyEntry};
use super::quote::quoted;
pub(crate) use crate::model::capture_meta::{CaptureMeta, EndedBy, TriggerInfo};
use crate::model::cost::Cost;
use crate::model::counts::Counts;
use crate::model::interval::{Change, Interval, Others, Record, RecordedInterval};
use crate::model::outcomes::Outcomes;
use crate::model::snapshot::{Loss, TargetInfo};

/// Latest accepted time since the start of a capture, seconds: ten years.
const TIME_MAX: f64 = 10.0 * 365.0 * 86_400.0;

/// The first line.
#[derive(Serialize, Deserialize)]
pub(crate) struct HeaderLine {
    /// [`super::SCHEMA`].
    pub schema: String,
    /// Version of the mctop that wrote it.
    pub mctop: String,
    /// Name of the measured host.
    pub host: String,
    /// Its kernel release.
    pub kernel: String,
    /// When the first interval began.
    pub started_at: Timestamp,
    /// Servers watched at the start.
    pub targets: Vec<TargetInfo>,
    /// How keys were redacted, if they were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redaction: Option<String>,
    /// How the capture was made.
    #[serde(flatten)]
    pub meta: CaptureMeta,
}

/// An interval to be written.
#[derive(Serialize)]
struct IntervalLine<'a> {
    start_s: f64,
    end_s: f64,
    total: Counts,
    loss: Loss,
    #[serde(serialize_with = "entries")]
    keys: &'a [Record],
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

fn entries<S: Serializer>(records: &&[Record], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(records.iter().map(KeyEntry))
}

/// The fields of an interval line that was read.
#[derive(Deserialize)]
struct IntervalFields {
    start_s: f64,
    end_s: f64,
    total: Counts,
    loss: Loss,
    keys: KeyEntries,
    #[serde(default)]
    others: Option<OthersLine>,
    #[serde(default)]
    outcomes: Outcomes,
    #[serde(default)]
    extrapolated: bool,
    #[serde(default)]
    cost: Option<CostLine>,
    #[serde(default)]
    changes: Vec<ChangeLine>,
}

/// [`Others`] as written in a line.
#[derive(Serialize, Deserialize)]
struct OthersLine {
    keys: u64,
    #[serde(flatten)]
    counts: Counts,
}

/// [`Cost`] as written in a line; times in nanoseconds.
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
    /// The sum, or `None` if any part exceeds `max`.
    pub fn sum(self, other: Self, max: u64) -> Option<Self> {
        let sum = |a: u64, b: u64| a.checked_add(b).filter(|sum| *sum <= max);
        Some(Self {
            hits: sum(self.hits, other.hits)?,
            probes_ns: sum(self.probes_ns, other.probes_ns)?,
            servers_ns: sum(self.servers_ns, other.servers_ns)?,
        })
    }
}

/// The last line.
#[derive(Serialize, Deserialize)]
pub(crate) struct FooterLine {
    /// Number of intervals in the file.
    pub intervals: u64,
    /// Whether a signal ended the observation.
    pub interrupted: bool,
    /// Why the file ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_by: Option<EndedBy>,
    /// Sum over the intervals.
    pub total: Counts,
    /// Sum over the intervals.
    pub loss: Loss,
    /// Sum over the intervals; older versions of mctop did not write it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub others: Option<Counts>,
    /// Sum over the intervals, if there were any outcomes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcomes: Option<Outcomes>,
    /// Sum over the intervals that have a cost; older versions of mctop did not write it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<CostLine>,
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
/// When `out` fails.
pub(crate) fn write_header(header: &HeaderLine, out: &mut impl Write) -> serde_json::Result<()> {
    write(&WrittenLine::Header(header), out)
}

/// Appends an interval to `out`, with times relative to `origin`.
///
/// # Errors
/// When `out` fails.
pub(crate) fn write_interval(
    recorded: &RecordedInterval,
    changes: &[Change],
    origin: Duration,
    out: &mut impl Write,
) -> serde_json::Result<()> {
    let seconds = |at: Duration| at.saturating_sub(origin).as_secs_f64();
    let RecordedInterval { interval, records } = recorded;
    let Others { keys, counts } = interval.others;
    let line = IntervalLine {
        start_s: seconds(interval.start),
        end_s: seconds(interval.end),
        total: interval.total,
        loss: interval.loss,
        keys: records,
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
/// When `out` fails.
pub(crate) fn write_footer(footer: &FooterLine, out: &mut impl Write) -> serde_json::Result<()> {
    write(&WrittenLine::Footer(footer), out)
}

fn write(line: &WrittenLine<'_>, out: &mut impl Write) -> serde_json::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    out.write_all(b"\n").map_err(serde_json::Error::io)
}

/// The type of a line. It is read first, so that the line can then be parsed directly into the right type.
#[derive(Deserialize)]
struct LineTag {
    #[serde(rename = "type")]
    kind: LineKind,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum LineKind {
    Header,
    Interval,
    Footer,
}

/// The version fields of a header. They are read first, because a newer version may have changed all others.
#[derive(Deserialize)]
pub(crate) struct HeaderVersion {
    /// See [`HeaderLine::schema`].
    #[serde(default)]
    pub schema: String,
    /// See [`HeaderLine::mctop`].
    #[serde(default)]
    pub mctop: String,
}

/// A line that was read. Intervals still have to be [checked](UncheckedInterval::check).
pub(crate) enum CaptureLine {
    /// The first.
    Header(Box<HeaderLine>),
    /// One interval.
    Interval(UncheckedInterval),
    /// The last.
    Footer(FooterLine),
}

/// An interval that was read.
pub(crate) struct UncheckedInterval(IntervalFields);

/// Start of an interval line as mctop writes it.
const INTERVAL_START: &[u8] = b"{\"type\":\"interval\",";

impl CaptureLine {
    /// Parses a line.
    ///
    /// # Errors
    /// Says what is wrong in one sentence that is safe to print on a terminal.
    pub(crate) fn parse(line: &[u8]) -> Result<Self, String> {
        let kind = if line.starts_with(INTERVAL_START) {
            Ok(LineKind::Interval)
        } else {
            serde_json::from_slice(line).map(|LineTag { kind }| kind)
        };
        kind.and_then(|kind| {
            Ok(match kind {
                LineKind::Header => Self::Header(Box::new(serde_json::from_slice(line)?)),
                LineKind::Interval => Self::Interval(UncheckedInterval(serde_json::from_slice(line)?)),
                LineKind::Footer => Self::Footer(serde_json::from_slice(line)?),
            })
        })
        .map_err(|error| explain(&error))
    }

    /// The version fields of a header line; `None` for other lines.
    pub(crate) fn version(line: &[u8]) -> Option<HeaderVersion> {
        match serde_json::from_slice(line) {
            Ok(LineTag { kind: LineKind::Header }) => serde_json::from_slice(line).ok(),
            _ => None,
        }
    }
}

fn explain(error: &serde_json::Error) -> String {
    let position = format!(" at line {} column {}", error.line(), error.column());
    let message = error.to_string();
    match message.strip_suffix(&position) {
        Some(what) => format!("{} at column {}", quoted(what), error.column()),
        None => quoted(&message),
    }
}

/// A time since the start of the capture.
///
/// # Errors
/// Says what is there instead, in one sentence.
pub(crate) fn time(seconds: f64) -> Result<Duration, String> {
    let time = if seconds > TIME_MAX { None } else { Duration::try_from_secs_f64(seconds).ok() };
    time.ok_or_else(|| format!("the time {seconds:?} s is not between 0 and ten years"))
}

impl UncheckedInterval {
    /// Checks the parts of an interval, because the file may be damaged or hostile. Its sums are checked by
    /// `IntervalSums`. `known` are the servers so far; new ones are added to it.
    ///
    /// # Errors
    /// Says what is wrong, in one sentence.
    pub(crate) fn check(self, known: &mut KnownServers) -> Result<RecordedInterval, String> {
        let Self(fields) = self;
        let (start, end) = (time(fields.start_s)?, time(fields.end_s)?);
        if end < start {
            let [end, start] = [end, start].map(|time| time.as_secs_f64());
            return Err(format!("the interval ends at {end} s, before its start at {start} s"));
        }
        let records = fields.keys.0;
        let targets = known.targets();
        if let Some(record) = records.iter().find(|record| record.target as usize >= targets) {
            return Err(format!("an entry names target {}, but only {targets} are defined", record.target));
        }
        let changes = fields.changes.into_iter().map(|line| known.apply(line, time)).collect::<Result<_, _>>()?;
        let others = fields.others.map_or_else(Others::default, |line| Others { keys: line.keys, counts: line.counts });
        let cost = fields.cost.as_ref().map(Cost::from);
        let interval = Interval {
            start,
            end,
            total: fields.total,
            loss: fields.loss,
            others,
            outcomes: fields.outcomes,
            extrapolated: fields.extrapolated,
            changes,
            cost,
        };
        Ok(interval.with(records))
    }
}
