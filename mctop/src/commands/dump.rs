//! `mctop dump`: watch for a while, print once.

use std::io::{self, BufWriter, IsTerminal, Write};
use std::time::Duration;

use super::attaching::Attaching;
use super::observe::{End, LONGEST, Limit, Pace, observe};
use super::progress::Progress;
use super::settings::Characters;
use super::strict::Lost;
use super::{ending_quietly, redaction, servers, terminal_columns};
use crate::cli::{DumpArgs, ViewArgs};
use crate::error::{Failure, FailureKind};
use crate::model::column::Column;
use crate::model::condition::Condition;
use crate::model::fold::{Limits, Model};
use crate::model::header::Header;
use crate::model::ranking::View;
use crate::model::snapshot::Snapshot;
use crate::model::span::Span;
use crate::redact::source::RedactedSource;
use crate::report::{self, Format, Look};
use crate::source::Source;

/// Runs it.
pub(super) fn dump(args: &DumpArgs, characters: Characters, verbose: bool) -> anyhow::Result<()> {
    let redaction = redaction::of(&args.redact)?;
    let settings = args.probes.settings(LONGEST)?;
    let attaching = Attaching::begin()?;
    let mut live = RedactedSource::new(servers::attach(&args.target, &settings)?, redaction);
    let progress = Progress::new(Some(args.duration));
    let begin = |header: &Header| {
        drop(attaching);
        if verbose {
            servers::announce(header, Some(args.duration));
        }
        progress.begin();
    };
    let limits = Limits::without_screen(usize::try_from(args.probes.memory)?);
    let mut model = Model::new(live.header(), limits);
    let end = observe(&mut live, Limit::of(args.duration), None, begin, |live| {
        let Some(interval) = live.next(&mut model)? else { return Ok(None) };
        model.end_interval(&interval);
        progress.saw(&interval);
        let holds = args.wait_for.as_ref().is_some_and(|condition| condition.holds(&model.snapshot(false)));
        Ok(Some(if holds { Pace::Stop } else { Pace::Continue }))
    })?;
    // Detach before printing: a reader that blocks must not keep the probes in the server.
    drop((live, progress));
    let mut snapshot = model.snapshot(matches!(end, End::Interrupted | End::Exhausted));
    snapshot.notes.extend(args.wait_for.as_ref().map(|condition| outcome(condition, end, snapshot.duration)));
    print(args.format, &snapshot, &view(&args.view), characters)?;
    match &args.wait_for {
        Some(condition) if end == End::Complete => Err(in_vain(condition, args.duration).into()),
        _ => Ok(Lost::of(&snapshot).check(args.strict)?),
    }
}

/// What became of the waiting, for the readers of what is printed.
fn outcome(condition: &Condition, end: End, duration: Duration) -> String {
    let source = condition.source();
    let seconds = duration.as_secs_f64();
    match end {
        End::Enough => format!("Waited for {source}: it held in the interval that ended at {seconds:.1} s."),
        End::Complete => format!("Waited for {source} in vain, for {seconds:.1} s."),
        End::Interrupted | End::Exhausted => {
            format!("Waited for {source}: it had not held when this was interrupted at {seconds:.1} s.")
        }
    }
}

fn in_vain(condition: &Condition, duration: Duration) -> Failure {
    Failure::new(
        FailureKind::Runtime,
        format!(
            "No key matched {} in any interval within {}. What was seen is printed. --duration waits longer.",
            condition.source(),
            humantime::format_duration(duration)
        ),
    )
}

/// Writes to standard output, cut to the terminal's width where it is one.
pub(super) fn print(format: Format, snapshot: &Snapshot, view: &View, characters: Characters) -> anyhow::Result<()> {
    let glyphs = if format == Format::Markdown { characters.documents } else { characters.text };
    let mut out = BufWriter::new(io::stdout().lock());
    let written = report::write(format, snapshot, view, Look { width: terminal_width(), glyphs }, &mut out);
    ending_quietly(written.and_then(|()| out.flush()))
}

/// The view of a one-shot output: everything over the whole time.
pub(super) fn view(args: &ViewArgs) -> View {
    View {
        sort: args.sort.unwrap_or(Column::Calls),
        ascending: false,
        span: Span::Total,
        grouping: args.group.clone(),
        opened: None,
        filter: args.filter.clone(),
        limit: args.limit,
        hints: args.hints(),
    }
}

/// Width of the terminal that standard output is, if it is one.
pub(super) fn terminal_width() -> Option<usize> {
    if io::stdout().is_terminal() { terminal_columns() } else { None }
}
