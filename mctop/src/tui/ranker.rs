//! Ranks the rows around those on the screen. This is the only work of the live table that grows with the number of keys,
//! so it is done beside the loop that answers the keyboard: see [`Job::run`].

use std::borrow::Cow;
use std::cmp::Ordering;
use std::ops::Range;
use std::sync::Arc;

use crate::model::column::compare;
use crate::model::key::Key;
use crate::model::ranking::View;
use crate::model::snapshot::{Row, Snapshot};
use crate::report::fit::{shown_key, width};
use crate::report::glyphs::Glyphs;
use crate::report::hint;

/// A row's identity over snapshots: its key and the index of its server.
pub type Id = (Key, u32);

/// So many rows on either side of the place of interest are ranked usually: enough for scrolling until the next ranking is done.
pub const REACH: usize = 500;
/// The key column is made as wide as the widest of so many ranked keys.
const MEASURED_KEYS: usize = 100;

/// A ranking to be made.
#[derive(Clone, Debug)]
pub struct Job {
    /// Whose rows, before they are grouped.
    pub whole: Arc<Snapshot>,
    /// Grouping, filter, sorting and limit.
    pub view: View,
    /// The same rows grouped as the view wants it, where they were before.
    pub grouped: Option<Arc<Snapshot>>,
    /// The hints on these rows that the view asks for, where they were found before.
    pub hints: Option<Arc<[String]>>,
    /// The row to find again, wherever it has gone.
    pub follow: Option<Id>,
    /// The place of interest where no row is followed, or it is gone.
    pub around: usize,
    /// How many rows on either side of that place.
    pub reach: usize,
    /// Symbols, on which a key's width depends.
    pub glyphs: Glyphs,
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
    /// The snapshot before it was grouped.
    pub whole: Arc<Snapshot>,
    /// Whose rows: groups, the keys of one, or all keys.
    pub snapshot: Arc<Snapshot>,
    /// By which view.
    pub view: View,
    /// What to look at, a line each.
    pub hints: Arc<[String]>,
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
}

impl Ranking {
    /// Rows that can be scrolled to.
    #[must_use]
    pub fn len(&self) -> usize {
        self.view.limit.map_or(self.matching, |limit| limit.min(self.matching))
    }

    /// The snapshot, grouped, if it is so in the same way.
    #[must_use]
    pub fn grouped(&self, whole: &Arc<Snapshot>, view: &View) -> Option<Arc<Snapshot>> {
        let same = self.view.grouping == view.grouping && self.view.opened == view.opened;
        (same && Arc::ptr_eq(&self.whole, whole)).then(|| Arc::clone(&self.snapshot))
    }

    /// The hints, if they are those that a view asks for.
    #[must_use]
    pub fn hints(&self, whole: &Arc<Snapshot>, view: &View) -> Option<Arc<[String]>> {
        let same = self.view.grouping == view.grouping && self.view.hints == view.hints;
        (same && Arc::ptr_eq(&self.whole, whole)).then(|| Arc::clone(&self.hints))
    }

    /// The ranks that are in order.
    #[must_use]
    pub fn ranks(&self) -> Range<usize> {
        self.start..self.start + self.indices.len()
    }

    /// The row of a rank, where it is among [`Self::ranks`].
    #[must_use]
    pub fn row(&self, rank: usize) -> Option<&Row> {
        self.snapshot.rows.get(*self.indices.get(rank.checked_sub(self.start)?)?)
    }
}

impl Job {
    /// Makes the ranking: groups the rows where that is asked for, scans all of them, and sorts the few that may be on the
    /// screen.
    #[must_use]
    pub fn run(self) -> Ranking {
        let Self { whole, view, grouped, hints, follow, around, reach, glyphs } = self;
        let hints = hints.unwrap_or_else(|| match &view.hints[..] {
            [] => Arc::default(),
            _ => hint::lines(&whole, &view.hints(&whole), &glyphs).into(),
        });
        let snapshot = grouped.unwrap_or_else(|| match view.grouped(&whole) {
            Cow::Borrowed(_) => Arc::clone(&whole),
            Cow::Owned(grouped) => Arc::new(grouped),
        });
        let rows = &snapshot.rows;
        let shows = |row: &Row| view.filter.as_ref().is_none_or(|filter| filter.shows(&snapshot, row, view.span));
        let mut indices: Vec<usize> =
            rows.iter().enumerate().filter(|(_, row)| shows(row)).map(|(index, _)| index).collect();
        let matching = indices.len();
        let len = view.limit.map_or(matching, |limit| limit.min(matching));
        let by_view = |a: &Row, b: &Row| {
            let order = compare(a, b, view.sort, view.span);
            if view.ascending { order } else { order.reverse() }
        };
        let followed = follow.and_then(|(key, target)| {
            let index = rows.iter().position(|row| row.target == target && row.key == key)?;
            let row = &rows[index];
            let before = || indices.iter().filter(|other| by_view(&rows[**other], row).is_lt()).count();
            let rank = shows(row).then(before).filter(|rank| *rank < len);
            Some(Followed { index, rank })
        });
        let center = followed.and_then(|followed| followed.rank).unwrap_or(around).min(len.saturating_sub(1));
        let ranks = center.saturating_sub(reach)..len.min(center.saturating_add(reach));
        let indices = ordered(&mut indices, ranks.clone(), |a, b| by_view(&rows[*a], &rows[*b]));
        let first = indices.iter().take(MEASURED_KEYS).filter_map(|index| rows.get(*index));
        let key_width = first.map(|row| width(&shown_key(&row.key, &glyphs))).max().unwrap_or(0);
        Ranking { whole, view, hints, matching, start: ranks.start, indices, followed, key_width, snapshot }
    }
}

/// The part of the items' order that has these ranks, without sorting the others.
fn ordered<T: Copy>(items: &mut [T], ranks: Range<usize>, order: impl Fn(&T, &T) -> Ordering) -> Vec<T> {
    let end = ranks.end.min(items.len());
    if ranks.start >= end {
        return Vec::new();
    }
    if end < items.len() {
        items.select_nth_unstable_by(end - 1, &order);
    }
    let items = &mut items[..end];
    if ranks.start > 0 {
        items.select_nth_unstable_by(ranks.start, &order);
    }
    let items = &mut items[ranks.start..];
    items.sort_unstable_by(&order);
    items.to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::column::{Column, Span};
    use crate::model::filter::Filter;
    use crate::report::glyphs::UNICODE;
    use crate::report::sample;
    use proptest::prelude::*;

    fn job(snapshot: Snapshot, around: usize) -> Job {
        let view = View { sort: Column::Rate, span: Span::Last, hints: Vec::new(), ..View::default() };
        Job {
            whole: Arc::new(snapshot),
            view,
            grouped: None,
            hints: None,
            follow: None,
            around,
            reach: REACH,
            glyphs: UNICODE,
        }
    }

    #[test]
    fn only_what_is_around_is_ranked() {
        let ranking = job(sample::many(5_000), 2_000).run();
        assert_eq!((ranking.matching, ranking.len(), ranking.ranks()), (5_000, 5_000, 1_500..2_500));
        assert_eq!(ranking.row(2_000).unwrap().key.escaped(), "key:002000");
        assert_eq!(ranking.row(1_499), None);
        assert_eq!(job(sample::many(5_000), usize::MAX).run().ranks(), 4_499..5_000);
    }

    #[test]
    fn a_followed_row_is_found_wherever_it_is() {
        let follow = Some((Key::new(b"key:004000"), 0));
        let ranking = Job { follow: follow.clone(), ..job(sample::many(5_000), 0) }.run();
        assert_eq!(ranking.followed, Some(Followed { index: 4_000, rank: Some(4_000) }));
        assert_eq!(ranking.row(4_000).unwrap().key.escaped(), "key:004000");
        let filter = Some(Filter::parse("!4000").unwrap());
        let mut hidden = Job { follow, ..job(sample::many(5_000), 0) };
        hidden.view.filter = filter;
        assert_eq!(hidden.run().followed, Some(Followed { index: 4_000, rank: None }));
        let gone = Job { follow: Some((Key::new(b"key:004000"), 0)), ..job(sample::many(10), 3) }.run();
        assert_eq!((gone.followed, gone.ranks()), (None, 0..10));
    }

    proptest! {
        #[test]
        fn a_part_of_the_order_is_that_of_the_whole(mut items in proptest::collection::vec(0u8..30, 0..80), start in 0usize..90, length in 0usize..90) {
            let ranks = start..start + length;
            let part = ordered(&mut items.clone(), ranks.clone(), Ord::cmp);
            items.sort_unstable();
            let end = ranks.end.min(items.len());
            prop_assert_eq!(part, items.get(start.min(end)..end).unwrap_or_default());
        }
    }
}
