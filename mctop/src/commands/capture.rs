//! `mctop capture`: writes every interval to a file.

use std::io::{self, IsTerminal};
use std::time::Duration;

use super::attaching::Attaching;
use super::observe::{End, ObservationLimit, Pace, observe};
use super::progress::Progress;
use super::strict::Lost;
use super::{print_message, redaction, servers};
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

/// Default duration of a capture in a single file.
const DURATION: Duration = Duration::from_secs(60);

/// Runs it.
pub(super) fn capture(args: &CaptureArgs, verbose: bool) -> anyhow::Result<()> {
    if is_standard_output(&args.output) && args.rotate.is_some() {
        return Err(Failure::usage(
            "--rotate renames finished files, which is not possible with standard output. Name a file with -o, or drop --rotate.",
        )
        .into());
    }
    if is_standard_output(&args.output) && io::stdout().is_terminal() {
        return Err(Failure::usage(
            "A capture cannot go to a terminal, because its keys may contain control sequences. Write it to a file or a program, \
             as in `mctop capture -o - | zstd > sale.ndjson.zst`.",
        )
        .into());
    }
    match record(args, verbose) {
        Err(error) if is_broken_pipe(&error) => Ok(()),
        result => result,
    }
}

/// Whether the program that read the capture has ended, which is not an error.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let kinds = error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>()).map(io::Error::kind);
    kinds.into_iter().any(|kind| kind == io::ErrorKind::BrokenPipe)
}

fn record(args: &CaptureArgs, verbose: bool) -> anyhow::Result<()> {
    let redaction = redaction::of(&args.redact)?;
    let settings = args.probes.settings(args.interval)?;
    let attaching = Attaching::start()?;
    let mut live = RedactedSource::new(servers::attach(&args.target, &settings)?, redaction);
    let mut recorder = Recorder::new(plan(args)?, live.header())?;
    let duration = args.duration.or_else(|| args.rotate.is_none().then_some(DURATION));
    let limit = match args.trigger {
        Some(_) => ObservationLimit { from_start: None, from_restart: duration },
        None => ObservationLimit::of(duration),
    };
    let progress = Progress::new(limit.from_start);
    let mut lost = Lost::new(live.header());
    let on_start = |header: &Header| {
        drop(attaching);
        if verbose {
            servers::announce(header, limit.from_start);
        }
        progress.start();
    };
    let end = observe(&mut live, limit, args.interval, on_start, |live| {
        let Some(recorded) = live.next_recorded()? else { return Ok(None) };
        progress.add(&recorded.interval);
        lost.add(&recorded.interval);
        Ok(Some(match recorder.record(&recorded)? {
            RecordStatus::Waiting | RecordStatus::Recorded => Pace::Continue,
            RecordStatus::Triggered(kept) => {
                announce(kept, args, verbose);
                Pace::Restart
            }
            RecordStatus::Last(kept) => {
                kept.into_iter().for_each(|kept| announce(kept, args, verbose));
                Pace::Stop
            }
        }))
    })?;
    drop((live, progress));
    let outcome = recorder.finish(match end {
        End::Complete => EndedBy::Duration,
        End::Interrupted => EndedBy::Signal,
        End::Exhausted => EndedBy::Source,
        End::Stopped => EndedBy::Until,
    })?;
    if outcome == RecordingOutcome::NeverTriggered {
        print_message(&format!("The trigger never matched, so {:?} has no intervals.", args.output));
    }
    Ok(lost.check(args.strict)?)
}

/// Reports that the trigger has fired, with --verbose or if memory was too small for all intervals from before.
fn announce(kept: RingContents, args: &CaptureArgs, verbose: bool) {
    let RingContents { intervals, span, crowded_out } = kept;
    let before = format!("{} from before ({})", plural(intervals as u64, "interval"), duration(span));
    if crowded_out > 0 {
        print_message(&format!(
            "the trigger matched: recording, with {before}. {} did not fit into --memory {}; a larger --memory or smaller --keys \
             keeps more.",
            plural(crowded_out as u64, "more interval"),
            format::bytes(args.probes.memory as f64),
        ));
    } else if verbose {
        print_message(&format!("the trigger matched: recording, with {before}"));
    }
}

/// Divides the memory of user space between the model, in which conditions are evaluated, and the intervals from before the
/// trigger, bytes.
fn divide_memory(memory: usize, trigger: bool) -> (usize, usize) {
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
    let (memory, before) = divide_memory(usize::try_from(args.probes.memory)?, args.trigger.is_some());
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
    use crate::probe::map_sizes::{MEMORY_DEFAULT, MEMORY_MIN};

    #[test]
    fn memory_is_divided_if_there_is_a_trigger() {
        let (default, least) = (MEMORY_DEFAULT as usize, MEMORY_MIN as usize);
        assert_eq!(divide_memory(default, false), (default, 0));
        assert_eq!(divide_memory(default, true), (default / 2, default / 2));
        // The model comes first.
        assert_eq!(divide_memory(least, true), (least, 0));
        assert_eq!(divide_memory(3 * least, true), (3 * least / 2, 3 * least / 2));
    }
}
