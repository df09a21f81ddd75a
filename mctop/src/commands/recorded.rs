//! Reading a whole capture.

use std::path::Path;

use super::{redaction, tell};
use crate::capture::format::{Circumstances, EndedBy};
use crate::capture::reader::{Ending, Reader};
use crate::cli::RedactArgs;
use crate::model::fold::{DEFAULT_MEMORY, Limits, Model};
use crate::model::interval::Interval;
use crate::model::snapshot::Snapshot;
use crate::redact::source::Redacted;
use crate::source::Source;

/// A capture that was read to its end.
pub struct Recorded {
    /// Everything in it.
    pub snapshot: Snapshot,
    /// How it ended.
    pub ending: Ending,
    /// What ended it, where the file tells.
    pub ended_by: Option<EndedBy>,
    /// How many intervals it has.
    pub intervals: u64,
    /// Version of the mctop that wrote it.
    pub written_by: String,
    /// How it was made.
    pub circumstances: Circumstances,
}

/// Reads a capture, and hands each of its intervals to `each`. A missing end is said on standard error.
///
/// # Errors
/// When it cannot be read, is no capture, or is damaged.
pub fn read(path: &Path, redact: &RedactArgs, mut each: impl FnMut(&Interval)) -> anyhow::Result<Recorded> {
    let mut reader = Redacted::new(Reader::open(path)?, redaction::of(redact)?);
    let mut model = Model::new(reader.header(), Limits::without_screen(DEFAULT_MEMORY));
    while let Some(interval) = reader.next()? {
        model.fold(&interval);
        each(&interval);
    }
    let reader = reader.inner();
    if reader.ending() == Ending::CutOff {
        tell(&format!(
            "{path:?} ends without a footer: mctop was killed while it wrote, or the file was cut off. The intervals before are \
             complete."
        ));
    }
    Ok(Recorded {
        snapshot: model.snapshot(reader.ending() != Ending::Finished),
        ending: reader.ending(),
        ended_by: reader.ended_by(),
        intervals: reader.intervals(),
        written_by: reader.written_by().to_owned(),
        circumstances: reader.circumstances().clone(),
    })
}
