//! Feeds the live table from running servers: takes one interval after another from the source, and serves the table's requests.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use super::runtime::runtime;
use crate::error::with_causes;
use crate::model::fold::{Limits, Model};
use crate::model::header::Header;
use crate::model::interval::{Change, Interval};
use crate::model::key_sample::{KeySamples, SampleConsumer};
use crate::model::snapshot::Snapshot;
use crate::source::Source;
use crate::tui::feed::{Frame, Id, KeyDetailStatus, Request, Update};

/// Length of the first interval at most, so that the first table appears soon.
const FIRST_INTERVAL: Duration = Duration::from_millis(250);

/// Feeds the table until the source ends, and returns its last update, or until the user leaves. `every` is the initial length
/// of intervals.
pub(super) fn collect<S: Source>(
    mut source: S,
    mut every: Duration,
    limits: Limits,
    updates: &watch::Sender<Update>,
    mut requests: mpsc::UnboundedReceiver<Request>,
    ending: impl FnOnce(&S) -> String,
) -> anyhow::Result<Option<Update>> {
    let mut observation = Observation::new(source.header().clone(), limits);
    let mut shown = Arc::new(observation.snapshot());
    let mut failed = None;
    runtime()?.block_on(async {
        let mut start = Instant::now();
        let mut length = every.min(FIRST_INTERVAL);
        loop {
            tokio::select! {
                () = sleep_until(start + length) => {
                    start = Instant::now();
                    let interval = match source.next(&mut observation) {
                        Ok(Some(interval)) => interval,
                        Ok(None) => {
                            let last = frame(&shown, &source, failed.as_ref());
                            return Ok(Some(Update::EndedWith(last, ending(&source))));
                        }
                        // The last interval before the failure may not have been shown yet.
                        Err(error) => {
                            let last = frame(&shown, &source, failed.as_ref());
                            return Ok(Some(Update::EndedWith(last, with_causes(&error))));
                        }
                    };
                    observation.end_interval(interval);
                    length = every;
                    shown = Arc::new(observation.snapshot());
                    // This fails if the user has left; the request to stop will arrive.
                    let _ = updates.send(Update::Frame(frame(&shown, &source, failed.as_ref())));
                }
                request = requests.recv() => match request {
                    Some(Request::Interval(interval)) => (every, length) = (interval, interval),
                    Some(Request::Reset) => observation.restart(),
                    Some(Request::WatchKey(id)) => {
                        let outcome = source.watch_key(id.as_ref().map(|(key, target)| (*target, key)));
                        failed = outcome.err().and_then(|error| Some((id?, with_causes(&error))));
                        if failed.is_some() {
                            let _ = updates.send(Update::Frame(frame(&shown, &source, failed.as_ref())));
                        }
                    }
                    // Only a replay can be played back.
                    Some(Request::Playback(_)) => {}
                    Some(Request::Stop) | None => return Ok(None),
                },
            }
        }
    })
}

/// The snapshot, and the details of the watched key, or why it cannot be watched.
fn frame(snapshot: &Arc<Snapshot>, source: &impl Source, failed: Option<&(Id, String)>) -> Frame {
    let key_detail = match (failed, source.key_detail()) {
        (Some((id, why)), _) => KeyDetailStatus::Failed(id.clone(), why.clone()),
        (None, Some(detail)) => KeyDetailStatus::Seen(Arc::new(detail.clone())),
        (None, None) => KeyDetailStatus::Waiting,
    };
    Frame { snapshot: Arc::clone(snapshot), key_detail, playback: None }
}

/// What has been observed since the start, or since the user reset it.
struct Observation {
    header: Header,
    limits: Limits,
    model: Model,
    /// Its start, since the source's start.
    start: Duration,
    /// End of its last interval, since the source's start.
    end: Duration,
    /// Changes for its first interval: servers that had exited before, and notes.
    initial_changes: Vec<Change>,
}

impl Observation {
    fn new(header: Header, limits: Limits) -> Self {
        let model = Model::new(&header, limits);
        Self { header, limits, model, start: Duration::ZERO, end: Duration::ZERO, initial_changes: Vec::new() }
    }

    fn snapshot(&mut self) -> Snapshot {
        self.model.snapshot(false)
    }

    fn end_interval(&mut self, mut interval: Interval) {
        self.end = interval.end;
        interval.start = interval.start.saturating_sub(self.start);
        interval.end = interval.end.saturating_sub(self.start);
        for change in &mut interval.changes {
            match change {
                Change::Exited { at, .. } | Change::Attached { at, .. } => *at = at.saturating_sub(self.start),
                Change::Refused { .. } | Change::Reprobed { .. } | Change::Budget { .. } => {}
            }
        }
        interval.changes.splice(0..0, self.initial_changes.drain(..));
        self.model.end_interval(&interval);
    }

    /// Forgets everything except what is known of the servers.
    fn restart(&mut self) {
        let servers = self.model.servers();
        self.initial_changes.extend(servers.initial_changes(Duration::ZERO));
        self.header.targets = servers.targets().to_vec();
        self.header.started_at += self.end.saturating_sub(self.start);
        self.start = self.end;
        self.model = Model::new(&self.header, self.limits);
    }
}

impl SampleConsumer for Observation {
    fn consume(&mut self, start: Duration, end: Duration, samples: &mut dyn KeySamples) {
        self.model.consume(start.saturating_sub(self.start), end.saturating_sub(self.start), samples);
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
    fn a_reset_forgets_everything_except_the_servers() {
        let started_at = "2026-11-22T00:00:00Z".parse().unwrap();
        let targets = vec![sample::target(1, 11_211)];
        let header = Header { started_at, targets, ..Header::default() };
        let mut observation = Observation::new(header, Limits::default());
        let attached = Change::Attached { target: 1, at: Duration::from_secs(1), info: sample::target(2, 11_212) };
        observation.end_interval(interval(0, vec![attached]));
        let notes = [Change::Refused { reason: "Refused.".into() }, Change::Budget { note: "Saved.".into() }];
        let exit = |at| Change::Exited { target: 0, at };
        observation.end_interval(interval(1, [vec![exit(Duration::from_secs(2))], notes.to_vec()].concat()));
        observation.restart();
        observation.restart();
        assert_eq!(observation.initial_changes, [vec![exit(Duration::ZERO)], notes.to_vec()].concat());
        observation.end_interval(interval(2, Vec::new()));
        let snapshot = observation.snapshot();
        assert_eq!((snapshot.total.calls(), snapshot.duration), (1, Duration::from_secs(1)));
        assert_eq!(snapshot.started_at.to_string(), "2026-11-22T00:00:02Z");
        assert_eq!((snapshot.targets.len(), snapshot.notes), (2, vec!["Refused.".to_owned(), "Saved.".to_owned()]));
        let gap = Gap { target: 0, exited_pid: Some(1), from: Duration::ZERO, to: None, new_pid: None };
        assert_eq!(snapshot.gaps, [gap]);
        let back = Change::Attached { target: 0, at: Duration::from_secs(4), info: sample::target(3, 11_211) };
        observation.end_interval(interval(3, vec![back]));
        let end = Gap { to: Some(Duration::from_secs(2)), new_pid: Some(3), ..gap };
        assert_eq!(observation.snapshot().gaps, [end]);
    }

    /// Three intervals; only the key `known` can be watched.
    struct FakeSource {
        header: Header,
        second: u64,
        detail: Option<KeyDetail>,
    }

    impl Source for FakeSource {
        fn header(&self) -> &Header {
            &self.header
        }

        fn next(&mut self, _consumer: &mut dyn SampleConsumer) -> anyhow::Result<Option<Interval>> {
            self.second += 1;
            Ok((self.second <= 3).then(|| interval(self.second, Vec::new())))
        }

        fn watch_key(&mut self, key: Option<(u32, &Key)>) -> anyhow::Result<()> {
            self.detail = None;
            let Some((target, key)) = key else { return Ok(()) };
            anyhow::ensure!(key.bytes() == b"known", "cannot attach");
            let (length, latency) = (Duration::from_secs(1), Latency::default());
            let (clients, notes) = (Vec::new(), Vec::new());
            self.detail = Some(KeyDetail {
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
            self.detail.as_ref()
        }
    }

    /// The last update after the table has asked for a key.
    fn after_watching(key: Option<&[u8]>) -> Update {
        let (updates, _receiver) = watch::channel(Update::Starting(String::new(), None));
        let (sender, requests) = mpsc::unbounded_channel();
        if let Some(key) = key {
            sender.send(Request::WatchKey(Some((Key::new(key), 0)))).unwrap();
        }
        let fake = FakeSource { header: Header::default(), second: 0, detail: None };
        let end = collect(fake, Duration::from_millis(1), Limits::default(), &updates, requests, |_| "over".to_owned());
        drop(sender);
        end.unwrap().unwrap()
    }

    #[test]
    fn frames_have_the_details_of_a_key_and_failing_to_watch_it_ends_nothing() {
        let key_detail = |key| match after_watching(key) {
            Update::EndedWith(frame, why) => {
                assert_eq!((why.as_str(), frame.snapshot.total.calls()), ("over", 3));
                frame.key_detail
            }
            other => panic!("{other:?}"),
        };
        assert!(matches!(key_detail(None), KeyDetailStatus::Waiting));
        assert!(matches!(key_detail(Some(b"known")), KeyDetailStatus::Seen(detail) if detail.calls == 3));
        let KeyDetailStatus::Failed((key, 0), why) = key_detail(Some(b"other")) else { panic!() };
        assert_eq!((key.bytes(), why.as_str()), (&b"other"[..], "cannot attach"));
    }
}
