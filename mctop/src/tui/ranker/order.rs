//! The order of the rows around a place.

use std::cmp::Ordering;
use std::ops::Range;
use std::sync::Arc;

use super::{Courses, Followed, Id, Prepared, Ranking};
use crate::model::column::compare;
use crate::model::ranking::View;
use crate::model::snapshot::Row;
use crate::report::fit::{shown_key, width};
use crate::report::glyphs::Glyphs;

/// The key column is made as wide as the widest of so many ranked keys.
const MEASURED_KEYS: usize = 100;

/// An order to be made.
#[derive(Clone, Debug)]
pub struct Order {
    /// Whose rows.
    pub prepared: Arc<Prepared>,
    /// Filter, sorting and limit.
    pub view: View,
    /// The row to find again, wherever it has gone.
    pub follow: Option<Id>,
    /// The place of interest where no row is followed, or it is gone.
    pub around: usize,
    /// How many rows on either side of that place.
    pub reach: usize,
    /// Symbols, on which a key's width depends.
    pub glyphs: Glyphs,
    /// The courses of groups that are known from before.
    pub known: Courses,
}

impl Order {
    /// Scans all rows, and sorts the few that may be on the screen.
    pub(super) fn run(self) -> Ranking {
        let Self { prepared, view, follow, around, reach, glyphs, known } = self;
        let snapshot = &prepared.snapshot;
        let rows = &snapshot.rows;
        let shows = |row: &Row| view.filter.as_ref().is_none_or(|filter| filter.shows(snapshot, row, view.span));
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
        let start = ranks.start;
        Ranking { prepared, view, matching, start, indices, followed, key_width, courses: known, coursed: 0..0 }
    }
}

/// The part of the items' order that has these ranks, without sorting the others.
pub(super) fn ordered<T: Copy>(items: &mut [T], ranks: Range<usize>, order: impl Fn(&T, &T) -> Ordering) -> Vec<T> {
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
