//! Which rows are shown, and in what order.

use std::borrow::Cow;

use super::column::{Column, compare};
use super::filter::Filter;
use super::group::Grouping;
use super::hints::{self, HintKind, Hints};
use super::snapshot::{GroupId, Row, Snapshot};
use super::span::Span;

/// What to show of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// Column to sort by.
    pub sort: Column,
    /// Smallest first instead of largest first.
    pub ascending: bool,
    /// Span of the rates and shares.
    pub span: Span,
    /// How keys are grouped into rows.
    pub grouping: Option<Grouping>,
    /// The group whose keys are shown instead of the groups.
    pub opened: Option<GroupId>,
    /// Only rows that match; in a grouped snapshot it applies to the groups.
    pub filter: Option<Filter>,
    /// Most rows to show.
    pub limit: Option<usize>,
    /// Kinds of hints to look for.
    pub hints: Vec<HintKind>,
}

impl Default for View {
    fn default() -> Self {
        Self {
            sort: Column::Calls,
            ascending: false,
            span: Span::Total,
            grouping: None,
            opened: None,
            filter: None,
            limit: None,
            hints: HintKind::ALL.to_vec(),
        }
    }
}

impl View {
    /// The rows of a snapshot that the view shows, in its order. A view with groups shows those of its [`Self::grouped`]
    /// snapshot.
    #[must_use]
    pub fn rows<'a>(&self, snapshot: &'a Snapshot) -> Vec<&'a Row> {
        order(snapshot, self).rows(snapshot).collect()
    }

    /// The snapshot with the rows of the view: the groups, or the keys of the opened group. It must be applied first, once for
    /// each snapshot.
    #[must_use]
    pub fn grouped<'a>(&self, snapshot: &'a Snapshot) -> Cow<'a, Snapshot> {
        match (&self.grouping, &self.opened) {
            (None, _) => Cow::Borrowed(snapshot),
            (Some(grouping), None) => Cow::Owned(grouping.apply(snapshot)),
            (Some(grouping), Some(group)) => Cow::Owned(grouping.members(snapshot, group)),
        }
    }

    /// The hints of the view for an ungrouped snapshot. Families are those of its grouping, or automatic templates.
    #[must_use]
    pub fn hints(&self, snapshot: &Snapshot) -> Hints {
        self.hints_among(snapshot, None)
    }

    /// Like [`Self::hints`], and reuses the grouped snapshot if there is one.
    #[must_use]
    pub fn hints_among(&self, snapshot: &Snapshot, grouped: Option<&Snapshot>) -> Hints {
        let families = self.grouping.clone().unwrap_or_else(Grouping::auto);
        hints::find(snapshot, grouped, &self.hints, &families, self.span)
    }
}

/// The rows of a view in order: descending by the column unless [`View::ascending`], ties by key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Order {
    /// Indices into the snapshot's rows, up to the view's limit.
    pub indices: Vec<usize>,
    /// Number of rows that match the filter, without the limit.
    pub matching: usize,
    /// Number of keys in those rows.
    pub matching_keys: u64,
}

impl Order {
    /// The rows in order; `snapshot` must be the one that was ordered.
    pub(crate) fn rows<'a>(&self, snapshot: &'a Snapshot) -> impl Iterator<Item = &'a Row> {
        self.indices.iter().filter_map(|index| snapshot.rows.get(*index))
    }

    /// Number of matching rows beyond the limit.
    pub(crate) fn cut(&self) -> usize {
        self.matching.saturating_sub(self.indices.len())
    }
}

/// Orders the rows of a snapshot. Only rows within the limit are sorted.
pub(crate) fn order(snapshot: &Snapshot, view: &View) -> Order {
    let rows = &snapshot.rows;
    let shows =
        |index: &usize| view.filter.as_ref().is_none_or(|filter| filter.shows(snapshot, &rows[*index], view.span));
    let mut indices: Vec<usize> = (0..rows.len()).filter(shows).collect();
    let matching = indices.len();
    let matching_keys = indices.iter().map(|index| rows[*index].keys).sum();
    let order = |a: &usize, b: &usize| {
        let order = compare(&rows[*a], &rows[*b], view.sort, view.span);
        if view.ascending { order } else { order.reverse() }
    };
    if let Some(limit) = view.limit.filter(|limit| *limit < matching) {
        if limit > 0 {
            indices.select_nth_unstable_by(limit - 1, order);
        }
        indices.truncate(limit);
    }
    indices.sort_unstable_by(order);
    Order { indices, matching, matching_keys }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::column::COLUMNS;
    use crate::model::sample;

    #[test]
    fn a_limit_shows_the_start_of_the_whole_order() {
        let snapshot = sample::flash_sale();
        let rows = &snapshot.rows;
        for declaration in COLUMNS {
            for ascending in [false, true] {
                let view = View { sort: declaration.column, ascending, ..View::default() };
                let all = order(&snapshot, &view).indices;
                assert_eq!(all.len(), rows.len());
                for limit in [0, 1, 7, rows.len(), rows.len() + 1] {
                    let some = order(&snapshot, &View { limit: Some(limit), ..view.clone() });
                    assert_eq!(some.matching, rows.len());
                    assert_eq!(some.indices, all[..limit.min(rows.len())], "{} {ascending} {limit}", declaration.name);
                }
            }
        }
    }

    #[test]
    fn a_filter_comes_before_the_limit() {
        let snapshot = sample::flash_sale();
        let filter = Some(Filter::parse("blob:").unwrap());
        let order = order(&snapshot, &View { filter, limit: Some(2), ..View::default() });
        assert_eq!((order.indices.len(), order.matching), (2, 60));
        assert_eq!(snapshot.rows[order.indices[0]].key.escaped(), "blob:Feature:000");
    }
}
