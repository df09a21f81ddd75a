//! The live table of running servers, and what it shares with replays.

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio::sync::watch::{self, Sender};

use super::attaching::Attaching;
use super::collector::collect;
use super::output::ending_quietly;
use super::runtime::runtime;
use super::settings::{self, Characters, value_name};
use super::{logging, redaction, servers};
use crate::cli::{GeneralArgs, LiveArgs, ScreenArgs, ViewArgs};
use crate::config::{Config, Setting, Settings, ThemeName};
use crate::error::{Failure, with_causes};
use crate::model::column::Column;
use crate::model::fold::{Limits, Model};
use crate::model::hints::HintKind;
use crate::model::ranking::View;
use crate::model::snapshot::Snapshot;
use crate::redact::source::RedactedSource;
use crate::source::Source;
use crate::tui;
use crate::tui::feed::{Feed, Request, Update};
use crate::tui::theme::{Palette, Theme};

/// Runs `mctop` without a command.
pub(super) fn live(args: &LiveArgs, general: &GeneralArgs) -> anyhow::Result<()> {
    let config = config(general, &args.screen, args.interval, &args.view)?;
    if args.screen.print_config {
        return ending_quietly(io::stdout().write_all(config.to_toml().as_bytes()));
    }
    let redaction = redaction::of(&args.redact)?;
    let every = config.settings.interval;
    let settings = args.probes.settings(every)?;
    needs_terminal("mctop dump, which prints once, or mctop capture, which writes a file")?;
    let attaching = Attaching::start()?;
    let live = RedactedSource::new(servers::attach(&args.target, &settings)?, redaction);
    let limits = Limits::for_memory(usize::try_from(args.probes.memory)?);
    let known = Model::new(live.header(), limits).snapshot(false);
    let collector = show(known, &args.view, config.settings, Some(attaching), move |updates, requests| {
        collect(live, every, limits, updates, requests, |_| "The probes have ended.".into())
    })?;
    // The terminal is restored already; detaching takes a moment.
    collector.join().map_err(|_| anyhow::anyhow!("the collecting thread failed"))
}

/// The settings: the options given override the environment, which overrides the file.
pub(super) fn config(
    general: &GeneralArgs,
    args: &ScreenArgs,
    interval: Option<Duration>,
    view: &ViewArgs,
) -> Result<Config, Failure> {
    let name = |column: &Column| column.declaration().name;
    let texts = [
        (Setting::Interval, interval.map(|interval| humantime::format_duration(interval).to_string())),
        (Setting::Sort, view.sort.as_ref().map(|column| name(column).to_owned())),
        (Setting::Rates, args.rates.as_ref().and_then(value_name)),
        (Setting::Columns, args.columns.as_ref().map(|list| list.0.iter().map(name).collect::<Vec<_>>().join(","))),
        (Setting::Theme, args.theme.as_ref().and_then(value_name)),
        (Setting::Mouse, args.no_mouse.then(|| "false".to_owned())),
        (Setting::Hints, (view.no_hints || !view.hints.is_empty()).then(|| (!view.no_hints).to_string())),
    ];
    settings::find(general, texts.into_iter().filter_map(|(setting, text)| Some((setting, text?))))
}

/// The theme of the settings, or else the one that suits the environment.
fn theme(settings: &Settings) -> Theme {
    let palette = match settings.theme {
        ThemeName::Auto => Palette::of_environment(|name| std::env::var(name).ok()),
        ThemeName::Dark => Palette::Dark,
        ThemeName::Light => Palette::Light,
        ThemeName::NoColor => Palette::NoColor,
    };
    Theme { glyphs: Characters::of(settings).text, palette }
}

/// Fails without a terminal; `instead` names commands that need none.
pub(super) fn needs_terminal(instead: &str) -> Result<(), Failure> {
    if !(io::stdout().is_terminal() && io::stdin().is_terminal()) {
        return Err(Failure::usage(format!(
            "The live table needs a terminal, and standard input or output is not one. Use {instead}."
        )));
    }
    if std::env::var_os("TERM").is_some_and(|name| name == "dumb") {
        return Err(Failure::usage(format!(
            "The live table needs a terminal with a movable cursor, but TERM is `dumb`. Use {instead}, or set TERM to the type \
             of the terminal."
        )));
    }
    Ok(())
}

/// Shows the table, first with the snapshot `known`. `feed` runs on its own thread, so that the screen responds to keys; it sends
/// updates and returns the last one. `attaching` is dropped once the table handles signals.
pub(super) fn show(
    known: Snapshot,
    args: &ViewArgs,
    settings: Settings,
    attaching: Option<Attaching>,
    feed: impl FnOnce(&Sender<Update>, UnboundedReceiver<Request>) -> anyhow::Result<Option<Update>> + Send + 'static,
) -> anyhow::Result<JoinHandle<()>> {
    let (sender, updates) =
        watch::channel(Update::Starting("waiting for the first interval …".into(), Some(Arc::new(known))));
    let (requests, receiver) = mpsc::unbounded_channel();
    logging::stop();
    let runtime = runtime()?;
    let feeder = thread::Builder::new().name("feeder".into()).spawn(move || {
        let end = feed(&sender, receiver).unwrap_or_else(|error| Some(Update::Ended(with_causes(&error))));
        if let Some(end) = end {
            let _ = sender.send(end);
        }
    })?;
    let theme = theme(&settings);
    let mut options = tui::TuiOptions::new(settings, theme);
    options.view = View {
        grouping: args.group.clone(),
        filter: args.filter.clone(),
        limit: args.limit,
        hints: if args.no_hints { HintKind::ALL.to_vec() } else { args.hints() },
        ..options.view
    };
    runtime.block_on(tui::run(Feed { updates, requests }, options, || drop(attaching)))?;
    Ok(feeder)
}
