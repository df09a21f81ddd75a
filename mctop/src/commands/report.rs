//! `mctop report`: prints a capture as a table, as data, or as a note for a ticket.

use std::io::{self, Write};

use super::dump::{print, view};
use super::output::ending_quietly;
use super::recorded::{self, Recorded};
use super::redaction;
use super::settings::Characters;
use super::strict::Lost;
use crate::cli::{ReportArgs, ReportFormat};
use crate::model::capture_meta::Ending;
use crate::model::timeline::Timeline;
use crate::report;
use crate::report::document::DocumentFormat;
use crate::report::incident::{self, Incident};

/// Default number of rows in a note.
const ROWS: usize = 10;

/// Runs it.
pub(super) fn report(args: &ReportArgs, characters: Characters) -> anyhow::Result<()> {
    let format = match args.format {
        ReportFormat::Table => return snapshot(args, report::Format::Table, characters),
        ReportFormat::Json => return snapshot(args, report::Format::Json, characters),
        ReportFormat::Csv => return snapshot(args, report::Format::Csv, characters),
        ReportFormat::Ndjson => return snapshot(args, report::Format::Ndjson, characters),
        ReportFormat::Markdown => DocumentFormat::Markdown,
        ReportFormat::Html => DocumentFormat::Html,
    };
    let mut timeline = Timeline::default();
    let recorded =
        recorded::read(&args.file, &args.limits, redaction::of(&args.redact)?, |interval| timeline.fold(interval))?;
    let mut view = view(&args.view);
    view.limit = view.limit.or(Some(ROWS));
    let incident = Incident {
        snapshot: &recorded.snapshot,
        timeline: &timeline,
        ending: recorded.ending,
        ended_by: recorded.ended_by,
        intervals: recorded.intervals,
        written_by: &recorded.written_by,
        meta: &recorded.meta,
        glyphs: &characters.documents,
    };
    let page = incident::document(&incident, &view).render(format);
    ending_quietly(io::stdout().lock().write_all(page.as_bytes()))?;
    check(args, &recorded)
}

/// Prints the snapshot at the end, as `mctop dump` does.
fn snapshot(args: &ReportArgs, format: report::Format, characters: Characters) -> anyhow::Result<()> {
    let recorded = recorded::read(&args.file, &args.limits, redaction::of(&args.redact)?, |_| ())?;
    print(format, &recorded.snapshot, &view(&args.view), characters)?;
    check(args, &recorded)
}

/// Fails if `--strict` is set and something was lost.
fn check(args: &ReportArgs, recorded: &Recorded) -> anyhow::Result<()> {
    let mut lost = Lost::of(&recorded.snapshot);
    lost.cut_off = recorded.ending == Ending::CutOff;
    Ok(lost.check(args.strict)?)
}
