//! Options of the commands that write: dump, capture, report and diff.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::{ProbeArgs, RedactArgs, RoomArgs, StrictArgs, TargetArgs, ViewArgs};
use crate::capture::rotation::RotationLimit;
use crate::config::values::{duration, interval};
use crate::model::condition::Condition;
use crate::model::diff::Sort;
use crate::model::filter::Filter;
use crate::model::group::Grouping;
use crate::report::Format;

/// Options of `dump`.
#[derive(Args, Clone, Debug)]
pub struct DumpArgs {
    /// Which servers.
    #[command(flatten)]
    pub target: TargetArgs,
    /// What to show.
    #[command(flatten)]
    pub view: ViewArgs,
    /// Watch for this long: 5s, 1m, 500ms.
    #[arg(short, long, value_name = "TIME", default_value = "10s", value_parser = duration)]
    pub duration: Duration,
    /// End as soon as a key matches in an interval of a second, rates and shares being those of that interval: 'rps>10k',
    /// '/^product:/ and hit<5'. When none has until the end of --duration, print what was seen, and exit with code 1.
    #[arg(long, value_name = "EXPR", value_parser = Condition::parse)]
    pub wait_for: Option<Condition>,
    /// Format of the output.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
    /// What of the keys is shown.
    #[command(flatten)]
    pub redact: RedactArgs,
    /// What must not happen.
    #[command(flatten)]
    pub strict: StrictArgs,
    /// What the probes may see and take.
    #[command(flatten)]
    pub probes: ProbeArgs,
}

/// Options of `capture`.
#[derive(Args, Clone, Debug)]
pub struct CaptureArgs {
    /// Which servers.
    #[command(flatten)]
    pub target: TargetArgs,
    /// The file to write, compressed by zstd when its name ends in .zst; an existing one is replaced once there is a first
    /// interval. - is standard output.
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    /// Capture for this long; with --trigger from when it holds. Default: 60s, or with --rotate until a signal.
    #[arg(short, long, value_name = "TIME", value_parser = duration)]
    pub duration: Option<Duration>,
    /// End with the interval in which this holds of a key: 'rps>10k', '/^product:/ and hit<5'. The file says whether it did
    /// (ended_by); the exit code is 0 in any case.
    #[arg(long, value_name = "EXPR", value_parser = Condition::parse)]
    pub until: Option<Condition>,
    /// Write nothing before this holds of a key, however long that takes.
    #[arg(long, value_name = "EXPR", value_parser = Condition::parse)]
    pub trigger: Option<Condition>,
    /// With --trigger: write so many intervals from before it holds, too, as far as half of --memory holds them.
    #[arg(long, value_name = "N", default_value_t = 10, requires = "trigger", value_parser = clap::value_parser!(u16).range(0..=3_600))]
    pub before: u16,
    /// Keep at most so many keys an interval, those with the largest shares of calls or bytes; the sum of the others is
    /// kept. Default: all.
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=1_048_576))]
    pub keys: Option<u32>,
    /// Compress by zstd, whatever the name of the file.
    #[arg(long)]
    pub compress: bool,
    /// Go on in another file at this size or age: 100MB, 1h. A finished one is renamed after the moment it began.
    #[arg(long, value_name = "SIZE|AGE", value_parser = RotationLimit::parse)]
    pub rotate: Option<RotationLimit>,
    /// With --rotate: remove the oldest finished files but for so many.
    #[arg(long, value_name = "N", requires = "rotate")]
    pub keep: Option<usize>,
    /// Length of an interval.
    #[arg(short, long, value_name = "TIME", default_value = "1s", value_parser = interval)]
    pub interval: Duration,
    /// What of the keys is written.
    #[command(flatten)]
    pub redact: RedactArgs,
    /// What must not happen.
    #[command(flatten)]
    pub strict: StrictArgs,
    /// What the probes may see and take.
    #[command(flatten)]
    pub probes: ProbeArgs,
}

/// How `mctop report` writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ReportFormat {
    /// A table for people
    #[default]
    Table,
    /// A note for a ticket: what was watched, the facts that matter, keys, and how it went over time
    Markdown,
    /// The same with charts, in one file that needs no network
    Html,
    /// One document of the schema `mctop.snapshot/1`
    Json,
    /// A line a key for spreadsheets and data frames
    Csv,
    /// A line of totals, then a line a key (`mctop.snapshot-lines/1`)
    Ndjson,
}

/// Options of `report`.
#[derive(Args, Clone, Debug)]
pub struct ReportArgs {
    /// A file written by `mctop capture`; or a snapshot, which `mctop dump` prints with --format json or ndjson, and the key w of the
    /// live table writes.
    pub file: PathBuf,
    /// Format of the output.
    #[arg(long, value_enum, default_value_t = ReportFormat::Table)]
    pub format: ReportFormat,
    /// What to show.
    #[command(flatten)]
    pub view: ViewArgs,
    /// What of the keys is shown.
    #[command(flatten)]
    pub redact: RedactArgs,
    /// Room for its keys.
    #[command(flatten)]
    pub room: RoomArgs,
    /// What must not have happened.
    #[command(flatten)]
    pub strict: StrictArgs,
}

/// How `mctop diff` writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum DiffFormat {
    /// Text for people
    #[default]
    Text,
    /// For a ticket
    Markdown,
    /// One file that needs no network
    Html,
    /// One document of the schema `mctop.diff/1`
    Json,
}

/// Options of `diff`.
#[derive(Args, Clone, Debug)]
pub struct DiffArgs {
    /// A file written by `mctop capture`, or a snapshot: `mctop dump --format json`, or what the key w wrote.
    pub before: PathBuf,
    /// Another one.
    pub after: PathBuf,
    /// Format of the output.
    #[arg(long, value_enum, default_value_t = DiffFormat::Text)]
    pub format: DiffFormat,
    /// Order of the keys, largest change first, whichever way it goes.
    #[arg(short, long, value_enum, default_value_t = Sort::Impact)]
    pub sort: Sort,
    /// Add up keys of one family: auto, :2 or /REGEX/, as elsewhere; a group's size is its largest.
    #[arg(short, long, value_name = "PATTERN", value_parser = Grouping::parse, allow_negative_numbers = true)]
    pub group: Option<Grouping>,
    /// Compare only keys that match, before or after.
    #[arg(short, long, value_name = "EXPR", value_parser = Filter::parse)]
    pub filter: Option<Filter>,
    /// Show at most so many keys. Default: 20, in JSON all.
    #[arg(short = 'n', long, value_name = "N")]
    pub limit: Option<usize>,
    /// Room for the keys of each.
    #[command(flatten)]
    pub room: RoomArgs,
    /// What of the keys is shown.
    #[command(flatten)]
    pub redact: RedactArgs,
}
