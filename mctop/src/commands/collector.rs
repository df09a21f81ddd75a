//! Feeds the live table: drains the source once an interval, in a thread of its own, and listens to the table's wishes.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use super::runtime;
use crate::model::fold::{Limits, Model};
use crate::model::interval::{Change, Interval};
use crate::model::snapshot::Snapshot;
use crate::source::{Header, Source};
use crate::tui::feed::{Control, Update};

/// The first interval is shorter than the others: whoever starts mctop wants to see something at once.
const FIRST: Duration = Duration::from_millis(250);

/// How long the intervals of a source take.
#[derive(Clone, Copy)]
pub enum Pace {
    /// As long as the user wants.
    Interval(Duration),
    /// As long as they took.
    Recorded,
}

/// Feeds the table until the source ends, returning its last news, or the user leaves.
pub fn collect<S: Source>(
    mut source: S,
    pace: Pace,
    limits: Limits,
    news: &watch::Sender<Update>,
    mut wishes: mpsc::UnboundedReceiver<Control>,
    ending: impl FnOnce(&S) -> String,
) -> anyhow::Result<Option<Update>> {
    let mut observation = Observation::new(source.header().clone(), limits);
    let mut shown = Arc::new(observation.snapshot());
    runtime()?.block_on(async {
        let mut begin = Instant::now();
        let mut every = match pace {
            Pace::Interval(interval) => interval,
            Pace::Recorded => Duration::ZERO,
        };
        let mut wanted = every.min(FIRST);
        loop {
            tokio::select! {
                () = sleep_until(begin + wanted) => {
                    begin = Instant::now();
                    let interval = match source.next() {
                        Ok(Some(interval)) => interval,
                        Ok(None) => return Ok(Some(Update::EndedWith(shown, ending(&source)))),
                        // What was seen until then may not have been shown yet, and stays.
                        Err(error) => return Ok(Some(Update::EndedWith(shown, format!("{error:#}")))),
                    };
                    let length = interval.end.saturating_sub(interval.start);
                    observation.fold(interval);
                    wanted = match pace {
                        Pace::Interval(_) => every,
                        Pace::Recorded => length,
                    };
                    shown = Arc::new(observation.snapshot());
                    // Nobody listens when the user has left meanwhile; the wish to stop is on its way.
                    let _ = news.send(Update::Snapshot(Arc::clone(&shown)));
                }
                wish = wishes.recv() => match wish {
                    Some(Control::Interval(interval)) => {
                        every = interval;
                        if let Pace::Interval(_) = pace {
                            wanted = interval;
                        }
                    }
                    Some(Control::Reset) => observation.restart(),
                    Some(Control::Stop) | None => return Ok(None),
                },
            }
        }
    })
}

/// What has been observed since the start, or since the user wanted it to begin anew.
struct Observation {
    header: Header,
    limits: Limits,
    model: Model,
    /// Its begin on the source's clock.
    begin: Duration,
    /// Its end so far, likewise.
    end: Duration,
    /// Servers that had exited before it began.
    exited: Vec<u32>,
}

impl Observation {
    fn new(header: Header, limits: Limits) -> Self {
        let model = Model::new(&header, limits);
        Self { header, limits, model, begin: Duration::ZERO, end: Duration::ZERO, exited: Vec::new() }
    }

    fn snapshot(&self) -> Snapshot {
        self.model.snapshot(false)
    }

    fn fold(&mut self, mut interval: Interval) {
        self.end = interval.end;
        interval.start = interval.start.saturating_sub(self.begin);
        interval.end = interval.end.saturating_sub(self.begin);
        for change in &mut interval.changes {
            match change {
                Change::Exited { at, .. } | Change::Attached { at, .. } => *at = at.saturating_sub(self.begin),
                Change::Refused { .. } => {}
            }
        }
        let exited = self.exited.drain(..).map(|target| Change::Exited { target, at: Duration::ZERO });
        interval.changes.splice(0..0, exited);
        self.model.fold(&interval);
    }

    /// Forgets everything but the servers, and that some of them are gone.
    fn restart(&mut self) {
        let known = self.snapshot();
        self.exited = known.gaps.iter().filter(|gap| gap.to.is_none()).map(|gap| gap.target).collect();
        self.header.targets = known.targets.to_vec();
        self.header.started_at += self.end.saturating_sub(self.begin);
        self.begin = self.end;
        self.model = Model::new(&self.header, self.limits);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::counts::Counts;
    use crate::model::snapshot::Gap;
    use crate::report::sample;

    fn interval(second: u64, changes: Vec<Change>) -> Interval {
        let (start, end) = (Duration::from_secs(second), Duration::from_secs(second + 1));
        let total = Counts { hits: 1, ..Counts::default() };
        Interval { start, end, total, changes, ..Interval::default() }
    }

    #[test]
    fn an_observation_that_begins_anew_knows_the_servers_and_nothing_else() {
        let started_at = "2026-11-22T00:00:00Z".parse().unwrap();
        let targets = vec![sample::target(1, 11_211)];
        let header = Header { started_at, targets, ..Header::default() };
        let mut observation = Observation::new(header, Limits::default());
        let attached = Change::Attached { target: 1, at: Duration::from_secs(1), info: sample::target(2, 11_212) };
        observation.fold(interval(0, vec![attached]));
        observation.fold(interval(1, vec![Change::Exited { target: 0, at: Duration::from_secs(2) }]));
        observation.restart();
        observation.fold(interval(2, Vec::new()));
        let snapshot = observation.snapshot();
        assert_eq!((snapshot.total.calls(), snapshot.duration), (1, Duration::from_secs(1)));
        assert_eq!(snapshot.started_at.to_string(), "2026-11-22T00:00:02Z");
        assert_eq!(snapshot.targets.len(), 2);
        let gap = Gap { target: 0, exited_pid: Some(1), from: Duration::ZERO, to: None };
        assert_eq!(snapshot.gaps, [gap]);
        let back = Change::Attached { target: 0, at: Duration::from_secs(4), info: sample::target(3, 11_211) };
        observation.fold(interval(3, vec![back]));
        assert_eq!(observation.snapshot().gaps, [Gap { to: Some(Duration::from_secs(2)), ..gap }]);
    }
}
