//! `mctop report`: what a capture holds.

use super::dump::{print, view};
use super::strict::Lost;
use super::{redaction, tell};
use crate::capture::reader::{Ending, Reader};
use crate::cli::ReportArgs;
use crate::model::fold::{Limits, Model};
use crate::redact::source::Redacted;
use crate::source::Source;

/// Runs it.
pub fn report(args: &ReportArgs) -> anyhow::Result<()> {
    let mut reader = Redacted::new(Reader::open(&args.file)?, redaction::of(&args.redact)?);
    let mut model = Model::new(reader.header(), Limits::default());
    while let Some(interval) = reader.next()? {
        model.fold(&interval);
    }
    let reader = reader.inner();
    if reader.ending() == Ending::CutOff {
        tell(&format!(
            "{:?} ends without a footer: mctop was killed while it wrote, or the file was cut off. The intervals before are \
             complete.",
            args.file
        ));
    }
    let snapshot = model.snapshot(reader.ending() != Ending::Finished);
    print(args.format, &snapshot, &view(&args.view))?;
    let mut lost = Lost::of(&snapshot);
    lost.cut_off = reader.ending() == Ending::CutOff;
    Ok(lost.check(args.strict)?)
}
