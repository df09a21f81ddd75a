//! The command line, declared once: help, completions and the man page derive from it.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::capture::rotation::Limit;
use crate::config::setting::{self, Symbols, ThemeName};
use crate::error::Failure;
use crate::model::column::Column;
use crate::model::condition::Condition;
use crate::model::diff::Sort;
use crate::model::filter::Filter;
use crate::model::group::Grouping;
use crate::model::hints::HintKind;
use crate::probe::memory::{LEAST, MOST};
use crate::redact::Scope;
use crate::report::Format;
use crate::target::discover::Selection;

/// top for the hot keys of a memcached server.
///
/// Without a command: a live table, which needs a terminal. Watches every memcached found on this host, or those named with
/// --pid, by eBPF uprobes: nothing is restarted or configured, also when the binary is stripped or in a container.
#[derive(Debug, Parser)]
#[command(version, long_version = LONG_VERSION, args_conflicts_with_subcommands = true, after_help = EXIT_CODES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Options of the live table.
    #[command(flatten)]
    pub live: LiveArgs,
    /// Say on standard error what is being done: the servers found, the probes attached, and when watching begins.
    #[arg(short, long, global = true)]
    pub verbose: bool,
}

const LONG_VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\n", "eBPF object: ", env!("MCTOP_OBJECT_VERSION"));

const EXIT_CODES: &str = "Exit codes: 0 done; 1 failure at run time; 2 bad option, value or expression; 3 a privilege or kernel \
                          feature is missing; 4 no memcached, or none that can be traced; 5 something was \
                          lost, with --strict. SIGINT ends an observation early: \
                          what was seen is printed, marked as interrupted, and the exit code is 0.";

/// Commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Watch for a while, print the keys once, exit.
    Dump(DumpArgs),
    /// Write interval snapshots to a file; SIGINT finishes it.
    Capture(CaptureArgs),
    /// Print what a capture holds.
    Report(ReportArgs),
    /// Show the live table over a capture.
    Replay(ReplayArgs),
    /// Say what changed from one capture to another: in total, and for each key.
    Diff(DiffArgs),
    /// Say what can be traced here and what cannot, why, and what to do about it.
    Doctor(DoctorArgs),
    /// Print a completion script for a shell.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
    /// Print the man page.
    Man,
}

/// Which servers.
#[derive(Args, Clone, Debug, Default)]
pub struct TargetArgs {
    /// Watch this process only; may be given several times. Default: every memcached found.
    #[arg(short, long = "pid", value_name = "PID", value_parser = clap::value_parser!(u32).range(1..))]
    pub pids: Vec<u32>,
    /// Watch the servers that listen on this TCP or UDP port; may be given several times.
    #[arg(long = "port", value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..), conflicts_with = "pids")]
    pub ports: Vec<u16>,
    /// Watch every memcached found, which is the default.
    #[arg(long, conflicts_with_all = ["pids", "ports"])]
    pub all: bool,
    /// Take the symbols of the servers' binary from this debug file, which must belong to it (same build-id).
    #[arg(long, value_name = "FILE")]
    pub debug_file: Option<PathBuf>,
}

impl TargetArgs {
    /// The servers meant.
    #[must_use]
    pub fn selection(&self) -> Selection {
        Selection {
            pids: self.pids.clone(),
            ports: self.ports.clone(),
            debug_file: self.debug_file.clone(),
            ..Selection::default()
        }
    }
}

/// What to show.
#[derive(Args, Clone, Debug)]
pub struct ViewArgs {
    /// Sort by this column, largest first.
    #[arg(short, long, value_name = "COLUMN", value_parser = Column::parse)]
    pub sort: Option<Column>,
    /// Show keys of one family as one row: auto, :2 or /REGEX/.
    ///
    /// auto takes numbers, UUIDs, hashes and the like for * (podXXX:rails:*::shop-*); a separator and a depth, such as :2,
    /// keep so many parts (podXXX:rails:*); a regular expression keeps what its groups ( ) capture, or its whole match
    /// without any, and leaves keys alone that do not match. A group of one key is shown as that key.
    #[arg(short, long, value_name = "PATTERN", value_parser = Grouping::parse, allow_negative_numbers = true)]
    pub group: Option<Grouping>,
    /// Show only keys, or groups, that match: text, a glob, /regex/, comparisons such as 'hit<50', 'size>1M' or 'keys>10',
    /// with ! and or ( ).
    #[arg(short, long, value_name = "EXPR", value_parser = Filter::parse)]
    pub filter: Option<Filter>,
    /// Show at most so many keys.
    #[arg(short = 'n', long, value_name = "N")]
    pub limit: Option<usize>,
    /// Give only these hints on what to look at; separated by commas: never-hits, empty-values, stampede, big-value,
    /// expire-together, hot-key, set-storm.
    #[arg(long, value_name = "KINDS", value_delimiter = ',', value_parser = HintKind::parse)]
    pub hints: Vec<HintKind>,
    /// Give no hints.
    #[arg(long, conflicts_with = "hints")]
    pub no_hints: bool,
}

impl ViewArgs {
    /// The hints to give.
    #[must_use]
    pub fn hints(&self) -> Vec<HintKind> {
        match (self.no_hints, self.hints.is_empty()) {
            (true, _) => Vec::new(),
            (false, true) => HintKind::ALL.to_vec(),
            (false, false) => self.hints.clone(),
        }
    }
}

/// What of the keys is shown.
#[derive(Args, Clone, Debug, Default)]
pub struct RedactArgs {
    /// Replace keys by hashes, in whole; or, with =REGEX, what its groups capture, or all it matches: --redact='user:(\d+)'
    /// makes user:1234:cart user:~0d7432fcc9d51408:cart. Filters and conditions then see these too.
    #[arg(long, value_name = "REGEX", num_args = 0..=1, require_equals = true, default_missing_value = "", value_parser = Scope::parse)]
    pub redact: Option<Scope>,
    /// Make the hashes with the bytes of this file (16 or more; a line end after them does not count), so that they are the
    /// same in every run. Default: with a random key that nobody gets to know.
    #[arg(long, value_name = "FILE", requires = "redact")]
    pub redact_key: Option<PathBuf>,
}

/// What must not happen.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct StrictArgs {
    /// End with exit code 5, after all is written, when anything was lost: operations not counted under a key, memory that
    /// could not be read, a server that was not watched for a while.
    #[arg(long)]
    pub strict: bool,
}

/// Sizes of tables.
#[derive(Args, Clone, Debug)]
pub struct TableArgs {
    /// Take at most so much memory for the kernel's tables, and as much again for mctop's own: 64M, 1G. Operations on keys
    /// that find no room are counted as untracked; a mebibyte has room for some 2,300 keys an interval.
    #[arg(long, value_name = "SIZE", default_value = "64M", value_parser = memory)]
    pub memory: u64,
}

/// Options of the live table.
#[derive(Args, Clone, Debug)]
pub struct LiveArgs {
    /// Which servers.
    #[command(flatten)]
    pub target: TargetArgs,
    /// What to show.
    #[command(flatten)]
    pub view: ViewArgs,
    /// Time between updates: 500ms, 1s, 1m. Default: 1s.
    #[arg(short, long, value_name = "TIME", value_parser = interval)]
    pub interval: Option<Duration>,
    /// How it looks.
    #[command(flatten)]
    pub screen: ScreenArgs,
    /// What of the keys is shown.
    #[command(flatten)]
    pub redact: RedactArgs,
    /// Sizes of tables.
    #[command(flatten)]
    pub table: TableArgs,
}

/// How the live table looks. Each is also a setting of the file and of the environment, see --print-config.
#[derive(Args, Clone, Debug)]
pub struct ScreenArgs {
    /// Show these columns, separated by commas, in this order; those that find no room are left out. Default: all.
    #[arg(long, value_name = "COLUMNS", value_parser = column_list)]
    pub columns: Option<ColumnList>,
    /// Colours; auto heeds NO_COLOR and COLORFGBG.
    #[arg(long, value_enum, value_name = "THEME")]
    pub theme: Option<ThemeName>,
    /// Characters beyond ASCII; auto heeds the locale.
    #[arg(long, value_enum, value_name = "SYMBOLS")]
    pub symbols: Option<Symbols>,
    /// Leave the mouse to the terminal.
    #[arg(long)]
    pub no_mouse: bool,
    /// Take the settings from this file instead of mctop/config.toml in XDG's directory.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Print the settings as they apply (the command line's over the environment's, MCTOP_THEME and so on, over the
    /// file's), and exit.
    #[arg(long)]
    pub print_config: bool,
}

/// Columns in the order wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnList(pub Vec<Column>);

fn column_list(text: &str) -> Result<ColumnList, String> {
    setting::columns(text).map(ColumnList)
}

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
    /// Sizes of tables.
    #[command(flatten)]
    pub table: TableArgs,
}

/// Options of `capture`.
#[derive(Args, Clone, Debug)]
pub struct CaptureArgs {
    /// Which servers.
    #[command(flatten)]
    pub target: TargetArgs,
    /// The file to write, compressed by zstd when its name ends in .zst; an existing one is replaced once there is a first
    /// interval.
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    /// Capture for this long; with --trigger from when it holds. Default: 60s, or with --rotate until a signal.
    #[arg(short, long, value_name = "TIME", value_parser = duration)]
    pub duration: Option<Duration>,
    /// End with the interval in which this holds of a key: 'rps>10k', '/^product:/ and hit<5'.
    #[arg(long, value_name = "EXPR", value_parser = Condition::parse)]
    pub until: Option<Condition>,
    /// Write nothing before this holds of a key, however long that takes.
    #[arg(long, value_name = "EXPR", value_parser = Condition::parse)]
    pub trigger: Option<Condition>,
    /// With --trigger: write so many intervals from before it holds, too.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(0..=3_600))]
    pub before: u16,
    /// Keep at most so many keys an interval, those with the largest shares of calls or bytes; the sum of the others is
    /// kept. Default: all.
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=1_048_576))]
    pub keys: Option<u32>,
    /// Compress by zstd, whatever the name of the file.
    #[arg(long)]
    pub compress: bool,
    /// Go on in another file at this size or age: 100MB, 1h. A finished one is renamed after the moment it began.
    #[arg(long, value_name = "SIZE|AGE", value_parser = Limit::parse)]
    pub rotate: Option<Limit>,
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
    /// Sizes of tables.
    #[command(flatten)]
    pub table: TableArgs,
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
    /// A file written by `mctop capture`.
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
    /// A file written by `mctop capture`.
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
    /// What of the keys is shown.
    #[command(flatten)]
    pub redact: RedactArgs,
}

/// Options of `replay`.
#[derive(Args, Clone, Debug)]
pub struct ReplayArgs {
    /// A file written by `mctop capture`.
    pub file: PathBuf,
    /// What to show.
    #[command(flatten)]
    pub view: ViewArgs,
    /// What of the keys is shown.
    #[command(flatten)]
    pub redact: RedactArgs,
    /// How it looks.
    #[command(flatten)]
    pub screen: ScreenArgs,
}

/// Options of `doctor`.
#[derive(Args, Clone, Debug)]
pub struct DoctorArgs {
    /// Which servers.
    #[command(flatten)]
    pub target: TargetArgs,
    /// Print one document of the schema `mctop.doctor/1`.
    #[arg(long)]
    pub json: bool,
}

/// Parses this process's arguments. Prints what was asked for, and exits, where that is the help or the version.
///
/// # Errors
/// A [`Failure`]: bad usage.
pub fn parse() -> anyhow::Result<Cli> {
    Cli::try_parse().map_err(|error| if error.use_stderr() { usage(&error).into() } else { error.exit() })
}

/// clap's explanation as one paragraph, like those of all other failures: without its synopsis, which the help has.
fn usage(error: &clap::Error) -> Failure {
    let explanation = error.render().to_string();
    let paragraphs = explanation.split("\n\n").filter(|paragraph| !paragraph.starts_with("Usage:"));
    let sentences = paragraphs.map(|paragraph| {
        let sentence = paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
        if sentence.ends_with('.') { sentence } else { sentence + "." }
    });
    let text = sentences.collect::<Vec<_>>().join(" ");
    Failure::usage(text.strip_prefix("error: ").unwrap_or(&text))
}

/// A time longer than zero; a number alone is in seconds.
fn duration(text: &str) -> Result<Duration, String> {
    let parsed = match text.parse::<f64>() {
        Ok(seconds) => Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string()),
        Err(_) => humantime::parse_duration(text).map_err(|error| error.to_string()),
    };
    let duration = parsed.map_err(|error| format!("{error}; expected a time such as 500ms, 10s or 2m"))?;
    if duration < Duration::from_millis(1) {
        return Err("there is nothing to see in no time; expected a time such as 500ms, 10s or 2m".into());
    }
    if duration > Duration::from_secs(31 * 86_400) {
        return Err("longer than a month; expected a time such as 500ms, 10s or 2m".into());
    }
    Ok(duration)
}

/// A size in bytes that the tables can have.
fn memory(text: &str) -> Result<u64, String> {
    let parsed = parse_size::Config::new().with_binary().parse_size(text);
    let bytes = parsed.map_err(|error| format!("{error}; expected a size such as 64M or 1G"))?;
    if (LEAST..=MOST).contains(&bytes) { Ok(bytes) } else { Err("expected a size from 1M to 4G".into()) }
}

/// An interval: long enough to drain the tables, short enough for their 32-bit counts.
///
/// # Errors
/// What is wrong with the text, and what was expected.
pub fn interval(text: &str) -> Result<Duration, String> {
    let duration = duration(text)?;
    if (Duration::from_millis(100)..=Duration::from_secs(600)).contains(&duration) {
        Ok(duration)
    } else {
        Err("expected an interval from 100ms to 10m".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_declaration_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn sizes() {
        assert_eq!(memory("64M"), Ok(crate::probe::memory::DEFAULT));
        assert_eq!(memory("1GiB"), memory("1G"));
        for bad in ["", "much", "-1M", "1023K", "5G", "1e99"] {
            assert!(memory(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn times() {
        assert_eq!(duration("10"), Ok(Duration::from_secs(10)));
        assert_eq!(duration("1.5s"), duration("1.5"));
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        for bad in ["0", "0s", "-1", "soon", "", "nan", "inf", "1e30", "99y"] {
            assert!(duration(bad).is_err(), "{bad:?}");
        }
        assert!(interval("50ms").is_err() && interval("11m").is_err() && interval("1s").is_ok());
    }
}
