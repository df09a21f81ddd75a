//! Moving about in a capture: the picture at any moment is the one that live showed then, since the same model folds the
//! same intervals. Forward, the intervals between are folded; back, the file is read again from its begin.

use std::time::Duration;

use crate::model::fold::{Limits, Model};
use crate::model::snapshot::Snapshot;
use crate::source::Source;

mod index;
mod player;
#[cfg(test)]
mod tests;

pub use index::Index;
pub use player::{Command, Player};

/// A capture, and a position in it.
pub struct Replay<S, F> {
    open: F,
    source: S,
    model: Model,
    limits: Limits,
    index: Index,
    /// How many intervals are folded.
    folded: usize,
}

impl<S: Source, F: FnMut() -> anyhow::Result<S>> Replay<S, F> {
    /// At the begin of a capture, which `open` opens each time it is read from its begin; the keys shown keep to `limits`.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn new(mut open: F, index: Index, limits: Limits) -> anyhow::Result<Self> {
        let source = open()?;
        let model = Model::new(source.header(), limits);
        Ok(Self { open, source, model, limits, index, folded: 0 })
    }

    /// When the intervals are.
    pub fn moments(&self) -> &Index {
        &self.index
    }

    /// The source, for how it ends.
    pub fn source(&self) -> &S {
        &self.source
    }

    /// End of the last interval folded, since the start of the capture.
    pub fn position(&self) -> Duration {
        self.folded.checked_sub(1).and_then(|last| self.index.end(last)).unwrap_or(Duration::ZERO)
    }

    /// Folds the next interval; `None` at the end, or where the file is cut off.
    ///
    /// # Errors
    /// When the file cannot be read or is damaged.
    pub fn step(&mut self) -> anyhow::Result<Option<Snapshot>> {
        Ok(self.fold()?.then(|| self.model.snapshot(false)))
    }

    /// Goes to a moment: the picture after the last interval that ends by then, or after the first.
    ///
    /// # Errors
    /// As above.
    pub fn seek(&mut self, to: Duration) -> anyhow::Result<Snapshot> {
        let wanted = self.index.intervals_until(to).max(1);
        if wanted < self.folded {
            self.source = (self.open)()?;
            self.model = Model::new(self.source.header(), self.limits);
            self.folded = 0;
        }
        while self.folded < wanted && self.fold()? {}
        Ok(self.model.snapshot(false))
    }

    /// The picture at the position.
    pub fn snapshot(&mut self) -> Snapshot {
        self.model.snapshot(false)
    }

    fn fold(&mut self) -> anyhow::Result<bool> {
        let Some(interval) = self.source.next()? else { return Ok(false) };
        self.model.fold(&interval);
        self.folded += 1;
        Ok(true)
    }
}
