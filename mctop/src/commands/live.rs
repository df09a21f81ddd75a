//! The live table, over running servers or over a capture.

use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::Context;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use super::servers;
use crate::capture::reader::{Ending, Reader};
use crate::cli::{LiveArgs, ReplayArgs, ViewArgs};
use crate::error::Failure;
use crate::logging;
use crate::model::column::{Column, Span};
use crate::model::fold::{Limits, Model};
use crate::model::ranking::View;
use crate::source::Source;
use crate::tui;
use crate::tui::feed::{Control, Feed, Update};
use crate::tui::theme::Theme;

/// Runs `mctop` without a command.
pub fn live(args: &LiveArgs) -> anyhow::Result<()> {
    needs_terminal("mctop dump, which prints once, or mctop capture, which writes a file")?;
    let live = servers::attach(&args.target, &args.table)?;
    show(live, Pace::Interval(args.interval), &args.view, |_| "The probes have ended.".into())
}

/// Runs `mctop replay`.
pub fn replay(args: &ReplayArgs) -> anyhow::Result<()> {
    needs_terminal("mctop report FILE, which prints once")?;
    let reader = Reader::open(&args.file)?;
    show(reader, Pace::Recorded, &args.view, |reader| match reader.ending() {
        Ending::Interrupted => "End of the capture; it was interrupted there.".into(),
        Ending::CutOff => "The file ends here without a footer: mctop was killed, or the file was cut off.".into(),
        Ending::Open | Ending::Finished => "End of the capture.".into(),
    })
}

fn needs_terminal(instead: &str) -> Result<(), Failure> {
    if io::stdout().is_terminal() && io::stdin().is_terminal() {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "The live table needs a terminal, and standard input or output is not one. Use {instead}."
    )))
}

/// The first interval is shorter than the others: whoever starts mctop wants to see something at once.
const FIRST: Duration = Duration::from_millis(250);

/// How long the intervals of a source take.
#[derive(Clone, Copy)]
enum Pace {
    /// As long as the user wants.
    Interval(Duration),
    /// As long as they took.
    Recorded,
}

/// Shows the table over a source, which works in a thread of its own: the screen must answer keys while it drains.
fn show<S: Source + Send + 'static>(
    source: S,
    pace: Pace,
    args: &ViewArgs,
    ending: impl FnOnce(&S) -> String + Send + 'static,
) -> anyhow::Result<()> {
    let (news, updates) = watch::channel(Update::Starting("waiting for the first interval …".into()));
    let (control, wishes) = mpsc::unbounded_channel();
    logging::stop();
    let runtime = runtime()?;
    let collector = thread::Builder::new().name("collector".into()).spawn(move || {
        let end = match collect(source, pace, &news, wishes, ending) {
            Ok(end) => end,
            Err(error) => Some(Update::Ended(format!("{error:#}"))),
        };
        if let Some(end) = end {
            let _ = news.send(end);
        }
    })?;
    let interval = match pace {
        Pace::Interval(interval) => interval,
        Pace::Recorded => Duration::from_secs(1),
    };
    let view = View {
        sort: args.sort.unwrap_or(Column::Rate),
        ascending: false,
        span: Span::Last,
        grouping: args.group.clone(),
        opened: None,
        filter: args.filter.clone(),
        limit: args.limit,
        hints: args.hints(),
    };
    let shown = runtime.block_on(tui::run(
        Feed { updates, control },
        tui::Options { view, interval, theme: Theme::of_environment(|name| std::env::var(name).ok()) },
    ));
    // The terminal is the user's again; detaching takes a moment.
    collector.join().map_err(|_| anyhow::anyhow!("the collecting thread failed"))?;
    shown
}

fn runtime() -> anyhow::Result<Runtime> {
    Builder::new_current_thread().enable_all().build().context("cannot start")
}

/// Feeds the table until the source ends, returning its last news, or the user leaves.
fn collect<S: Source>(
    mut source: S,
    pace: Pace,
    news: &watch::Sender<Update>,
    mut wishes: mpsc::UnboundedReceiver<Control>,
    ending: impl FnOnce(&S) -> String,
) -> anyhow::Result<Option<Update>> {
    let mut model = Model::new(source.header(), Limits::default());
    let mut shown = Arc::new(model.snapshot(false));
    runtime()?.block_on(async {
        let mut begin = Instant::now();
        let mut every = match pace {
            Pace::Interval(interval) => interval,
            Pace::Recorded => Duration::ZERO,
        };
        let mut wanted = every.min(FIRST);
        loop {
            tokio::select! {
                () = sleep_until(begin + wanted) => {
                    begin = Instant::now();
                    let interval = match source.next() {
                        Ok(Some(interval)) => interval,
                        Ok(None) => return Ok(Some(Update::EndedWith(shown, ending(&source)))),
                        // What was seen until then may not have been shown yet, and stays.
                        Err(error) => return Ok(Some(Update::EndedWith(shown, format!("{error:#}")))),
                    };
                    model.fold(&interval);
                    wanted = match pace {
                        Pace::Interval(_) => every,
                        Pace::Recorded => interval.end.saturating_sub(interval.start),
                    };
                    shown = Arc::new(model.snapshot(false));
                    // Nobody listens when the user has left meanwhile; the wish to stop is on its way.
                    let _ = news.send(Update::Snapshot(Arc::clone(&shown)));
                }
                wish = wishes.recv() => match wish {
                    Some(Control::Interval(interval)) => {
                        every = interval;
                        if let Pace::Interval(_) = pace {
                            wanted = interval;
                        }
                    }
                    Some(Control::Stop) | None => return Ok(None),
                },
            }
        }
    })
}
