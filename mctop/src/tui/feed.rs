//! What the live table is fed with, and what it asks for in return.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

pub use super::ranker::Id;
use crate::model::focus::Focus;
use crate::model::snapshot::Snapshot;

/// The two ends of a source that the live table holds.
#[derive(Debug)]
pub struct Feed {
    /// The source's latest news; what is not shown in time is skipped.
    pub updates: watch::Receiver<Update>,
    /// Wishes to the source. That nobody listens is not an error.
    pub control: mpsc::UnboundedSender<Control>,
}

/// News from the source.
#[derive(Clone, Debug)]
pub enum Update {
    /// What the source does before the first interval, or before it resumes (`attaching to pid 123 …`), and what is known by
    /// then: which servers will be watched.
    Starting(String, Option<Arc<Snapshot>>),
    /// The picture after one more interval, or at another moment of a capture.
    Moment(Moment),
    /// The source has ended or failed, and why. The last table stays on the screen. A picture sent right before may never be
    /// seen, since only the latest news are kept: [`Self::EndedWith`] is for sources that have one.
    Ended(String),
    /// The last picture, and why no other will follow; a capture may still be gone back in.
    EndedWith(Moment, String),
}

/// Everything that there is to show at a moment.
#[derive(Clone, Debug)]
pub struct Moment {
    /// The figures.
    pub snapshot: Arc<Snapshot>,
    /// What was seen of the key that is looked at closely.
    pub closeup: Closeup,
    /// Where in a capture this is; none live.
    pub playback: Option<Playback>,
}

impl From<Arc<Snapshot>> for Moment {
    fn from(snapshot: Arc<Snapshot>) -> Self {
        Self { snapshot, closeup: Closeup::Nothing, playback: None }
    }
}

/// What is known of the key that the source was asked to look at closely.
#[derive(Clone, Debug, Default)]
pub enum Closeup {
    /// Nothing: none is looked at, or nothing was seen yet.
    #[default]
    Nothing,
    /// What was seen so far.
    Seen(Arc<Focus>),
    /// It cannot be looked at, and why.
    Failed(Id, String),
}

/// Where a replay is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Playback {
    /// End of the interval shown, since the start of the capture.
    pub position: Duration,
    /// How long the capture is.
    pub length: Duration,
    /// Seconds of the capture in a second.
    pub speed: f64,
    /// Whether it holds there.
    pub held: bool,
}

/// A wish to the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Control {
    /// Make intervals this long from now on.
    Interval(Duration),
    /// Begin the totals anew.
    Reset,
    /// Look at this key closely and at no other, or at none.
    LookAt(Option<Id>),
    /// Move about in a capture.
    Play(Play),
    /// The user has left.
    Stop,
}

/// A movement in a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Play {
    /// Hold, or go on.
    Hold,
    /// The next faster speed.
    Faster,
    /// The next slower speed.
    Slower,
    /// So many seconds on; back when negative.
    Jump(i32),
    /// To the first interval.
    Begin,
    /// To the last interval.
    End,
    /// Hold at the next interval.
    Next,
    /// Hold at the interval before.
    Previous,
}
