//! What the live table receives from its source, and what it asks of the source.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

pub(crate) use super::ranker::Id;
use crate::model::key_detail::KeyDetail;
use crate::model::snapshot::Snapshot;

/// The table's end of the two channels that connect it to a source.
#[derive(Debug)]
pub(crate) struct Feed {
    /// The latest update. An update that is replaced before it is drawn is never shown.
    pub updates: watch::Receiver<Update>,
    /// Requests to the source. A closed channel is not an error: the source may already have ended.
    pub requests: mpsc::UnboundedSender<Request>,
}

/// An update from the source.
#[derive(Clone, Debug)]
pub(crate) enum Update {
    /// What the source is doing before the first interval or before it resumes (`attaching to pid 123 …`), and, once known, a
    /// snapshot that names the servers to be watched.
    Starting(String, Option<Arc<Snapshot>>),
    /// The state after another interval, or at another position in a capture.
    Frame(Frame),
    /// The source has ended or failed, and why. The last table stays on the screen. A frame sent just before this may never
    /// be seen, because only the latest update is kept; a source that has a last frame sends [`Self::EndedWith`].
    Ended(String),
    /// The last frame, and why no other follows. In a replay the user can still go back.
    EndedWith(Frame, String),
}

/// Everything that is shown at one point in time.
#[derive(Clone, Debug)]
pub struct Frame {
    /// The figures.
    pub snapshot: Arc<Snapshot>,
    /// Clients and latencies of the key whose details are open.
    pub key_detail: KeyDetailStatus,
    /// The position in the capture; `None` when live.
    pub playback: Option<Playback>,
}

impl From<Arc<Snapshot>> for Frame {
    fn from(snapshot: Arc<Snapshot>) -> Self {
        Self { snapshot, key_detail: KeyDetailStatus::Waiting, playback: None }
    }
}

/// What is known about the key that the source was asked to watch.
#[derive(Clone, Debug, Default)]
pub enum KeyDetailStatus {
    /// No key is watched, or nothing has been measured yet.
    #[default]
    Waiting,
    /// What has been measured so far.
    Seen(Arc<KeyDetail>),
    /// The key cannot be watched, and why.
    Failed(Id, String),
}

/// The state of a replay.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Playback {
    /// End of the interval shown, since the start of the capture.
    pub position: Duration,
    /// Length of the capture.
    pub length: Duration,
    /// Seconds of the capture played per second.
    pub speed: f64,
    /// Whether the replay is paused.
    pub paused: bool,
}

/// A request to the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// Use intervals of this length from now on.
    Interval(Duration),
    /// Reset the totals.
    Reset,
    /// Measure clients and latencies of this key and no other, or of none.
    WatchKey(Option<Id>),
    /// Control the replay.
    Playback(PlaybackCommand),
    /// Stop: the user has left.
    Stop,
}

/// A command to a replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PlaybackCommand {
    /// Pause, or resume.
    TogglePause,
    /// Use the next higher speed.
    Faster,
    /// Use the next lower speed.
    Slower,
    /// Jump forward by this many seconds, or back when negative.
    Jump(i32),
    /// Go to the first interval.
    Start,
    /// Go to the last interval.
    End,
    /// Pause at the next interval.
    StepForward,
    /// Pause at the previous interval.
    StepBack,
}
