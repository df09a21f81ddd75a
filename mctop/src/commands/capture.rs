//! `mctop capture`: interval snapshots to a file.

use std::io::{self, IsTerminal};
use std::time::Duration;

use super::attaching::Attaching;
use super::observe::{End, Limit, Pace, observe};
use super::progress::Progress;
use super::strict::Lost;
use super::{redaction, servers, tell};
use crate::capture::recorder::{RecordStatus, Recorder, RecordingOutcome, RecordingPlan};
use crate::capture::ring::{RingContents, RingLimits};
use crate::capture::rotation::Rotation;
use crate::capture::writer::WriterSettings;
use crate::capture::{KEYS_MAX, is_standard_output};
use crate::cli::CaptureArgs;
use crate::error::Failure;
use crate::model::capture_meta::{CaptureMeta, CaptureOptions, EndedBy, HostClock};
use crate::model::fold::{Limits, MIN_MEMORY};
use crate::model::header::Header;
use crate::probe::budget::Budget;
use crate::redact::source::RedactedSource;
use crate::source::Source;
use crate::text::format::{self, duration};
use crate::text::summary::plural;

/// How long a capture takes that is in one file.
const DURATION: Duration = Duration::from_secs(60);

/// Runs it.
pub(super) fn capture(args: &CaptureArgs, verbose: bool) -> anyhow::Result<()> {
    if is_standard_output(&args.output) && args.rotate.is_some() {
        return Err(Failure::usage(
            "--rotate renames the files it has written, and standard output is none. Name a file with -o, or leave out --rotate.",
        )
        .into());
    }
    if is_standard_output(&args.output) && io::stdout().is_terminal() {
        return Err(Failure::usage(
            "A capture is not for a terminal: its keys are as they are, whatever they would do there. Send it to a file or a \
             program, as in `mctop capture -o - | zstd > sale.ndjson.zst`.",
        )
        .into());
    }
    match record(args, verbose) {
        Err(error) if nobody_reads(&error) => Ok(()),
        ended => ended,
    }
}

/// Whether the capture went to a program that has ended, which is no error: it has seen enough.
fn nobody_reads(error: &anyhow::Error) -> bool {
    let kinds = error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>()).map(io::Error::kind);
    kinds.into_iter().any(|kind| kind == io::ErrorKind::BrokenPipe)
}

fn record(args: &CaptureArgs, verbose: bool) -> anyhow::Result<()> {
    let redaction = redaction::of(&args.redact)?;
    let settings = args.probes.settings(args.interval)?;
    let attaching = Attaching::begin()?;
    let mut live = RedactedSource::new(servers::attach(&args.target, &settings)?, redaction);
    let mut recorder = Recorder::new(plan(args)?, live.header())?;
    let duration = args.duration.or_else(|| args.rotate.is_none().then_some(DURATION));
    let limit = match args.trigger {
        Some(_) => Limit { now: None, restarted: duration },
        None => Limit { now: duration, restarted: None },
    };
    let progress = Progress::new(limit.now);
    let mut lost = Lost::new(live.header());
    let begin = |header: &Header| {
        drop(attaching);
        if verbose {
            servers::announce(header, limit.now);
        }
        progress.begin();
    };
    let end = observe(&mut live, limit, Some(args.interval), begin, |interval| {
        progress.saw(interval);
        lost.saw(interval);
        Ok(match recorder.record(interval)? {
            RecordStatus::Waiting | RecordStatus::Recorded => Pace::Continue,
            RecordStatus::Triggered(kept) => {
                announce(kept, args, verbose);
                Pace::Restart
            }
            RecordStatus::Last(kept) => {
                kept.into_iter().for_each(|kept| announce(kept, args, verbose));
                Pace::Stop
            }
        })
    })?;
    drop((live, progress));
    let outcome = recorder.finish(match end {
        End::Complete => EndedBy::Duration,
        End::Interrupted => EndedBy::Signal,
        End::Exhausted => EndedBy::Source,
        End::Enough => EndedBy::Until,
    })?;
    if outcome == RecordingOutcome::NeverTriggered {
        tell(&format!("The trigger never held: nothing was captured in {:?}.", args.output));
    }
    Ok(lost.check(args.strict)?)
}

/// Says that the trigger holds, and in any case what found no room before it did.
fn announce(kept: RingContents, args: &CaptureArgs, verbose: bool) {
    let RingContents { intervals, span, crowded_out } = kept;
    let before = format!("{} from before ({})", plural(intervals as u64, "interval"), duration(span));
    if crowded_out > 0 {
        tell(&format!(
            "the trigger holds: recording, with {before}. {} found no room within --memory {}; a larger --memory, or fewer \
             --keys, keeps more of them.",
            plural(crowded_out as u64, "more interval"),
            format::bytes(args.probes.memory as f64),
        ));
    } else if verbose {
        tell(&format!("the trigger holds: recording, with {before}"));
    }
}

/// Bytes for the keys that conditions are looked up in, and for the intervals from before a trigger holds: together they
/// take what `--memory` allows mctop's own.
fn shared_out(memory: usize, trigger: bool) -> (usize, usize) {
    let keys = if trigger { (memory / 2).max(MIN_MEMORY) } else { memory };
    (keys, memory.saturating_sub(keys))
}

fn plan(args: &CaptureArgs) -> anyhow::Result<RecordingPlan> {
    let keys = args.keys.map(u64::from);
    let options = CaptureOptions {
        interval_ms: u64::try_from(args.interval.as_millis()).ok(),
        keys,
        until: args.until.as_ref().map(|condition| condition.source().to_owned()),
        trigger: args.trigger.as_ref().map(|condition| condition.source().to_owned()),
        before: args.trigger.as_ref().map(|_| args.before.into()),
        detail: Some(args.probes.detail.name().to_owned()),
        budget_percent: args.probes.budget.map(Budget::percent),
    };
    let now = jiff::Zoned::now();
    let clock =
        HostClock { utc_offset_s: now.offset().seconds(), timezone: now.time_zone().iana_name().map(str::to_owned) };
    let (memory, before) = shared_out(usize::try_from(args.probes.memory)?, args.trigger.is_some());
    let object = Some(env!("MCTOP_OBJECT_VERSION").to_owned());
    Ok(RecordingPlan {
        path: args.output.clone(),
        settings: WriterSettings {
            keys: keys.and_then(|keys| usize::try_from(keys).ok()).unwrap_or(KEYS_MAX),
            compress: args.compress || args.output.extension().is_some_and(|extension| extension == "zst"),
            meta: CaptureMeta { object, options: Some(options), clock: Some(clock), part: None, fired: None },
        },
        trigger: args.trigger.clone(),
        before: RingLimits { intervals: args.before.into(), bytes: before },
        until: args.until.clone(),
        rotation: args.rotate.map(|limit| Rotation { limit, keep: args.keep }),
        limits: Limits::without_screen(memory),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::memory::{DEFAULT, LEAST};

    #[test]
    fn what_waits_for_a_trigger_is_within_the_memory() {
        let (default, least) = (DEFAULT as usize, LEAST as usize);
        assert_eq!(shared_out(default, false), (default, 0));
        assert_eq!(shared_out(default, true), (default / 2, default / 2));
        // The conditions come first.
        assert_eq!(shared_out(least, true), (least, 0));
        assert_eq!(shared_out(3 * least, true), (3 * least / 2, 3 * least / 2));
    }
}
