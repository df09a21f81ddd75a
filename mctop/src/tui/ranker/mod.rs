//! Prepares and ranks the rows, beside the loop that answers the keyboard: this is the only work of the live table that grows
//! with the number of keys. It is done in three steps, each a [`Job`]: rows and hints as the view wants them, the order of the
//! rows around those on the screen, and the courses of groups. A job that nobody waits for any more is overtaken: its successor
//! does not wait for it, and it ends soon.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use crate::model::history::Series;
use crate::model::key::Key;
use crate::model::ranking::View;
use crate::model::snapshot::{Level, Row, Snapshot};

mod order;
mod prepare;
#[cfg(test)]
mod tests;
mod wanted;

pub use self::order::Order;
pub use self::prepare::{Prepare, Prepared, same};
pub use self::wanted::Wanted;

/// A row's identity over snapshots: its key and the index of its server.
pub type Id = (Key, u32);

/// So many rows on either side of the place of interest are ranked usually: enough for scrolling until the next ranking is done.
pub const REACH: usize = 500;

/// The courses of groups over the last minute.
pub type Courses = Arc<HashMap<Id, Series>>;

/// A step to be made.
#[derive(Clone, Debug)]
pub struct Job {
    /// Which one.
    pub work: Work,
    /// Whether anybody still waits for it.
    pub wanted: Wanted,
}

/// The steps. Courses take the longest, and are asked for by themselves, when the order is there.
#[derive(Clone, Debug)]
pub enum Work {
    /// Rows and hints.
    Prepare(Prepare),
    /// The order.
    Order(Order),
    /// The courses of the groups that have these ranks.
    Courses(Ranking, Range<usize>),
}

/// The kinds of steps, in the order in which they are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Rows and hints.
    Prepare,
    /// The order.
    Order,
    /// The courses of groups.
    Courses,
}

impl Work {
    /// Of which kind it is.
    #[must_use]
    pub const fn step(&self) -> Step {
        match self {
            Self::Prepare(_) => Step::Prepare,
            Self::Order(_) => Step::Order,
            Self::Courses(..) => Step::Courses,
        }
    }
}

/// What was made.
#[derive(Clone, Debug)]
pub enum Made {
    /// Rows and hints.
    Prepared(Prepared),
    /// The order.
    Ordered(Ranking),
    /// The same ranking with courses.
    Coursed(Ranking),
}

impl Job {
    /// Makes it; `None` where nobody waits any more.
    #[must_use]
    pub fn run(self) -> Option<Made> {
        let Self { work, wanted } = self;
        let made = match work {
            Work::Prepare(prepare) => Made::Prepared(prepare.run(&wanted)),
            Work::Order(order) => Made::Ordered(order.run()),
            Work::Courses(ranking, ranks) => Made::Coursed(ranking.with_courses(ranks, &wanted)),
        };
        wanted.still().then_some(made)
    }
}

/// Where a followed row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Followed {
    /// Index into the snapshot's rows.
    pub index: usize,
    /// Its rank; none when the filter hides it or it is beyond the limit.
    pub rank: Option<usize>,
}

/// A ranking: part of the order of a snapshot's rows.
#[derive(Clone, Debug)]
pub struct Ranking {
    /// Whose rows, and what to look at.
    pub prepared: Arc<Prepared>,
    /// By which view.
    pub view: View,
    /// How many rows the filter shows.
    pub matching: usize,
    /// The rank of the first of [`Self::indices`].
    pub start: usize,
    /// Indices into the snapshot's rows, in order.
    pub indices: Vec<usize>,
    /// Where the followed row is; none when there is none, or it is gone.
    pub followed: Option<Followed>,
    /// Width of the widest of the first keys, cells.
    pub key_width: usize,
    /// The courses of groups.
    pub courses: Courses,
    /// The ranks of which these are for this snapshot; others may be of the one before.
    pub coursed: Range<usize>,
}

impl Ranking {
    /// Rows that can be scrolled to.
    #[must_use]
    pub fn len(&self) -> usize {
        self.view.limit.map_or(self.matching, |limit| limit.min(self.matching))
    }

    /// Whose rows: groups, the keys of one, or all keys.
    #[must_use]
    pub fn snapshot(&self) -> &Arc<Snapshot> {
        &self.prepared.snapshot
    }

    /// The course of a row: of a key as the history has it, of a group as it was summed up.
    #[must_use]
    pub fn series(&self, row: &Row) -> Series {
        let of_group = || self.courses.get(&(row.key.clone(), row.target)).cloned().unwrap_or_default();
        if row.is_group() { of_group() } else { self.snapshot().history.of(row) }
    }

    /// Whether rows of these ranks may be groups whose courses are not those of the snapshot.
    #[must_use]
    pub fn lacks_courses(&self, ranks: Range<usize>) -> bool {
        let ranks = ranks.start.max(self.ranks().start)..ranks.end.min(self.ranks().end);
        let covered = self.coursed.start <= ranks.start && ranks.end <= self.coursed.end;
        matches!(self.snapshot().level, Level::Groups { .. }) && !covered && !ranks.is_empty()
    }

    /// The ranks that are in order.
    #[must_use]
    pub fn ranks(&self) -> Range<usize> {
        self.start..self.start + self.indices.len()
    }

    /// The row of a rank, where it is among [`Self::ranks`].
    #[must_use]
    pub fn row(&self, rank: usize) -> Option<&Row> {
        self.snapshot().rows.get(self.index(rank)?)
    }

    fn index(&self, rank: usize) -> Option<usize> {
        self.indices.get(rank.checked_sub(self.start)?).copied()
    }

    fn with_courses(mut self, ranks: Range<usize>, wanted: &Wanted) -> Self {
        let ranks = ranks.start.max(self.ranks().start)..ranks.end.min(self.ranks().end);
        if let Some(groups) = &self.prepared.groups {
            let rows: Vec<usize> = ranks.clone().filter_map(|rank| self.index(rank)).collect();
            let courses = groups.courses(&self.prepared.whole, &rows, || wanted.still());
            let all = &groups.snapshot.rows;
            let of = rows.into_iter().zip(courses).filter_map(|(index, series)| Some((all.get(index)?, series)));
            let of_groups = of.filter(|(row, _)| row.is_group());
            self.courses = Arc::new(of_groups.map(|(row, series)| ((row.key.clone(), row.target), series)).collect());
        }
        self.coursed = ranks;
        self
    }
}
