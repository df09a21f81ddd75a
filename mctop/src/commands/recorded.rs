//! Reads a whole capture.

use std::panic::resume_unwind;
use std::path::Path;
use std::sync::mpsc::{channel, sync_channel};
use std::thread;

use super::print_message;
use crate::capture::reader::Reader;
use crate::cli::MemoryArgs;
use crate::model::capture_meta::{CaptureMeta, EndedBy, Ending};
use crate::model::fold::{Limits, Model};
use crate::model::interval::RecordedInterval;
use crate::model::snapshot::Snapshot;
use crate::redact::Redaction;
use crate::redact::source::RedactedSource;
use crate::source::Source;

/// A capture that was read to its end.
pub(super) struct Recorded {
    /// The snapshot at its end.
    pub snapshot: Snapshot,
    /// How it ended.
    pub ending: Ending,
    /// Why it ended, if the file says so.
    pub ended_by: Option<EndedBy>,
    /// Number of intervals.
    pub intervals: u64,
    /// The version of mctop that wrote it.
    pub written_by: String,
    /// How it was made.
    pub meta: CaptureMeta,
}

/// Reads a capture, and calls `each` with each of its intervals, on another thread. A missing end is reported on standard error.
pub(super) fn read(
    path: &Path,
    limits: &MemoryArgs,
    redaction: Option<Redaction>,
    each: impl FnMut(&RecordedInterval) + Send,
) -> anyhow::Result<Recorded> {
    let mut reader = RedactedSource::new(Reader::open(path)?, redaction);
    let mut model = Model::new(reader.header(), Limits::without_screen(usize::try_from(limits.memory)?));
    read_ahead(&mut reader, each, |interval| model.fold(interval))?;
    let reader = reader.inner();
    match (reader.ending(), reader.is_snapshot()) {
        (Ending::CutOff, true) => print_message(&format!(
            "{path:?} has fewer keys than its first line says: it was cut off. The calls of the missing keys are in the totals."
        )),
        (Ending::CutOff, false) => print_message(&format!(
            "{path:?} ends without a footer: mctop was killed while it wrote, or the file was cut off. The intervals before \
             the end are complete."
        )),
        _ => {}
    }
    Ok(Recorded {
        snapshot: model.snapshot(reader.ending() != Ending::Finished),
        ending: reader.ending(),
        ended_by: reader.ended_by(),
        intervals: reader.intervals(),
        written_by: reader.written_by().to_owned(),
        meta: reader.meta().clone(),
    })
}

/// Calls `fold` with each interval of a source, while another thread reads the next interval and calls `see` with it: reading
/// takes about half as long as folding. At most these two intervals are in memory. The reading thread also frees them.
fn read_ahead<S: Source + Send>(
    source: &mut S,
    mut see: impl FnMut(&RecordedInterval) + Send,
    mut fold: impl FnMut(&RecordedInterval),
) -> anyhow::Result<()> {
    let (read, to_fold) = sync_channel::<RecordedInterval>(0);
    let (folded, to_free) = channel::<RecordedInterval>();
    thread::scope(|scope| {
        let reading = scope.spawn(move || {
            while let Some(interval) = source.next_recorded()? {
                see(&interval);
                if read.send(interval).is_err() {
                    break;
                }
                to_free.try_iter().for_each(drop);
            }
            Ok(())
        });
        for interval in to_fold {
            fold(&interval);
            // The reading thread has ended before the last one.
            let _ = folded.send(interval);
        }
        reading.join().unwrap_or_else(|panic| resume_unwind(panic))
    })
}
