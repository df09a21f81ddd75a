//! Options of the commands that write: dump, capture, report and diff.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::{MemoryArgs, ProbeArgs, RedactArgs, StrictArgs, TargetArgs, ViewArgs};
use crate::capture::rotation::RotationLimit;
use crate::config::values::{duration, interval, number};
use crate::model::condition::Condition;
use crate::model::diff::Sort;
use crate::model::filter::Filter;
use crate::model::group::Grouping;
use crate::report::Format;

/// Options of `dump`.
#[derive(Args, Clone, Debug)]
pub struct DumpArgs {
    /// Watch for this long: 500ms, 5s, 1m.
    #[arg(short, long, value_name = "TIME", default_value = "10s", value_parser = duration)]
    pub duration: Duration,
    /// Stop as soon as a key matches EXPR within one second, such as 'rps>10k'.
    ///
    /// EXPR is a filter, such as '/^product:/ and hit<5'; rates and shares are those of that second. If no key matches within
    /// --duration, the keys are printed and the exit code is 1.
    #[arg(long, value_name = "EXPR", value_parser = Condition::parse)]
    pub wait_for: Option<Condition>,
    /// Choose the format of the output.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
    /// What counts as a failure.
    #[command(flatten)]
    pub strict: StrictArgs,
    /// Which servers to watch.
    #[command(flatten)]
    pub target: TargetArgs,
    /// Which keys to show.
    #[command(flatten)]
    pub view: ViewArgs,
    /// Which parts of keys to hide.
    #[command(flatten)]
    pub redact: RedactArgs,
    /// What the probes may watch, and what they may cost.
    #[command(flatten)]
    pub probes: ProbeArgs,
}

/// Options of `capture`.
#[derive(Args, Clone, Debug)]
pub struct CaptureArgs {
    /// Write to this file, or to standard output (-).
    ///
    /// If the name ends in .zst, the file is compressed. An existing file is replaced once the first interval has been recorded.
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    /// Record for this long, such as 30s or 10m [default: 60s].
    ///
    /// With --trigger, the time starts when the trigger matches. With --rotate, the default is to record until a signal arrives.
    #[arg(short, long, value_name = "TIME", value_parser = duration)]
    pub duration: Option<Duration>,
    /// Start a new interval every TIME, from 100ms to 10m.
    #[arg(short, long, value_name = "TIME", default_value = "1s", value_parser = interval)]
    pub interval: Duration,
    /// Stop after the first interval in which a key matches EXPR, such as 'rps>10k'.
    ///
    /// EXPR is a filter, such as '/^product:/ and hit<5'; rates and shares are those of that interval. The file says whether a key
    /// matched (ended_by); the exit code is 0 in either case.
    #[arg(long, value_name = "EXPR", value_parser = Condition::parse)]
    pub until: Option<Condition>,
    /// Wait until a key matches EXPR, and only then start to record.
    #[arg(long, value_name = "EXPR", value_parser = Condition::parse)]
    pub trigger: Option<Condition>,
    /// With --trigger, also record the N intervals before the match (at most 3600).
    ///
    /// They take up to half of --memory; if they do not fit, the oldest are dropped.
    #[arg(long, value_name = "N", default_value_t = 10, requires = "trigger")]
    #[arg(value_parser = number("a number of intervals from 0 to 3600", 0..=3_600_u16))]
    pub before: u16,
    /// Record at most N keys per interval, those with the largest shares of calls or bytes [default: all].
    ///
    /// The other keys are recorded as one sum.
    #[arg(short = 'n', long, value_name = "N")]
    #[arg(value_parser = number("a number of keys from 0 to 1048576", 0..=1_048_576_u32))]
    pub keys: Option<u32>,
    /// Compress with zstd, even if the name of the file does not end in .zst.
    #[arg(long)]
    pub compress: bool,
    /// Start a new file at this size or age, such as 100MB or 1h.
    ///
    /// Finished files are renamed: their start time is added to the name.
    #[arg(long, value_name = "SIZE|AGE", value_parser = RotationLimit::parse)]
    pub rotate: Option<RotationLimit>,
    /// With --rotate, keep only the N newest finished files [default: all].
    #[arg(long, value_name = "N", requires = "rotate", value_parser = number("a number of files", 0..=usize::MAX))]
    pub keep: Option<usize>,
    /// What counts as a failure.
    #[command(flatten)]
    pub strict: StrictArgs,
    /// Which servers to watch.
    #[command(flatten)]
    pub target: TargetArgs,
    /// Which parts of keys to hide.
    #[command(flatten)]
    pub redact: RedactArgs,
    /// What the probes may watch, and what they may cost.
    #[command(flatten)]
    pub probes: ProbeArgs,
}

/// Formats of `report`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ReportFormat {
    /// A table for people
    #[default]
    Table,
    /// An incident note for a ticket: what was watched, what stands out, the keys, and the course over time
    Markdown,
    /// The same note with charts, in one self-contained file
    Html,
    /// One document (schema mctop.snapshot/1)
    Json,
    /// One line per key, for spreadsheets and data frames
    Csv,
    /// A line of totals, then one line per key (schema mctop.snapshot-lines/1)
    Ndjson,
}

/// Options of `report`.
#[derive(Args, Clone, Debug)]
pub struct ReportArgs {
    /// A capture; or a snapshot, as written by mctop dump --format json or ndjson, or by the key w of the live table.
    pub file: PathBuf,
    /// Choose the format of the output.
    #[arg(long, value_enum, default_value_t = ReportFormat::Table)]
    pub format: ReportFormat,
    /// Memory for its keys.
    #[command(flatten)]
    pub limits: MemoryArgs,
    /// What counts as a failure.
    #[command(flatten)]
    pub strict: StrictArgs,
    /// Which keys to show.
    #[command(flatten)]
    pub view: ViewArgs,
    /// Which parts of keys to hide.
    #[command(flatten)]
    pub redact: RedactArgs,
}

/// Formats of `diff`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum DiffFormat {
    /// Text for people
    #[default]
    Text,
    /// Markdown for a ticket
    Markdown,
    /// One self-contained file
    Html,
    /// One document (schema mctop.diff/1)
    Json,
}

/// Options of `diff`.
#[derive(Args, Clone, Debug)]
pub struct DiffArgs {
    /// The earlier capture or snapshot.
    pub before: PathBuf,
    /// The later capture or snapshot.
    pub after: PathBuf,
    /// Choose the format of the output.
    #[arg(long, value_enum, default_value_t = DiffFormat::Text)]
    pub format: DiffFormat,
    /// Sort by this change, largest first, whether up or down.
    #[arg(short, long, value_enum, default_value_t = Sort::Impact)]
    pub sort: Sort,
    /// Compare groups of similar keys: auto, :2 or /REGEX/, as in mctop dump.
    ///
    /// Counts are added up; the size of a group is that of its largest item.
    #[arg(short, long, value_name = "PATTERN", value_parser = Grouping::parse, allow_negative_numbers = true)]
    pub group: Option<Grouping>,
    /// Compare only keys that match EXPR before or after.
    #[arg(short, long, value_name = "EXPR", value_parser = Filter::parse)]
    pub filter: Option<Filter>,
    /// Show at most N keys [default: 20, or all in JSON].
    #[arg(short = 'n', long, value_name = "N", value_parser = number("a number of keys", 0..=usize::MAX))]
    pub limit: Option<usize>,
    /// Memory for the keys of each.
    #[command(flatten)]
    pub limits: MemoryArgs,
    /// Which parts of keys to hide.
    #[command(flatten)]
    pub redact: RedactArgs,
}
