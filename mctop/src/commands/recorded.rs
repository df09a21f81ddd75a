//! Reading a whole capture.

use std::panic::resume_unwind;
use std::path::Path;
use std::sync::mpsc::{channel, sync_channel};
use std::thread;

use super::tell;
use crate::capture::reader::Reader;
use crate::cli::RoomArgs;
use crate::model::capture_meta::{CaptureMeta, EndedBy, Ending};
use crate::model::fold::{Limits, Model};
use crate::model::interval::Interval;
use crate::model::snapshot::Snapshot;
use crate::redact::Redaction;
use crate::redact::source::RedactedSource;
use crate::source::Source;

/// A capture that was read to its end.
pub(super) struct Recorded {
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
    pub meta: CaptureMeta,
}

/// Reads a capture, and hands each of its intervals to `each`, on a thread of its own. A missing end is said on standard error.
///
/// # Errors
/// When it cannot be read, is no capture, or is damaged.
pub(super) fn read(
    path: &Path,
    room: &RoomArgs,
    redaction: Option<Redaction>,
    each: impl FnMut(&Interval) + Send,
) -> anyhow::Result<Recorded> {
    let mut reader = RedactedSource::new(Reader::open(path)?, redaction);
    let mut model = Model::new(reader.header(), Limits::without_screen(usize::try_from(room.memory)?));
    read_ahead(&mut reader, each, |interval| model.fold(interval))?;
    let reader = reader.inner();
    match (reader.ending(), reader.is_snapshot()) {
        (Ending::CutOff, true) => tell(&format!(
            "{path:?} has fewer keys than its first line says: it was cut off. The calls of those that are missing are in the totals."
        )),
        (Ending::CutOff, false) => tell(&format!(
            "{path:?} ends without a footer: mctop was killed while it wrote, or the file was cut off. The intervals before are \
             complete."
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

/// Hands each interval of a source to `fold`, while a thread reads the next one and shows it to `see`: to read takes about
/// half as long as to fold. So that memory stays bounded, there are never more than these two. The thread also frees what it
/// has allocated, which is work too.
///
/// # Errors
/// Those of the source; what came before has been handed on.
fn read_ahead<S: Source + Send>(
    source: &mut S,
    mut see: impl FnMut(&Interval) + Send,
    mut fold: impl FnMut(&Interval),
) -> anyhow::Result<()> {
    let (read, to_fold) = sync_channel::<Interval>(0);
    let (folded, to_free) = channel::<Interval>();
    thread::scope(|scope| {
        let reading = scope.spawn(move || {
            while let Some(interval) = source.next()? {
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
            // Nobody takes the last one.
            let _ = folded.send(interval);
        }
        reading.join().unwrap_or_else(|panic| resume_unwind(panic))
    })
}
