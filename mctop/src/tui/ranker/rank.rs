//! Ranks the rows around the row of interest.

use std::cmp::Ordering;
use std::ops::Range;
use std::sync::Arc;

use super::{FollowedRow, GroupHistories, Id, Prepared, Ranking};
use crate::model::column::compare;
use crate::model::ranking::View;
use crate::model::snapshot::Row;
use crate::text::fit::{shown_key, width};
use crate::text::glyphs::Glyphs;

/// The key column is as wide as the widest of this many ranked keys.
const MEASURED_KEYS: usize = 100;

/// What to rank, and how.
#[derive(Clone, Debug)]
pub(crate) struct RankTask {
    /// The rows.
    pub prepared: Arc<Prepared>,
    /// Filter, sort column and limit.
    pub view: View,
    /// The row to find again, whatever its rank is now.
    pub follow: Option<Id>,
    /// The rank of interest if no row is followed, or if that row is gone.
    pub center: usize,
    /// Number of rows to rank on either side of it.
    pub radius: usize,
    /// Symbols; the width of a key depends on them.
    pub glyphs: Glyphs,
    /// Group histories from an earlier ranking.
    pub known_histories: GroupHistories,
}

impl RankTask {
    /// Scans all rows, and sorts the few that may be shown.
    pub(super) fn run(self) -> Ranking {
        let Self { prepared, view, follow, center, radius, glyphs, known_histories } = self;
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
            Some(FollowedRow { index, rank })
        });
        let center = followed.and_then(|followed| followed.rank).unwrap_or(center).min(len.saturating_sub(1));
        let ranks = center.saturating_sub(radius)..len.min(center.saturating_add(radius));
        let indices = sorted_part(&mut indices, ranks.clone(), |a, b| by_view(&rows[*a], &rows[*b]));
        let first = indices.iter().take(MEASURED_KEYS).filter_map(|index| rows.get(*index));
        let key_width = first.map(|row| width(&shown_key(&row.key, &glyphs))).max().unwrap_or(0);
        let start = ranks.start;
        Ranking {
            prepared,
            view,
            matching,
            start,
            indices,
            followed,
            key_width,
            histories: known_histories,
            history_ranks: 0..0,
        }
    }
}

/// The items at these ranks in sorted order. The other items are not sorted.
pub(super) fn sorted_part<T: Copy>(items: &mut [T], ranks: Range<usize>, order: impl Fn(&T, &T) -> Ordering) -> Vec<T> {
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
