//! The command line, declared once: help, completions and the man page derive from it.

use std::path::PathBuf;
use std::time::Duration;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, CommandFactory as _, Parser, Subcommand};

mod order;
mod outputs;

pub(crate) use self::outputs::{CaptureArgs, DiffArgs, DiffFormat, DumpArgs, ReportArgs, ReportFormat};

use crate::config::setting::{Rates, Symbols, ThemeName};
use crate::config::values::{ColumnList, budget, column_list, interval, memory};
use crate::error::Failure;
use crate::model::column::Column;
use crate::model::filter::Filter;
use crate::model::group::Grouping;
use crate::model::hints::HintKind;
use crate::probe::budget::Budget;
use crate::probe::detail::Detail;
use crate::probe::live::Settings;
use crate::redact::Scope;
use crate::target::discover::Selection;

/// top for the hot keys of a memcached server.
///
/// Without a command: a live table, which needs a terminal. Watches every memcached found on this host, or those named with
/// --pid, by eBPF uprobes: nothing is restarted or configured, also when the binary is stripped or in a container.
///
/// Options stand before or after the command. Of one that is given twice, the last counts; --pid, --port and --hints add up.
#[derive(Debug, Parser)]
#[command(version, long_version = LONG_VERSION, args_conflicts_with_subcommands = true, args_override_self = true)]
#[command(after_help = EXIT_CODES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Options of the live table.
    #[command(flatten)]
    pub live: LiveArgs,
    /// Options of every command.
    #[command(flatten)]
    pub general: GeneralArgs,
}

/// Options of every command.
#[derive(Args, Clone, Debug, Default)]
pub struct GeneralArgs {
    /// Say on standard error what is being done: the servers found, the probes attached, and when watching begins. The doctor lists
    /// what proves each probe point.
    #[arg(short, long, global = true)]
    pub verbose: bool,
    /// Characters of what is written for people; auto heeds the locale, and takes UTF-8 for Markdown and HTML.
    #[arg(long, value_enum, value_name = "SYMBOLS", global = true)]
    pub symbols: Option<Symbols>,
    /// Take the settings from this file instead of mctop/config.toml in XDG's directory.
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
}

const LONG_VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\n", "eBPF object: ", env!("MCTOP_OBJECT_VERSION"));

const EXIT_CODES: &str = "Exit codes: 0 done; 1 failure at run time; 2 bad option, value or expression; 3 a privilege or kernel \
                          feature is missing; 4 no memcached, or none that can be traced; 5 something was \
                          lost, with --strict. SIGINT ends an observation early: \
                          what was seen is printed, marked as interrupted, and the exit code is 0; before anything was \
                          counted it is 128 and the signal's number.";

/// Commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Watch for a while, print the keys once, exit.
    Dump(DumpArgs),
    /// Write interval snapshots to a file; SIGINT finishes it.
    Capture(CaptureArgs),
    /// Print what a capture holds.
    Report(ReportArgs),
    #[allow(rustdoc::broken_intra_doc_links, reason = "the help names keys that are brackets")]
    /// Show the live table over a capture.
    ///
    /// Space pauses; Left and Right go 10 s back and on, [ and ] a minute, 0 and $ to the begin and the end; . and , pause and go
    /// by one interval; + and - change the speed; ? shows every key.
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
    /// with ! and or ( ). Text is found as it is shown, escapes included; in double quotes, everything is text.
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

/// What the probes may see and take.
#[derive(Args, Clone, Debug)]
pub struct ProbeArgs {
    /// Take at most so much memory for the kernel's tables, and as much again for mctop's own: 64M, 1G.
    ///
    /// For each mebibyte, some 2,300 keys are counted in an interval (fewer below 16M), and over the intervals the 170 with the most
    /// calls are kept in the live table, 540 elsewhere. Operations on others are counted as untracked. A capture, --redact and
    /// --budget need each interval's records besides: where so many keys come, up to as much once more.
    #[arg(long, value_name = "SIZE", default_value = "64M", value_parser = memory)]
    pub memory: u64,
    /// How much to watch, from the least.
    #[arg(long, value_enum, value_name = "LEVEL", default_value_t)]
    pub detail: Detail,
    /// Keep what the probes take within so much of memcached's CPU time, theirs included; from 0.1 to 100. Default: no limit, and
    /// every operation is counted.
    ///
    /// mctop measures what its probes take and, when it is more, goes down in --detail, one level an interval. When that is not
    /// enough, it attaches them for one interval in so many as it takes, and extrapolates what happens in between: figures then
    /// are estimates, marked as such with how far they may be off. Needs intervals of a second or more.
    #[arg(long, value_name = "PERCENT", value_parser = budget)]
    pub budget: Option<Budget>,
}

impl ProbeArgs {
    /// The settings for intervals of a length.
    ///
    /// # Errors
    /// A [`Failure`]: bad usage.
    pub fn settings(&self, interval: Duration) -> Result<Settings, Failure> {
        if self.budget.is_some() && interval < BUDGET_INTERVAL_MIN {
            return Err(Failure::usage(format!(
                "--budget needs intervals of a second or more, and this one is {}: attaching and detaching probes takes a good \
                 part of a shorter one. Leave out --interval, or --budget.",
                humantime::format_duration(interval)
            )));
        }
        Ok(Settings { memory: self.memory, detail: self.detail, budget: self.budget })
    }
}

/// Shortest interval with a budget.
const BUDGET_INTERVAL_MIN: Duration = Duration::from_secs(1);

/// Room for the keys of a capture.
#[derive(Args, Clone, Debug)]
pub struct RoomArgs {
    /// Take at most so much memory for keys and what happened to them: 64M, 1G. Operations on keys that find no room are
    /// counted as untracked.
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
    /// What the probes may see and take.
    #[command(flatten)]
    pub probes: ProbeArgs,
}

/// How the live table looks. Each is also a setting of the file and of the environment, see --print-config.
#[derive(Args, Clone, Debug)]
pub struct ScreenArgs {
    /// Time that rates and shares are over, also those that a filter asks for; the key W switches. Default: interval.
    #[arg(long, value_enum, value_name = "SPAN")]
    pub rates: Option<Rates>,
    /// Show these columns, separated by commas, in this order; those that find no room are left out. Default: all.
    #[arg(long, value_name = "COLUMNS", value_parser = column_list)]
    pub columns: Option<ColumnList>,
    /// Colours; auto heeds NO_COLOR and COLORFGBG.
    #[arg(long, value_enum, value_name = "THEME")]
    pub theme: Option<ThemeName>,
    /// Leave the mouse to the terminal.
    #[arg(long)]
    pub no_mouse: bool,
    /// Print the settings as they apply (the command line's over the environment's, MCTOP_THEME and so on, over the
    /// file's), and exit.
    #[arg(long)]
    pub print_config: bool,
}

/// Options of `replay`.
#[derive(Args, Clone, Debug)]
pub struct ReplayArgs {
    /// A file written by `mctop capture`; or a snapshot, which is a capture of one interval.
    pub file: PathBuf,
    /// What to show.
    #[command(flatten)]
    pub view: ViewArgs,
    /// What of the keys is shown.
    #[command(flatten)]
    pub redact: RedactArgs,
    /// Room for its keys.
    #[command(flatten)]
    pub room: RoomArgs,
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
    /// Try it with so much memory for the kernel's tables, as the commands that watch would take: 64M, 1G.
    #[arg(long, value_name = "SIZE", default_value = "64M", value_parser = memory)]
    pub memory: u64,
    /// Print one document of the schema `mctop.doctor/1`.
    #[arg(long)]
    pub json: bool,
}

/// Parses this process's arguments. Prints what was asked for, and exits, where that is the help or the version.
///
/// # Errors
/// A [`Failure`]: bad usage.
pub(crate) fn parse() -> anyhow::Result<Cli> {
    let mut program = Cli::command();
    program.build();
    let arguments = order::options_behind_command(std::env::args_os().collect(), &program);
    Cli::try_parse_from(&arguments).map_err(|error| {
        if !error.use_stderr() {
            error.exit();
        }
        let whose = match (error.kind(), error.get(ContextKind::InvalidArg)) {
            (ErrorKind::UnknownArgument, Some(ContextValue::String(option))) => {
                order::who_has(option, &arguments, &program)
            }
            _ => None,
        };
        usage(&error, whose).into()
    })
}

/// clap's explanation as one paragraph, like those of all other failures: without its synopsis, which the help has. `whose` tells
/// which commands have an option that this one does not have; clap's tips on it are then left out.
fn usage(error: &clap::Error, whose: Option<String>) -> Failure {
    let explanation = error.render().to_string();
    let paragraphs = explanation.split("\n\n").filter(|paragraph| !paragraph.starts_with("Usage:"));
    let sentence = |paragraph: &str| {
        let sentence = paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
        if sentence.ends_with('.') { sentence } else { sentence + "." }
    };
    let mut sentences: Vec<String> = paragraphs.map(sentence).collect();
    if let Some(whose) = whose {
        sentences.retain(|sentence| !sentence.starts_with("tip: "));
        sentences.insert(1.min(sentences.len()), whose);
    }
    let text = sentences.join(" ");
    Failure::usage(text.strip_prefix("error: ").unwrap_or(&text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_declaration_is_sound() {
        Cli::command().debug_assert();
    }
}
