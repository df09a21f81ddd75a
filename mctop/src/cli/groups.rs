//! Groups of options that several commands share.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::config::setting::{Rates, ThemeName};
use crate::config::values::{ColumnList, budget, column_list, memory, number};
use crate::error::Failure;
use crate::model::column::Column;
use crate::model::filter::Filter;
use crate::model::group::Grouping;
use crate::model::hints::HintKind;
use crate::probe::budget::Budget;
use crate::probe::detail::Detail;
use crate::probe::live::ProbeSettings;
use crate::redact::Scope;
use crate::target::discover::Selection;

/// Which servers to watch.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Servers")]
pub struct TargetArgs {
    /// Watch only the process with this ID; may be repeated.
    #[arg(short, long = "pid", value_name = "PID", value_parser = number("a process ID", 1..=u32::MAX))]
    pub pids: Vec<u32>,
    /// Watch only servers that listen on this TCP or UDP port; may be repeated.
    #[arg(long = "port", value_name = "PORT", value_parser = number("a port from 1 to 65535", 1..=u16::MAX), conflicts_with = "pids")]
    pub ports: Vec<u16>,
    /// Watch every memcached server on this host, including those in containers (the default).
    #[arg(long, conflicts_with_all = ["pids", "ports"])]
    pub all: bool,
    /// Read the symbols of the servers' binary from this debug file, whose build ID must match.
    #[arg(long, value_name = "FILE")]
    pub debug_file: Option<PathBuf>,
}

impl TargetArgs {
    /// The servers to search for.
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

/// Which keys to show, in which order.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "View")]
pub struct ViewArgs {
    /// Sort by this column, largest first.
    #[arg(short, long, value_name = "COLUMN", value_parser = Column::parse)]
    #[arg(long_help = with_columns("Sort by this column, largest first.\n\n\
                                    Default: rate in the live table and in replays, calls elsewhere."))]
    pub sort: Option<Column>,
    /// Show similar keys as one row: auto, :2 or /REGEX/.
    ///
    /// auto replaces numbers, UUIDs, hashes and the like with * (podXXX:rails:*::shop-*). A separator and a depth keep the first
    /// parts of a key: :2 keeps two parts between colons (podXXX:rails:*). A regular expression keeps what its groups ( )
    /// capture, or the whole match if it has no groups; keys that do not match stay as they are. A group of one key is shown as
    /// that key.
    #[arg(short, long, value_name = "PATTERN", value_parser = Grouping::parse, allow_negative_numbers = true)]
    pub group: Option<Grouping>,
    /// Show only keys or groups that match: text, a glob, /REGEX/ or a comparison.
    ///
    /// Examples: product:, 'user:*:cart', '/^user:\d+$/', 'hit<50', 'size>1M and !session'. Combine with and, or, ! and ( ).
    /// Comparisons take any column, as well as expired and flushed; with --group, keys>10 finds large groups. Text matches as it
    /// is displayed, including escapes. Everything in double quotes is text.
    #[arg(short, long, value_name = "EXPR", value_parser = Filter::parse)]
    pub filter: Option<Filter>,
    /// Show at most N keys.
    #[arg(short = 'n', long, value_name = "N", value_parser = number("a number of keys", 0..=usize::MAX))]
    pub limit: Option<usize>,
    /// Give only these hints on what to look at, separated by commas.
    #[arg(long, value_name = "KINDS", value_delimiter = ',', value_parser = HintKind::parse, long_help = hints_help())]
    pub hints: Vec<HintKind>,
    /// Give no hints.
    #[arg(long, conflicts_with = "hints")]
    pub no_hints: bool,
}

/// A help text with the names of all columns at its end.
fn with_columns(text: &str) -> String {
    format!("{text}\n\nColumns: {}", Column::names())
}

fn hints_help() -> String {
    format!("Give only these hints on what to look at, separated by commas.\n\nHints: {}", HintKind::names())
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

/// Which parts of keys to hide.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Redaction")]
pub struct RedactArgs {
    /// Replace keys with hashes, or only what REGEX matches in them.
    ///
    /// --redact='user:(\d+)' turns user:1234:cart into user:~0d7432fcc9d51408:cart: it replaces what the groups ( ) capture, or
    /// the whole match if there are no groups. Filters and conditions see the redacted keys.
    #[arg(long, value_name = "REGEX", num_args = 0..=1, require_equals = true, default_missing_value = "", value_parser = Scope::parse)]
    pub redact: Option<Scope>,
    /// Derive the hashes from the bytes of this file, so that every run gives the same ones.
    ///
    /// The file must have 16 to 4096 bytes, not counting a line break at its end. Default: a random key for this run only.
    #[arg(long, value_name = "FILE", requires = "redact")]
    pub redact_key: Option<PathBuf>,
}

/// What counts as a failure.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct StrictArgs {
    /// Exit with code 5 if anything was lost; the output is still written.
    ///
    /// What counts as lost: operations that were not counted under a key, memory of the server that could not be read, and periods
    /// in which a server was not watched.
    #[arg(long)]
    pub strict: bool,
}

/// What the probes may watch, and what they may cost.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Probes")]
pub struct ProbeArgs {
    /// Use at most SIZE for tables in the kernel, and as much again in mctop itself (1M to 4G).
    ///
    /// For each MiB, the kernel counts about 2,300 keys in an interval (fewer below 16M). Across intervals the live table keeps the
    /// 170 keys with the most calls for each MiB, and other commands keep 540. Operations on other keys are counted as untracked. capture,
    /// --redact and --budget also need memory for the records of each interval: at most the same amount once more.
    #[arg(long, value_name = "SIZE", default_value = "64M", value_parser = memory)]
    pub memory: u64,
    /// Choose which operations to probe; each level includes the one before.
    #[arg(long, value_enum, value_name = "LEVEL", default_value_t)]
    pub detail: Detail,
    /// Limit the cost of the probes to PERCENT of memcached's CPU time (0.1 to 100).
    ///
    /// That CPU time includes the probes. mctop measures their cost and, while it is too high, lowers --detail by one level per
    /// interval. If that is not enough, it attaches the probes in only some intervals and extrapolates the others; figures are then
    /// marked as estimates, with their margin of error. Needs intervals of at least 1s. Default: no limit; every operation is
    /// counted.
    #[arg(long, value_name = "PERCENT", value_parser = budget)]
    pub budget: Option<Budget>,
}

impl ProbeArgs {
    /// The settings for intervals of a length.
    ///
    /// # Errors
    /// A [`Failure`]: bad usage.
    pub fn settings(&self, interval: Duration) -> Result<ProbeSettings, Failure> {
        if self.budget.is_some() && interval < BUDGET_INTERVAL_MIN {
            return Err(Failure::usage(format!(
                "--budget needs an interval of at least 1s, not {}: attaching and detaching probes takes too much of a shorter one. \
                 Use a longer --interval, or leave out --budget.",
                humantime::format_duration(interval)
            )));
        }
        Ok(ProbeSettings { memory: self.memory, detail: self.detail, budget: self.budget })
    }
}

/// Shortest interval with a budget.
const BUDGET_INTERVAL_MIN: Duration = Duration::from_secs(1);

/// Memory for the keys of a capture.
#[derive(Args, Clone, Debug)]
pub struct MemoryArgs {
    /// Use at most SIZE of memory for keys and their counts (1M to 4G).
    ///
    /// Operations on keys that do not fit are counted as untracked.
    #[arg(long, value_name = "SIZE", default_value = "64M", value_parser = memory)]
    pub memory: u64,
}

/// How the live table looks. Each option is also a setting of the file and of the environment.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Screen")]
pub struct ScreenArgs {
    /// Compute rates and shares over this span; the key W switches it.
    #[arg(long, value_enum, value_name = "SPAN")]
    pub rates: Option<Rates>,
    /// Show these columns in this order, separated by commas.
    #[arg(long, value_name = "COLUMNS", value_parser = column_list)]
    #[arg(long_help = with_columns("Show these columns in this order, separated by commas.\n\n\
                                    Columns that do not fit are left out. Default: all."))]
    pub columns: Option<ColumnList>,
    /// Choose the colours.
    #[arg(long, value_enum, value_name = "THEME")]
    pub theme: Option<ThemeName>,
    /// Leave the mouse to the terminal.
    ///
    /// Otherwise a click sorts or selects, the wheel scrolls, and the terminal selects text only with Shift.
    #[arg(long)]
    pub no_mouse: bool,
    /// Print the settings in effect and where each comes from, then exit.
    ///
    /// The command line takes precedence over the environment (MCTOP_THEME and so on), and the environment over the file. What is
    /// printed is itself a valid file.
    #[arg(long)]
    pub print_config: bool,
}
