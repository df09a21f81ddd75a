//! `mctop dump`: observes for a while and prints once.

use std::io::{self, BufWriter, Write};
use std::time::Duration;

use super::attaching::Attaching;
use super::observe::{End, LONGEST, ObservationLimit, Pace, observe};
use super::output::{ending_quietly, terminal_width};
use super::progress::Progress;
use super::settings::Characters;
use super::strict::Lost;
use super::{redaction, servers};
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
    let attaching = Attaching::start()?;
    let mut live = RedactedSource::new(servers::attach(&args.target, &settings)?, redaction);
    let progress = Progress::new(Some(args.duration));
    let on_start = |header: &Header| {
        drop(attaching);
        if verbose {
            servers::announce(header, Some(args.duration));
        }
        progress.start();
    };
    let limits = Limits::without_screen(usize::try_from(args.probes.memory)?);
    let mut model = Model::new(live.header(), limits);
    let end = observe(&mut live, ObservationLimit::of(Some(args.duration)), LONGEST, on_start, |live| {
        let Some(interval) = live.next(&mut model)? else { return Ok(None) };
        model.end_interval(&interval);
        progress.add(&interval);
        let matched = args.wait_for.as_ref().is_some_and(|condition| condition.holds(&model.snapshot(false)));
        Ok(Some(if matched { Pace::Stop } else { Pace::Continue }))
    })?;
    // The probes are detached before printing, because a reader of the output may block.
    drop((live, progress));
    let mut snapshot = model.snapshot(matches!(end, End::Interrupted | End::Exhausted));
    snapshot.notes.extend(args.wait_for.as_ref().map(|condition| match_note(condition, end, snapshot.duration)));
    print(args.format, &snapshot, &view(&args.view), characters)?;
    match &args.wait_for {
        Some(condition) if end == End::Complete => Err(never_matched(condition, args.duration).into()),
        _ => Ok(Lost::of(&snapshot).check(args.strict)?),
    }
}

/// A note on whether and when the condition of `--wait-for` matched.
fn match_note(condition: &Condition, end: End, duration: Duration) -> String {
    let source = condition.source();
    let seconds = duration.as_secs_f64();
    match end {
        End::Stopped => format!("{source} matched in the interval that ended at {seconds:.1} s."),
        End::Complete => format!("{source} never matched in {seconds:.1} s."),
        End::Interrupted | End::Exhausted => {
            format!("{source} had not matched when the dump was interrupted at {seconds:.1} s.")
        }
    }
}

fn never_matched(condition: &Condition, duration: Duration) -> Failure {
    Failure::new(
        FailureKind::Runtime,
        format!(
            "No key matched {} in any interval within {}. What was observed is printed. A longer --duration waits longer.",
            condition.source(),
            humantime::format_duration(duration)
        ),
    )
}

/// Writes a snapshot to standard output, cut to the width if it is a terminal.
pub(super) fn print(format: Format, snapshot: &Snapshot, view: &View, characters: Characters) -> anyhow::Result<()> {
    let glyphs = if format == Format::Markdown { characters.documents } else { characters.text };
    let mut out = BufWriter::new(io::stdout().lock());
    let written =
        report::write(format, snapshot, view, Look { width: terminal_width(&io::stdout()), glyphs }, &mut out);
    ending_quietly(written.and_then(|()| out.flush()))
}

/// The view of output that is printed once: counts over the whole time.
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
