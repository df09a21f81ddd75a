//! Observing for a while: an interval every so often, until the time is up or a signal comes.

use std::time::Duration;

use anyhow::Context;
use procfs::process::Process;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::Instant;

use crate::model::header::Header;
use crate::source::Source;

/// How an observation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The time was up.
    Complete,
    /// SIGINT, SIGTERM or SIGHUP came.
    Interrupted,
    /// The source has no more.
    Exhausted,
    /// What was waited for has been seen.
    Enough,
}

/// What an interval means for the time an observation takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    /// Nothing.
    Continue,
    /// The time has not begun before now.
    Restart,
    /// It was the last.
    Stop,
}

/// Longest interval, so that a full table is emptied often: a newly hot key is never locked out for longer.
pub(super) const LONGEST: Duration = Duration::from_secs(1);

/// How long an observation takes; `None` until something else ends it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limit {
    /// From its begin.
    pub now: Option<Duration>,
    /// From a [`Pace::Restart`] on.
    pub restarted: Option<Duration>,
}

impl Limit {
    /// This long.
    pub(super) const fn of(duration: Duration) -> Self {
        Self { now: Some(duration), restarted: None }
    }
}

/// Calls `step` at least once every `interval`, until the time is up or `step` says that it has enough. `step` takes an
/// interval from the source; it returns `None` when there are no more. `begin` is called before, once signals end the
/// observation in order.
///
/// # Errors
/// Those of `step`.
pub(super) fn observe<S: Source>(
    source: &mut S,
    limit: Limit,
    interval: Option<Duration>,
    begin: impl FnOnce(&Header),
    mut step: impl FnMut(&mut S) -> anyhow::Result<Option<Pace>>,
) -> anyhow::Result<End> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start")?;
    runtime.block_on(async {
        let mut signals = Signals::new()?;
        begin(source.header());
        let interval = interval.unwrap_or(LONGEST);
        let mut end = limit.now.map(|limit| Instant::now() + limit);
        let mut tick = Instant::now();
        loop {
            // A stretch shorter than half an interval is left to the one before it.
            tick += interval;
            // What was missed while mctop was stopped, or took longer, is one long interval and no burst of short ones.
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
                Pace::Stop => return Ok(End::Enough),
                _ if interrupted => return Ok(End::Interrupted),
                Pace::Restart => {
                    end = limit.restarted.map(|limit| Instant::now() + limit);
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
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    /// None where it was ignored when mctop began, as nohup(1) has it.
    hangup: Option<Signal>,
    /// A file that may not grow any more is an error of its own, not the end.
    _too_large: Signal,
}

impl Signals {
    /// Begins to listen, in the runtime that is entered; from now on none of them has its usual effect.
    ///
    /// # Errors
    /// The handlers cannot be installed.
    pub(super) fn new() -> anyhow::Result<Self> {
        let on = |kind| signal(kind).context("cannot handle signals");
        Ok(Self {
            interrupt: on(SignalKind::interrupt())?,
            terminate: on(SignalKind::terminate())?,
            hangup: if is_ignored(SignalKind::hangup()) { None } else { Some(on(SignalKind::hangup())?) },
            _too_large: on(SignalKind::from_raw(libc::SIGXFSZ))?,
        })
    }

    /// Waits for the next one; its number.
    pub(super) async fn any(&mut self) -> i32 {
        tokio::select! {
            _ = self.interrupt.recv() => libc::SIGINT,
            _ = self.terminate.recv() => libc::SIGTERM,
            () = hangup(self.hangup.as_mut()) => libc::SIGHUP,
        }
    }
}

/// Ends with the next hangup, and never where that is ignored.
async fn hangup(signal: Option<&mut Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}

/// Whether this process ignores a signal, as it was told to by the one that started it.
fn is_ignored(kind: SignalKind) -> bool {
    let ignored = Process::myself().and_then(|process| process.status()).map_or(0, |status| status.sigign);
    let bit = u32::try_from(kind.as_raw_value() - 1).ok().and_then(|bit| 1_u64.checked_shl(bit));
    bit.is_some_and(|bit| ignored & bit != 0)
}
