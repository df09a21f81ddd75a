//! What the live table is fed with, and what it asks for in return.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

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
    /// The picture after one more interval.
    Snapshot(Arc<Snapshot>),
    /// The source has ended or failed, and why. The last table stays on the screen. A snapshot sent right before may never be
    /// seen, since only the latest news are kept: [`Self::EndedWith`] is for sources that have one.
    Ended(String),
    /// The last picture, and why no other will follow.
    EndedWith(Arc<Snapshot>, String),
}

/// A wish to the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// Make intervals this long from now on.
    Interval(Duration),
    /// Begin the totals anew.
    Reset,
    /// The user has left.
    Stop,
}
