//! Observes until a duration is over, a signal arrives, or enough has been observed.

use std::time::Duration;

use anyhow::Context;
use procfs::process::Process;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::Instant;

use super::runtime::runtime;
use crate::model::header::Header;
use crate::source::Source;

/// How an observation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The duration is over.
    Complete,
    /// By SIGINT, SIGTERM or SIGHUP.
    Interrupted,
    /// The source has no more intervals.
    Exhausted,
    /// By [`Pace::Stop`].
    Stopped,
}

/// What an interval means for the duration of an observation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    /// Nothing.
    Continue,
    /// The duration starts again at its end.
    Restart,
    /// It is the last one.
    Stop,
}

/// Maximum length of an interval. A full table is emptied this often, and a key that becomes hot waits no longer for a slot.
pub(super) const LONGEST: Duration = Duration::from_secs(1);

/// Maximum duration of an observation; `None` for no limit.
#[derive(Clone, Copy, Debug)]
pub(super) struct ObservationLimit {
    /// From its start.
    pub from_start: Option<Duration>,
    /// From a [`Pace::Restart`].
    pub from_restart: Option<Duration>,
}

impl ObservationLimit {
    /// A limit from the start only.
    pub(super) const fn of(from_start: Option<Duration>) -> Self {
        Self { from_start, from_restart: None }
    }
}

/// Calls `step` at the end of each interval, until the limit is reached, a signal arrives, or `step` stops. `step` takes the
/// interval from the source, and returns `None` if there is none. `on_start` is called before the first interval, when signals
/// are handled.
///
/// # Errors
/// Those of `step`.
pub(super) fn observe<S: Source>(
    source: &mut S,
    limit: ObservationLimit,
    interval: Duration,
    on_start: impl FnOnce(&Header),
    mut step: impl FnMut(&mut S) -> anyhow::Result<Option<Pace>>,
) -> anyhow::Result<End> {
    runtime()?.block_on(async {
        let mut signals = ObservationSignals::new()?;
        on_start(source.header());
        let mut end = limit.from_start.map(|limit| Instant::now() + limit);
        let mut tick = Instant::now();
        loop {
            // A rest shorter than half an interval is added to the last interval.
            tick += interval;
            // After a delay, such as SIGSTOP, one long interval follows, not a burst of short ones.
            let now = Instant::now();
            if tick <= now {
                tick = now + interval;
            }
            let last = end.filter(|end| tick + interval / 2 >= *end);
            let until = last.unwrap_or(tick);
            let interrupted = tokio::select! {
                () = tokio::time::sleep_until(until) => false,
                _ = signals.any() => true,
            };
            let Some(pace) = step(source)? else { return Ok(End::Exhausted) };
            match pace {
                Pace::Stop => return Ok(End::Stopped),
                _ if interrupted => return Ok(End::Interrupted),
                Pace::Restart => {
                    end = limit.from_restart.map(|limit| Instant::now() + limit);
                    continue;
                }
                Pace::Continue => {}
            }
            if last.is_some() {
                return Ok(End::Complete);
            }
        }
    })
}

/// The signals that end an observation early.
pub(super) struct ObservationSignals {
    interrupt: Signal,
    terminate: Signal,
    /// `None` if it was ignored when mctop was started, as by nohup(1).
    hangup: Option<Signal>,
    /// Handled so that a file that reaches its size limit is a write error and does not kill the process.
    _too_large: Signal,
}

impl ObservationSignals {
    /// Starts to handle the signals, in the runtime that is entered.
    pub(super) fn new() -> anyhow::Result<Self> {
        let on = |kind| signal(kind).context("cannot handle signals");
        Ok(Self {
            interrupt: on(SignalKind::interrupt())?,
            terminate: on(SignalKind::terminate())?,
            hangup: if is_ignored(SignalKind::hangup()) { None } else { Some(on(SignalKind::hangup())?) },
            _too_large: on(SignalKind::from_raw(libc::SIGXFSZ))?,
        })
    }

    /// Waits for the next signal and returns its number.
    pub(super) async fn any(&mut self) -> i32 {
        tokio::select! {
            _ = self.interrupt.recv() => libc::SIGINT,
            _ = self.terminate.recv() => libc::SIGTERM,
            () = hangup(self.hangup.as_mut()) => libc::SIGHUP,
        }
    }
}

/// Waits for the next hangup, forever if it is ignored.
async fn hangup(signal: Option<&mut Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}

/// Whether this process ignores a signal, because its parent did.
fn is_ignored(kind: SignalKind) -> bool {
    let ignored = Process::myself().and_then(|process| process.status()).map_or(0, |status| status.sigign);
    let bit = u32::try_from(kind.as_raw_value() - 1).ok().and_then(|bit| 1_u64.checked_shl(bit));
    bit.is_some_and(|bit| ignored & bit != 0)
}
