//! `mctop capture`: interval snapshots to a file.

use std::time::Duration;

use super::attaching::Attaching;
use super::observe::{End, Limit, Pace, observe};
use super::progress::Progress;
use super::strict::Lost;
use super::{redaction, servers, tell};
use crate::capture::KEYS_MAX;
use crate::capture::format::{Circumstances, Clock, EndedBy, Options};
use crate::capture::recorder::{Outcome, Plan, Recorder, Step};
use crate::capture::rotation::Rotation;
use crate::capture::writer::Settings;
use crate::cli::CaptureArgs;
use crate::model::fold::Limits;
use crate::redact::source::Redacted;
use crate::source::{Header, Source};

/// How long a capture takes that is in one file.
const DURATION: Duration = Duration::from_secs(60);

/// Runs it.
pub fn capture(args: &CaptureArgs, verbose: bool) -> anyhow::Result<()> {
    let redaction = redaction::of(&args.redact)?;
    let attaching = Attaching::begin()?;
    let mut live = Redacted::new(servers::attach(&args.target, &args.table)?, redaction);
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
        Ok(match recorder.interval(interval)? {
            Step::Waiting | Step::Recorded => Pace::Continue,
            Step::Fired => {
                if verbose {
                    tell("the trigger holds: recording");
                }
                Pace::Restart
            }
            Step::Last => Pace::Stop,
        })
    })?;
    drop((live, progress));
    let outcome = recorder.finish(match end {
        End::Complete => EndedBy::Duration,
        End::Interrupted => EndedBy::Signal,
        End::Exhausted => EndedBy::Source,
        End::Enough => EndedBy::Until,
    })?;
    if outcome == Outcome::NeverFired {
        tell(&format!("The trigger never held: nothing was captured in {:?}.", args.output));
    }
    Ok(lost.check(args.strict)?)
}

fn plan(args: &CaptureArgs) -> anyhow::Result<Plan> {
    let keys = args.keys.map(u64::from);
    let options = Options {
        interval_ms: u64::try_from(args.interval.as_millis()).ok(),
        keys,
        until: args.until.as_ref().map(|condition| condition.source().to_owned()),
        trigger: args.trigger.as_ref().map(|condition| condition.source().to_owned()),
        before: args.trigger.as_ref().map(|_| args.before.into()),
    };
    let now = jiff::Zoned::now();
    let clock =
        Clock { utc_offset_s: now.offset().seconds(), timezone: now.time_zone().iana_name().map(str::to_owned) };
    let object = Some(env!("MCTOP_OBJECT_VERSION").to_owned());
    Ok(Plan {
        path: args.output.clone(),
        settings: Settings {
            keys: keys.and_then(|keys| usize::try_from(keys).ok()).unwrap_or(KEYS_MAX),
            compress: args.compress || args.output.extension().is_some_and(|extension| extension == "zst"),
            circumstances: Circumstances { object, options: Some(options), clock: Some(clock), part: None },
        },
        trigger: args.trigger.clone(),
        before: args.before.into(),
        until: args.until.clone(),
        rotation: args.rotate.map(|limit| Rotation { limit, keep: args.keep }),
        limits: Limits::without_screen(usize::try_from(args.table.memory)?),
    })
}
