//! `mctop report`: what a capture holds.

use std::io;

use super::dump::{terminal_width, view};
use super::{ending_quietly, tell};
use crate::capture::reader::{Ending, Reader};
use crate::cli::ReportArgs;
use crate::model::fold::{DEFAULT_MEMORY, Limits, Model};
use crate::report;
use crate::source::Source;

/// Runs it.
pub fn report(args: &ReportArgs) -> anyhow::Result<()> {
    let mut reader = Reader::open(&args.file)?;
    let mut model = Model::new(reader.header(), Limits::without_screen(DEFAULT_MEMORY));
    while let Some(interval) = reader.next()? {
        model.fold(&interval);
    }
    if reader.ending() == Ending::CutOff {
        tell(&format!(
            "{:?} ends without a footer: mctop was killed while it wrote, or the file was cut off. The intervals before are \
             complete.",
            args.file
        ));
    }
    let snapshot = model.snapshot(reader.ending() != Ending::Finished);
    let mut out = io::stdout().lock();
    ending_quietly(report::write(args.format, &snapshot, &view(&args.view), terminal_width(), &mut out))
}
