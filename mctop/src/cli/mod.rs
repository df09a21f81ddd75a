//! The command line, declared once: help, completions and the man page derive from it.

use std::path::PathBuf;
use std::time::Duration;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, CommandFactory as _, Parser, Subcommand};

mod groups;
mod order;
mod outputs;

pub(crate) use self::groups::{MemoryArgs, ProbeArgs, RedactArgs, ScreenArgs, StrictArgs, TargetArgs, ViewArgs};
pub(crate) use self::outputs::{CaptureArgs, DiffArgs, DiffFormat, DumpArgs, ReportArgs, ReportFormat};

use crate::config::setting::SymbolStyle;
use crate::config::values::{interval, memory};
use crate::error::Failure;

/// top for the hot keys of memcached servers.
///
/// Without a command, mctop shows a live table, which needs a terminal. It watches every memcached server on this host, or those
/// chosen with --pid or --port, with eBPF uprobes: servers need no restart and no configuration, even if their binaries
/// are stripped or run in containers. Watching needs root, or the capabilities that mctop doctor lists.
///
/// Options may stand before or after the command. If an option is given more than once, the last one counts; --pid, --port and
/// --hints accumulate.
#[derive(Debug, Parser)]
#[command(version, long_version = LONG_VERSION, args_conflicts_with_subcommands = true, args_override_self = true)]
#[command(after_long_help = exit_codes())]
pub struct Cli {
    /// The command, if not the live table.
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
#[command(next_help_heading = "General")]
pub struct GeneralArgs {
    /// Report on standard error what mctop is doing.
    ///
    /// Reports the servers found, the probes attached, and when watching starts. mctop doctor also prints what proves each probe
    /// point.
    #[arg(short, long, global = true)]
    pub verbose: bool,
    /// Choose the characters of output for people.
    ///
    /// auto follows the locale, except in Markdown and HTML, which are UTF-8. ascii replaces all other characters.
    #[arg(long, value_enum, value_name = "SYMBOLS", global = true)]
    pub symbols: Option<SymbolStyle>,
    /// Read the settings from this file.
    ///
    /// Default: $MCTOP_CONFIG, otherwise mctop/config.toml in $XDG_CONFIG_HOME or ~/.config. --print-config prints such a file.
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
}

const LONG_VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\n", "eBPF object: ", env!("MCTOP_OBJECT_VERSION"));

/// Exit codes, and what they mean.
pub(crate) const EXIT_CODES: &[(&str, &str)] = &[
    ("0", "success, including an observation that Ctrl-C ended early"),
    ("1", "failure at run time"),
    ("2", "bad option, value or expression"),
    ("3", "a privilege or kernel feature is missing"),
    ("4", "no memcached server was found, or none can be traced"),
    ("5", "with --strict: something was lost"),
    ("128+N", "signal N ended mctop before anything was counted"),
];

fn exit_codes() -> String {
    let lines = EXIT_CODES.iter().map(|(code, meaning)| format!("\n  {code:<7}{meaning}"));
    format!("Exit codes:{}", lines.collect::<String>())
}

/// Commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Watch for a while, print the keys once, and exit.
    Dump(DumpArgs),
    /// Record to a file, interval by interval.
    ///
    /// Recording ends after --duration or when Ctrl-C is pressed; the file is complete in either case. mctop report, replay and diff
    /// read it. Its format is NDJSON.
    Capture(CaptureArgs),
    /// Print what a capture contains: a table, an incident note or data.
    Report(ReportArgs),
    #[allow(rustdoc::broken_intra_doc_links, reason = "the help names keys that are brackets")]
    /// Play a capture in the live table.
    ///
    /// Space pauses. Left and Right jump by 10 s, [ and ] by 1 min, 0 and $ to the start and the end. Comma and period pause and
    /// step by one interval. + and - change the speed. ? shows all keys.
    Replay(ReplayArgs),
    /// Compare two captures: what changed in total and for each key.
    Diff(DiffArgs),
    /// Check what can be traced on this host, and say how to fix what cannot.
    Doctor(DoctorArgs),
    /// Print a shell completion script.
    ///
    /// To load it into bash: source <(mctop completions bash)
    Completions {
        /// The shell to complete in.
        shell: clap_complete::Shell,
    },
    /// Print the man page.
    ///
    /// To read it: mctop man | man -l -
    Man,
}

/// Options of the live table.
#[derive(Args, Clone, Debug)]
pub struct LiveArgs {
    /// Update every TIME, from 100ms to 10m [default: 1s].
    #[arg(short, long, value_name = "TIME", value_parser = interval)]
    pub interval: Option<Duration>,
    /// Which servers to watch.
    #[command(flatten)]
    pub target: TargetArgs,
    /// Which keys to show.
    #[command(flatten)]
    pub view: ViewArgs,
    /// How the table looks.
    #[command(flatten)]
    pub screen: ScreenArgs,
    /// Which parts of keys to hide.
    #[command(flatten)]
    pub redact: RedactArgs,
    /// What the probes may watch, and what they may cost.
    #[command(flatten)]
    pub probes: ProbeArgs,
}

/// Options of `replay`.
#[derive(Args, Clone, Debug)]
pub struct ReplayArgs {
    /// A capture; or a snapshot, which is shown as a capture of one interval.
    pub file: PathBuf,
    /// Memory for its keys.
    #[command(flatten)]
    pub limits: MemoryArgs,
    /// Which keys to show.
    #[command(flatten)]
    pub view: ViewArgs,
    /// How the table looks.
    #[command(flatten)]
    pub screen: ScreenArgs,
    /// Which parts of keys to hide.
    #[command(flatten)]
    pub redact: RedactArgs,
}

/// Options of `doctor`.
#[derive(Args, Clone, Debug)]
pub struct DoctorArgs {
    /// Test with SIZE of memory for tables in the kernel, as with --memory of dump (1M to 4G).
    #[arg(long, value_name = "SIZE", default_value = "64M", value_parser = memory)]
    pub memory: u64,
    /// Print JSON (schema mctop.doctor/1).
    #[arg(long)]
    pub json: bool,
    /// Which servers to check.
    #[command(flatten)]
    pub target: TargetArgs,
}

/// Parses the arguments of this process. For `--help` and `--version`, prints and exits.
///
/// # Errors
/// A [`Failure`] of kind usage.
pub(crate) fn parse() -> anyhow::Result<Cli> {
    let mut program = Cli::command();
    program.build();
    let arguments = order::options_after_command(std::env::args_os().collect(), &program);
    Cli::try_parse_from(&arguments).map_err(|error| {
        if !error.use_stderr() {
            error.exit();
        }
        let unknown = match (error.kind(), error.get(ContextKind::InvalidArg)) {
            (ErrorKind::UnknownArgument, Some(ContextValue::String(argument))) => Some(argument),
            _ => None,
        };
        let advice = unknown.and_then(|argument| order::advice(argument, &arguments, &program));
        let command = order::command_name(&arguments, &program).filter(|name| *name != "help");
        let command = command.map_or_else(String::new, |name| format!("{name} "));
        usage(&error, advice, &command).into()
    })
}

/// clap's error as one paragraph, without its synopsis, which the help has. `advice` replaces what clap says about an unknown
/// argument.
fn usage(error: &clap::Error, advice: Option<String>, command: &str) -> Failure {
    let explanation = error.render().to_string();
    let sentences =
        explanation.split("\n\n").map(|paragraph| paragraph.split_whitespace().collect::<Vec<_>>().join(" "));
    let mut text = String::new();
    for sentence in sentences {
        text += &match sentence.strip_prefix("tip: ").map(|tip| tip.split_once(": ").ok_or(tip)) {
            _ if sentence.starts_with("Usage:") || sentence.starts_with("For more information") => continue,
            // "a similar argument exists: '--sort'"
            Some(Ok((_, similar))) => format!("Did you mean {similar}? "),
            Some(Err(tip)) => format!("Tip: {tip}. "),
            None => format!("{}. ", sentence.trim_start_matches("error: ").trim_end_matches('.')),
        };
    }
    let text = advice.map_or(text, |advice| advice + " ");
    Failure::usage(format!("{text}Try 'mctop {command}--help' for more information."))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn clap_accepts_the_declaration() {
        Cli::command().debug_assert();
    }

    /// clap gives the heading of a flattened group to all options that are declared after it.
    #[test]
    fn options_with_a_heading_are_those_of_the_live_table() {
        let mut program = Cli::command();
        program.build();
        let headings: HashMap<&str, Option<&str>> =
            program.get_arguments().map(|arg| (arg.get_id().as_str(), arg.get_help_heading())).collect();
        for arg in program.get_subcommands().flat_map(clap::Command::get_arguments) {
            if let Some(heading) = arg.get_help_heading() {
                assert_eq!(headings.get(arg.get_id().as_str()), Some(&Some(heading)), "{arg}");
            }
        }
    }
}
