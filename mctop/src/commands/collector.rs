//! Feeds the live table from running servers: drains the source once an interval, in a thread of its own, and listens to
//! the table's wishes.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use super::runtime;
use crate::error::with_causes;
use crate::model::fold::{Limits, Model};
use crate::model::header::Header;
use crate::model::interval::{Change, Interval};
use crate::model::key_sample::{KeySamples, SampleConsumer};
use crate::model::snapshot::Snapshot;
use crate::source::Source;
use crate::tui::feed::{Frame, Id, KeyDetailStatus, Request, Update};

/// The first interval is shorter than the others: whoever starts mctop wants to see something at once.
const FIRST: Duration = Duration::from_millis(250);

/// Feeds the table until the source ends, returning its last news, or the user leaves. `every`: the length of intervals at
/// first.
pub(super) fn collect<S: Source>(
    mut source: S,
    mut every: Duration,
    limits: Limits,
    news: &watch::Sender<Update>,
    mut wishes: mpsc::UnboundedReceiver<Request>,
    ending: impl FnOnce(&S) -> String,
) -> anyhow::Result<Option<Update>> {
    let mut observation = Observation::new(source.header().clone(), limits);
    let mut shown = Arc::new(observation.snapshot());
    let mut failed = None;
    runtime()?.block_on(async {
        let mut begin = Instant::now();
        let mut wanted = every.min(FIRST);
        loop {
            tokio::select! {
                () = sleep_until(begin + wanted) => {
                    begin = Instant::now();
                    let interval = match source.next(&mut observation) {
                        Ok(Some(interval)) => interval,
                        Ok(None) => {
                            let last = moment(&shown, &source, failed.as_ref());
                            return Ok(Some(Update::EndedWith(last, ending(&source))));
                        }
                        // What was seen until then may not have been shown yet, and stays.
                        Err(error) => {
                            let last = moment(&shown, &source, failed.as_ref());
                            return Ok(Some(Update::EndedWith(last, with_causes(&error))));
                        }
                    };
                    observation.end_interval(interval);
                    wanted = every;
                    shown = Arc::new(observation.snapshot());
                    // Nobody listens when the user has left meanwhile; the wish to stop is on its way.
                    let _ = news.send(Update::Frame(moment(&shown, &source, failed.as_ref())));
                }
                wish = wishes.recv() => match wish {
                    Some(Request::Interval(interval)) => (every, wanted) = (interval, interval),
                    Some(Request::Reset) => observation.restart(),
                    Some(Request::WatchKey(id)) => {
                        let outcome = source.watch_key(id.as_ref().map(|(key, target)| (*target, key)));
                        failed = outcome.err().and_then(|error| Some((id?, with_causes(&error))));
                        if failed.is_some() {
                            let _ = news.send(Update::Frame(moment(&shown, &source, failed.as_ref())));
                        }
                    }
                    // Time that goes on by itself cannot be moved about in.
                    Some(Request::Playback(_)) => {}
                    Some(Request::Stop) | None => return Ok(None),
                },
            }
        }
    })
}

/// What there is to show: the snapshot, and what is known of the key that is looked at.
fn moment(snapshot: &Arc<Snapshot>, source: &impl Source, failed: Option<&(Id, String)>) -> Frame {
    let key_detail = match (failed, source.key_detail()) {
        (Some((id, why)), _) => KeyDetailStatus::Failed(id.clone(), why.clone()),
        (None, Some(focus)) => KeyDetailStatus::Seen(Arc::new(focus.clone())),
        (None, None) => KeyDetailStatus::Waiting,
    };
    Frame { snapshot: Arc::clone(snapshot), key_detail, playback: None }
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
    /// Changes for its first interval: servers that had exited before, and notes.
    initial_changes: Vec<Change>,
}

impl Observation {
    fn new(header: Header, limits: Limits) -> Self {
        let model = Model::new(&header, limits);
        Self { header, limits, model, begin: Duration::ZERO, end: Duration::ZERO, initial_changes: Vec::new() }
    }

    fn snapshot(&mut self) -> Snapshot {
        self.model.snapshot(false)
    }

    fn end_interval(&mut self, mut interval: Interval) {
        self.end = interval.end;
        interval.start = interval.start.saturating_sub(self.begin);
        interval.end = interval.end.saturating_sub(self.begin);
        for change in &mut interval.changes {
            match change {
                Change::Exited { at, .. } | Change::Attached { at, .. } => *at = at.saturating_sub(self.begin),
                Change::Refused { .. } | Change::Reprobed { .. } | Change::Budget { .. } => {}
            }
        }
        interval.changes.splice(0..0, self.initial_changes.drain(..));
        self.model.end_interval(&interval);
    }

    /// Forgets everything but the servers, and that some of them are gone.
    fn restart(&mut self) {
        let servers = self.model.servers();
        self.initial_changes = servers.initial_changes(Duration::ZERO).collect();
        self.header.targets = servers.targets().to_vec();
        self.header.started_at += self.end.saturating_sub(self.begin);
        self.begin = self.end;
        self.model = Model::new(&self.header, self.limits);
    }
}

impl SampleConsumer for Observation {
    fn consume(&mut self, start: Duration, end: Duration, samples: &mut dyn KeySamples) {
        self.model.consume(start.saturating_sub(self.begin), end.saturating_sub(self.begin), samples);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::counts::Counts;
    use crate::model::key::Key;
    use crate::model::key_detail::{KeyDetail, Latency};
    use crate::model::sample;
    use crate::model::snapshot::Gap;

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
        observation.end_interval(interval(0, vec![attached]));
        observation.end_interval(interval(1, vec![Change::Exited { target: 0, at: Duration::from_secs(2) }]));
        observation.restart();
        observation.end_interval(interval(2, Vec::new()));
        let snapshot = observation.snapshot();
        assert_eq!((snapshot.total.calls(), snapshot.duration), (1, Duration::from_secs(1)));
        assert_eq!(snapshot.started_at.to_string(), "2026-11-22T00:00:02Z");
        assert_eq!(snapshot.targets.len(), 2);
        let gap = Gap { target: 0, exited_pid: Some(1), from: Duration::ZERO, to: None, new_pid: None };
        assert_eq!(snapshot.gaps, [gap]);
        let back = Change::Attached { target: 0, at: Duration::from_secs(4), info: sample::target(3, 11_211) };
        observation.end_interval(interval(3, vec![back]));
        let end = Gap { to: Some(Duration::from_secs(2)), new_pid: Some(3), ..gap };
        assert_eq!(observation.snapshot().gaps, [end]);
    }

    /// Two servers' worth of nothing, until the third interval; it can look at the key `known` only.
    struct Fake {
        header: Header,
        second: u64,
        focus: Option<KeyDetail>,
    }

    impl Source for Fake {
        fn header(&self) -> &Header {
            &self.header
        }

        fn next(&mut self, _consumer: &mut dyn SampleConsumer) -> anyhow::Result<Option<Interval>> {
            self.second += 1;
            Ok((self.second <= 3).then(|| interval(self.second, Vec::new())))
        }

        fn watch_key(&mut self, key: Option<(u32, &Key)>) -> anyhow::Result<()> {
            self.focus = None;
            let Some((target, key)) = key else { return Ok(()) };
            anyhow::ensure!(key.bytes() == b"known", "cannot attach");
            let (length, latency) = (Duration::from_secs(1), Latency::default());
            let (clients, notes) = (Vec::new(), Vec::new());
            self.focus = Some(KeyDetail {
                target,
                key: key.clone(),
                length,
                calls: 3,
                clients,
                unknown_calls: 3,
                latency,
                notes,
                ended: None,
            });
            Ok(())
        }

        fn key_detail(&self) -> Option<&KeyDetail> {
            self.focus.as_ref()
        }
    }

    /// The last news after the table has asked for a key.
    fn looking_at(key: Option<&[u8]>) -> Update {
        let (news, _updates) = watch::channel(Update::Starting(String::new(), None));
        let (control, wishes) = mpsc::unbounded_channel();
        if let Some(key) = key {
            control.send(Request::WatchKey(Some((Key::new(key), 0)))).unwrap();
        }
        let fake = Fake { header: Header::default(), second: 0, focus: None };
        let end = collect(fake, Duration::from_millis(1), Limits::default(), &news, wishes, |_| "over".to_owned());
        drop(control);
        end.unwrap().unwrap()
    }

    #[test]
    fn what_is_seen_of_a_key_goes_with_the_picture_and_failing_to_look_ends_nothing() {
        let key_detail = |key| match looking_at(key) {
            Update::EndedWith(moment, why) => {
                assert_eq!((why.as_str(), moment.snapshot.total.calls()), ("over", 3));
                moment.key_detail
            }
            other => panic!("{other:?}"),
        };
        assert!(matches!(key_detail(None), KeyDetailStatus::Waiting));
        assert!(matches!(key_detail(Some(b"known")), KeyDetailStatus::Seen(focus) if focus.calls == 3));
        let KeyDetailStatus::Failed((key, 0), why) = key_detail(Some(b"other")) else { panic!() };
        assert_eq!((key.bytes(), why.as_str()), (&b"other"[..], "cannot attach"));
    }
}
