//! Prepares and ranks the rows on another thread than the event loop, because this work grows with the number of keys. There
//! are three kinds of [`Job`]: prepare the rows and hints of a view, rank the rows around those on the screen, and compute the
//! rate histories of groups. A job whose result is no longer needed is cancelled; the next job starts at once.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use crate::model::history::Series;
use crate::model::key::Key;
use crate::model::ranking::View;
use crate::model::snapshot::{Level, Row, Snapshot};

mod cancel;
mod prepare;
mod rank;
#[cfg(test)]
mod tests;

pub(crate) use self::cancel::CancelToken;
pub(crate) use self::prepare::{PrepareTask, Prepared, same_rows_and_hints};
pub(crate) use self::rank::RankTask;

/// A row's identity over snapshots: its key and the index of its server.
pub(crate) type Id = (Key, u32);

/// Number of rows ranked on either side of the row of interest: enough for scrolling until the next ranking is done.
pub(super) const RANK_RADIUS: usize = 500;

/// The rate histories of groups over the last minute.
pub(super) type GroupHistories = Arc<HashMap<Id, Series>>;

/// Work to be done on another thread.
#[derive(Clone, Debug)]
pub(super) struct Job {
    /// What to do.
    pub task: Task,
    /// Cancels the job when its result is no longer needed.
    pub cancel: CancelToken,
}

/// What a job does. Group histories take the longest, so they are a job of their own that runs after ranking.
#[derive(Clone, Debug)]
pub(super) enum Task {
    /// Prepare rows and hints.
    Prepare(PrepareTask),
    /// Rank the rows.
    Rank(RankTask),
    /// Compute the histories of the groups at these ranks.
    GroupHistories(Ranking, Range<usize>),
}

/// The kinds of jobs, in the order in which they run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobKind {
    /// Prepare rows and hints.
    Prepare,
    /// Rank the rows.
    Rank,
    /// Compute the histories of groups.
    GroupHistories,
}

impl Task {
    /// The kind of job.
    pub(super) const fn kind(&self) -> JobKind {
        match self {
            Self::Prepare(_) => JobKind::Prepare,
            Self::Rank(_) => JobKind::Rank,
            Self::GroupHistories(..) => JobKind::GroupHistories,
        }
    }
}

/// The result of a job.
#[derive(Clone, Debug)]
pub(super) enum JobResult {
    /// Rows and hints.
    Prepared(Prepared),
    /// The ranking.
    Ranked(Ranking),
    /// A ranking with the histories of its groups.
    WithHistories(Ranking),
}

impl Job {
    /// Runs the job; `None` if it was cancelled.
    pub(super) fn run(self) -> Option<JobResult> {
        let Self { task, cancel } = self;
        let result = match task {
            Task::Prepare(task) => JobResult::Prepared(task.run(&cancel)),
            Task::Rank(task) => JobResult::Ranked(task.run()),
            Task::GroupHistories(ranking, ranks) => JobResult::WithHistories(ranking.with_histories(ranks, &cancel)),
        };
        (!cancel.is_cancelled()).then_some(result)
    }
}

/// Where the followed row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FollowedRow {
    /// Index into the snapshot's rows.
    pub index: usize,
    /// Its rank; `None` if the filter hides it or it is beyond the limit.
    pub rank: Option<usize>,
}

/// The ordered rows of a snapshot, or those around the row of interest.
#[derive(Clone, Debug)]
pub(super) struct Ranking {
    /// The rows and hints.
    pub prepared: Arc<Prepared>,
    /// Sort column, filter and limit used.
    pub view: View,
    /// Number of rows that match the filter.
    pub matching: usize,
    /// Rank of the first entry of [`Self::indices`].
    pub start: usize,
    /// Indices into the snapshot's rows, by rank.
    pub indices: Vec<usize>,
    /// Where the followed row is; `None` if no row is followed or it is gone.
    pub followed: Option<FollowedRow>,
    /// Width of the widest of the first ranked keys, in cells.
    pub key_width: usize,
    /// The histories of groups.
    pub histories: GroupHistories,
    /// The ranks whose histories belong to this snapshot; others may belong to an earlier one.
    pub history_ranks: Range<usize>,
}

impl Ranking {
    /// Number of rows that can be scrolled to.
    pub(super) fn len(&self) -> usize {
        self.view.limit.map_or(self.matching, |limit| limit.min(self.matching))
    }

    /// The snapshot whose rows are ranked: groups, the keys of one group, or all keys.
    pub(super) fn snapshot(&self) -> &Arc<Snapshot> {
        &self.prepared.snapshot
    }

    /// The history of a row. A key's comes from the snapshot, a group's from the last group-history job.
    pub(super) fn series(&self, row: &Row) -> Series {
        let group_history = || self.histories.get(&(row.key.clone(), row.target)).cloned().unwrap_or_default();
        if row.is_group() { group_history() } else { self.snapshot().history.of(row) }
    }

    /// Whether these ranks may contain groups whose histories do not belong to this snapshot.
    pub(super) fn lacks_histories(&self, ranks: Range<usize>) -> bool {
        let ranks = ranks.start.max(self.ranks().start)..ranks.end.min(self.ranks().end);
        let covered = self.history_ranks.start <= ranks.start && ranks.end <= self.history_ranks.end;
        matches!(self.snapshot().level, Level::Groups { .. }) && !covered && !ranks.is_empty()
    }

    /// The ranks covered by this ranking.
    pub(super) fn ranks(&self) -> Range<usize> {
        self.start..self.start + self.indices.len()
    }

    /// The row at a rank, if [`Self::ranks`] contains it.
    pub(super) fn row(&self, rank: usize) -> Option<&Row> {
        self.snapshot().rows.get(self.index(rank)?)
    }

    fn index(&self, rank: usize) -> Option<usize> {
        self.indices.get(rank.checked_sub(self.start)?).copied()
    }

    fn with_histories(mut self, ranks: Range<usize>, cancel: &CancelToken) -> Self {
        let ranks = ranks.start.max(self.ranks().start)..ranks.end.min(self.ranks().end);
        if let Some(groups) = &self.prepared.groups {
            let rows: Vec<usize> = ranks.clone().filter_map(|rank| self.index(rank)).collect();
            let histories = groups.series(&self.prepared.whole, &rows, || !cancel.is_cancelled());
            let all = &groups.snapshot.rows;
            let by_row = rows.into_iter().zip(histories).filter_map(|(index, series)| Some((all.get(index)?, series)));
            let of_groups = by_row.filter(|(row, _)| row.is_group());
            self.histories = Arc::new(of_groups.map(|(row, series)| ((row.key.clone(), row.target), series)).collect());
        }
        self.history_ranks = ranks;
        self
    }
}
