//! The actions that change the live table, and the effects that the event loop then applies.

use std::sync::Arc;

use crossterm::event::{KeyEvent, MouseEvent};
use ratatui::layout::Size;

use super::feed::{Request, Update};
use super::keymap::TuiCommand;
use super::ranker::{Job, JobResult};
use crate::model::ranking::View;
use crate::model::snapshot::Snapshot;

/// Something that happened.
#[derive(Clone, Debug)]
pub(super) enum Action {
    /// A key was pressed that is bound to a command.
    Command(TuiCommand),
    /// A key was pressed while a prompt is open.
    Typed(KeyEvent),
    /// Text was pasted.
    Pasted(String),
    /// The mouse was clicked or its wheel was turned.
    Mouse(MouseEvent),
    /// The source sent an update.
    Update(Update),
    /// The job that was requested last is done.
    JobDone(Box<JobResult>),
    /// A note for the user, such as the name of a file that was written.
    Note(String),
    /// The terminal has this size.
    Resize(Size),
    /// A second has passed.
    Tick,
}

/// What the caller must do besides drawing the new state.
#[derive(Clone, Debug, Default)]
pub(super) struct Effects {
    /// Clear the screen first.
    pub clear: bool,
    /// Send these to the source, in this order.
    pub requests: Vec<Request>,
    /// Run this job and return its result in [`Action::JobDone`]. It replaces a job that is still running, whose result is
    /// no longer needed.
    pub job: Option<Job>,
    /// Write this to a file.
    pub write: Option<Export>,
    /// Put this into the terminal's clipboard.
    pub copy: Option<String>,
    /// Stop the process until the shell continues it.
    pub suspend: bool,
    /// Leave.
    pub quit: bool,
}

/// What is written to a file: a snapshot, sorted and filtered as on the screen.
#[derive(Clone, Debug)]
pub(super) struct Export {
    /// The ungrouped snapshot, from which the hints are computed.
    pub whole: Arc<Snapshot>,
    /// The figures.
    pub snapshot: Arc<Snapshot>,
    /// Which rows, and in which order.
    pub view: View,
}
