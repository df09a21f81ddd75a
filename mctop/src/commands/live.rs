//! The live table, over running servers or over a capture.

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use clap::ValueEnum;
use tokio::sync::{mpsc, watch};

use super::collector::{Pace, collect};
use super::{ending_quietly, redaction, runtime, servers};
use crate::capture::reader::{Ending, Reader};
use crate::cli::{LiveArgs, ReplayArgs, ScreenArgs, ViewArgs};
use crate::config::{Config, Layer, Setting, Settings, Symbols, ThemeName};
use crate::error::Failure;
use crate::logging;
use crate::model::column::{Column, Span};
use crate::model::fold::{Limits, Model};
use crate::model::hints::HintKind;
use crate::model::ranking::View;
use crate::redact::source::Redacted;
use crate::report::glyphs::{ASCII, UNICODE};
use crate::source::Source;
use crate::tui;
use crate::tui::feed::{Feed, Update};
use crate::tui::theme::{Palette, Theme};

/// Runs `mctop` without a command.
pub fn live(args: &LiveArgs) -> anyhow::Result<()> {
    let config = config(&args.screen, args.interval, &args.view)?;
    if args.screen.print_config {
        return ending_quietly(io::stdout().write_all(config.to_toml().as_bytes()));
    }
    needs_terminal("mctop dump, which prints once, or mctop capture, which writes a file")?;
    let redaction = redaction::of(&args.redact)?;
    let live = Redacted::new(servers::attach(&args.target, &args.table)?, redaction);
    let pace = Pace::Interval(config.settings.interval);
    let limits = Limits::for_memory(usize::try_from(args.table.memory)?);
    show(live, pace, limits, &args.view, config.settings, |_| "The probes have ended.".into())
}

/// Runs `mctop replay`.
pub fn replay(args: &ReplayArgs) -> anyhow::Result<()> {
    let config = config(&args.screen, None, &args.view)?;
    if args.screen.print_config {
        return ending_quietly(io::stdout().write_all(config.to_toml().as_bytes()));
    }
    needs_terminal("mctop report FILE, which prints once")?;
    let reader = Redacted::new(Reader::open(&args.file)?, redaction::of(&args.redact)?);
    show(reader, Pace::Recorded, Limits::default(), &args.view, config.settings, |reader| {
        match reader.inner().ending() {
            Ending::Interrupted => "End of the capture; it was interrupted there.".into(),
            Ending::CutOff => "The file ends here without a footer: mctop was killed, or the file was cut off.".into(),
            Ending::Open | Ending::Finished => "End of the capture.".into(),
        }
    })
}

/// The settings as they apply: the options given, over the environment and the file.
fn config(args: &ScreenArgs, interval: Option<Duration>, view: &ViewArgs) -> Result<Config, Failure> {
    let mut given = Layer::default();
    let name = |column: &Column| column.declaration().name;
    let texts = [
        (Setting::Interval, interval.map(|interval| humantime::format_duration(interval).to_string())),
        (Setting::Sort, view.sort.as_ref().map(|column| name(column).to_owned())),
        (Setting::Columns, args.columns.as_ref().map(|list| list.0.iter().map(name).collect::<Vec<_>>().join(","))),
        (Setting::Theme, args.theme.as_ref().and_then(value_name)),
        (Setting::Symbols, args.symbols.as_ref().and_then(value_name)),
        (Setting::Mouse, args.no_mouse.then(|| "false".to_owned())),
        (Setting::Hints, (view.no_hints || !view.hints.is_empty()).then(|| (!view.no_hints).to_string())),
    ];
    for (setting, text) in texts {
        if let Some(text) = text {
            given.set(setting, &text, "the command line".to_owned())?;
        }
    }
    Config::find(given, args.config.as_deref(), |name| std::env::var(name).ok())
}

fn value_name(value: &impl ValueEnum) -> Option<String> {
    value.to_possible_value().map(|value| value.get_name().to_owned())
}

/// How the table looks: as asked for, else as the environment suggests.
fn theme(settings: &Settings) -> Theme {
    let usual = Theme::of_environment(|name| std::env::var(name).ok());
    let palette = match settings.theme {
        ThemeName::Auto => usual.palette,
        ThemeName::Dark => Palette::Dark,
        ThemeName::Light => Palette::Light,
        ThemeName::NoColor => Palette::NoColor,
    };
    let glyphs = match settings.symbols {
        Symbols::Auto => usual.glyphs,
        Symbols::Unicode => UNICODE,
        Symbols::Ascii => ASCII,
    };
    Theme { glyphs, palette }
}

fn needs_terminal(instead: &str) -> Result<(), Failure> {
    if io::stdout().is_terminal() && io::stdin().is_terminal() {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "The live table needs a terminal, and standard input or output is not one. Use {instead}."
    )))
}

/// Shows the table over a source, which works in a thread of its own: the screen must answer keys while it drains.
fn show<S: Source + Send + 'static>(
    source: S,
    pace: Pace,
    limits: Limits,
    args: &ViewArgs,
    settings: Settings,
    ending: impl FnOnce(&S) -> String + Send + 'static,
) -> anyhow::Result<()> {
    let known = Arc::new(Model::new(source.header(), limits).snapshot(false));
    let (news, updates) = watch::channel(Update::Starting("waiting for the first interval …".into(), Some(known)));
    let (control, wishes) = mpsc::unbounded_channel();
    logging::stop();
    let runtime = runtime()?;
    let collector = thread::Builder::new().name("collector".into()).spawn(move || {
        let end = match collect(source, pace, limits, &news, wishes, ending) {
            Ok(end) => end,
            Err(error) => Some(Update::Ended(format!("{error:#}"))),
        };
        if let Some(end) = end {
            let _ = news.send(end);
        }
    })?;
    let view = View {
        sort: settings.sort,
        ascending: false,
        span: Span::Last,
        grouping: args.group.clone(),
        opened: None,
        filter: args.filter.clone(),
        limit: args.limit,
        hints: if args.no_hints { HintKind::ALL.to_vec() } else { args.hints() },
    };
    let options = tui::Options {
        view,
        interval: settings.interval,
        theme: theme(&settings),
        mouse: settings.mouse,
        hints: settings.hints,
        columns: settings.columns,
    };
    let shown = runtime.block_on(tui::run(Feed { updates, control }, options));
    // The terminal is the user's again; detaching takes a moment.
    collector.join().map_err(|_| anyhow::anyhow!("the collecting thread failed"))?;
    shown
}
