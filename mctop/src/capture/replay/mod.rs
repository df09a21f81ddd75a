//! Seeks in a capture. A snapshot is the same as the live one at that time, because the same model folds the same intervals.
//! Seeking forward folds the intervals in between; seeking backward reads the file again from the start.

use std::time::Duration;

use crate::model::fold::{Limits, Model};
use crate::model::snapshot::Snapshot;
use crate::source::Source;

mod index;
mod player;
#[cfg(test)]
mod tests;

pub use index::IntervalIndex;
pub(crate) use player::{Player, PlayerCommand};

/// A capture, and a position in it.
pub struct Replay<S, F> {
    open: F,
    source: S,
    model: Model,
    limits: Limits,
    index: IntervalIndex,
    /// Number of intervals folded so far.
    folded: usize,
}

impl<S: Source, F: FnMut() -> anyhow::Result<S>> Replay<S, F> {
    /// Starts at the beginning of a capture. `open` opens it, again for each seek backward; `limits` are those of the model.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn new(mut open: F, index: IntervalIndex, limits: Limits) -> anyhow::Result<Self> {
        let source = open()?;
        let model = Model::new(source.header(), limits);
        Ok(Self { open, source, model, limits, index, folded: 0 })
    }

    /// The times of the intervals.
    pub fn index(&self) -> &IntervalIndex {
        &self.index
    }

    /// The source, to find out how it ended.
    pub fn source(&self) -> &S {
        &self.source
    }

    /// End of the last folded interval, relative to the start of the capture.
    pub fn position(&self) -> Duration {
        self.folded.checked_sub(1).and_then(|last| self.index.end(last)).unwrap_or(Duration::ZERO)
    }

    /// Folds the next interval; `None` at the end, including where a file was cut off.
    ///
    /// # Errors
    /// When the file cannot be read or is damaged.
    pub fn step(&mut self) -> anyhow::Result<Option<Snapshot>> {
        Ok(self.fold()?.then(|| self.model.snapshot(false)))
    }

    /// Goes to a time, and returns the snapshot after the last interval that has ended by then, or else after the first.
    ///
    /// # Errors
    /// When the file cannot be read or is damaged.
    pub fn seek(&mut self, to: Duration) -> anyhow::Result<Snapshot> {
        let wanted = self.index.intervals_ended_by(to).max(1);
        if wanted < self.folded {
            self.source = (self.open)()?;
            self.model = Model::new(self.source.header(), self.limits);
            self.folded = 0;
        }
        while self.folded < wanted && self.fold()? {}
        Ok(self.model.snapshot(false))
    }

    /// The snapshot at the current position.
    pub fn snapshot(&mut self) -> Snapshot {
        self.model.snapshot(false)
    }

    fn fold(&mut self) -> anyhow::Result<bool> {
        let Some(interval) = self.source.next(&mut self.model)? else { return Ok(false) };
        self.model.end_interval(&interval);
        self.folded += 1;
        Ok(true)
    }
}
