//! What happens to the live table, and what follows from it for the world outside its state.

use std::sync::Arc;

use crossterm::event::{KeyEvent, MouseEvent};
use ratatui::layout::Size;

use super::feed::{Control, Update};
use super::keymap::Command;
use super::ranker::{Job, Made};
use crate::model::ranking::View;
use crate::model::snapshot::Snapshot;

/// What happened.
#[derive(Clone, Debug)]
pub enum Action {
    /// A key was pressed that asks for something.
    Command(Command),
    /// A key was pressed while text is asked for.
    Typed(KeyEvent),
    /// A text was pasted.
    Pasted(String),
    /// The mouse did something.
    Mouse(MouseEvent),
    /// The source has news.
    Update(Update),
    /// The job that was asked for last is done.
    Made(Box<Made>),
    /// There is something to say: what became of a file that was written.
    Note(String),
    /// The terminal has this size.
    Resize(Size),
    /// A second has passed.
    Tick,
}

/// What the caller must do besides drawing the new state.
#[derive(Clone, Debug, Default)]
pub struct Effects {
    /// Forget what is on the screen first.
    pub clear: bool,
    /// Tell the source, in this order.
    pub controls: Vec<Control>,
    /// Do this, and hand back what was made in [`Action::Made`]. It takes the place of the one before, whose work is wanted no
    /// longer if it is still being done.
    pub job: Option<Job>,
    /// Write this to a file.
    pub write: Option<Picture>,
    /// Put this into the terminal's clipboard.
    pub copy: Option<String>,
    /// Stop the process until the shell continues it.
    pub suspend: bool,
    /// Leave.
    pub quit: bool,
}

/// What is written to a file: a snapshot as it is sorted and filtered on the screen.
#[derive(Clone, Debug)]
pub struct Picture {
    /// The snapshot before it was grouped, which hints are about.
    pub whole: Arc<Snapshot>,
    /// The figures.
    pub snapshot: Arc<Snapshot>,
    /// Which rows in which order.
    pub view: View,
}
