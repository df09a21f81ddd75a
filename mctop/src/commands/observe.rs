//! Observing for a while: an interval every so often, until the time is up or a signal comes.

use std::time::Duration;

use anyhow::Context;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::Instant;

use crate::model::interval::Interval;
use crate::source::{Header, Source};

/// How an observation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
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
pub enum Pace {
    /// Nothing.
    Continue,
    /// The time has not begun before now.
    Restart,
    /// It was the last.
    Stop,
}

/// Longest interval, so that a full table is emptied often: a newly hot key is never locked out for longer.
const LONGEST: Duration = Duration::from_secs(1);

/// How long an observation takes; `None` until something else ends it.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// From its begin.
    pub now: Option<Duration>,
    /// From a [`Pace::Restart`] on.
    pub restarted: Option<Duration>,
}

impl Limit {
    /// This long.
    pub const fn of(duration: Duration) -> Self {
        Self { now: Some(duration), restarted: None }
    }
}

/// Takes intervals from `source`, at most `interval` long, and hands each to `each`, until the time is up or `each` has
/// enough. Before the first, when a signal already ends it as it should, calls `begin`.
///
/// # Errors
/// What the source or `each` fail with.
pub fn observe(
    source: &mut dyn Source,
    limit: Limit,
    interval: Option<Duration>,
    begin: impl FnOnce(&Header),
    mut each: impl FnMut(&Interval) -> anyhow::Result<Pace>,
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
            let last = end.filter(|end| tick + interval / 2 >= *end);
            let until = last.unwrap_or(tick);
            let interrupted = tokio::select! {
                () = tokio::time::sleep_until(until) => false,
                _ = signals.any() => true,
            };
            let Some(interval) = source.next()? else { return Ok(End::Exhausted) };
            match each(&interval)? {
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
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Signals {
    /// Begins to listen, in the runtime that is entered; from now on none of them has its usual effect.
    ///
    /// # Errors
    /// The handlers cannot be installed.
    pub fn new() -> anyhow::Result<Self> {
        let on = |kind| signal(kind).context("cannot handle signals");
        Ok(Self {
            interrupt: on(SignalKind::interrupt())?,
            terminate: on(SignalKind::terminate())?,
            hangup: on(SignalKind::hangup())?,
        })
    }

    /// Waits for the next one; its number.
    pub async fn any(&mut self) -> i32 {
        tokio::select! {
            _ = self.interrupt.recv() => libc::SIGINT,
            _ = self.terminate.recv() => libc::SIGTERM,
            _ = self.hangup.recv() => libc::SIGHUP,
        }
    }
}
