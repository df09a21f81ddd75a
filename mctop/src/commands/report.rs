//! `mctop report`: what a capture holds.

use std::io::{self, Write};

use super::dump::{terminal_width, view};
use super::ending_quietly;
use super::recorded::{self, Recorded};
use crate::cli::{ReportArgs, ReportFormat};
use crate::model::timeline::Timeline;
use crate::report;
use crate::report::document::Medium;
use crate::report::incident::{self, Incident};

/// Rows of a note, unless asked otherwise.
const ROWS: usize = 10;

/// Runs it.
pub fn report(args: &ReportArgs) -> anyhow::Result<()> {
    let medium = match args.format {
        ReportFormat::Table => return snapshot(args, report::Format::Table),
        ReportFormat::Json => return snapshot(args, report::Format::Json),
        ReportFormat::Markdown => Medium::Markdown,
        ReportFormat::Html => Medium::Html,
    };
    let mut timeline = Timeline::default();
    let recorded = recorded::read(&args.file, |interval| timeline.fold(interval))?;
    let mut view = view(&args.view);
    view.limit = view.limit.or(Some(ROWS));
    let Recorded { snapshot, ending, ended_by, intervals, written_by, circumstances } = recorded;
    let incident = Incident {
        snapshot: &snapshot,
        timeline: &timeline,
        ending,
        ended_by,
        intervals,
        written_by: &written_by,
        circumstances: &circumstances,
    };
    let page = incident::document(&incident, &view).render(medium);
    ending_quietly(io::stdout().lock().write_all(page.as_bytes()))
}

/// As `mctop dump` writes it.
fn snapshot(args: &ReportArgs, format: report::Format) -> anyhow::Result<()> {
    let recorded = recorded::read(&args.file, |_| ())?;
    let mut out = io::stdout().lock();
    ending_quietly(report::write(format, &recorded.snapshot, &view(&args.view), terminal_width(), &mut out))
}
