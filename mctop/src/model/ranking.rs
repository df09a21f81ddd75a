//! Which rows are shown, and in what order.

use super::column::{Column, Span, compare};
use super::snapshot::Row;

/// What the user asked to see of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// Column to sort by.
    pub sort: Column,
    /// Smallest first instead of largest first.
    pub ascending: bool,
    /// Span of the rates.
    pub span: Span,
    /// At most so many rows.
    pub limit: Option<usize>,
}

impl Default for View {
    fn default() -> Self {
        Self { sort: Column::Calls, ascending: false, span: Span::Total, limit: None }
    }
}

/// The rows of a view, in order: descending by the column unless asked otherwise, ties by key.
#[must_use]
pub fn ranked<'a>(rows: &'a [Row], view: &View) -> Vec<&'a Row> {
    let mut shown: Vec<&Row> = rows.iter().collect();
    select(&mut shown, view, |row| row);
    shown
}

/// Like [`ranked`], as indices into `rows`: for an order that outlives the borrow.
#[must_use]
pub fn order(rows: &[Row], view: &View) -> Vec<usize> {
    let mut shown: Vec<usize> = (0..rows.len()).collect();
    select(&mut shown, view, |index| &rows[index]);
    shown
}

/// Selects and sorts what stands for rows. Only what is within the limit is sorted.
fn select<'a, T: Copy>(shown: &mut Vec<T>, view: &View, row: impl Fn(T) -> &'a Row) {
    let order = |a: &T, b: &T| {
        let order = compare(row(*a), row(*b), view.sort, view.span);
        if view.ascending { order } else { order.reverse() }
    };
    if let Some(limit) = view.limit.filter(|limit| *limit < shown.len()) {
        if limit > 0 {
            shown.select_nth_unstable_by(limit - 1, order);
        }
        shown.truncate(limit);
    }
    shown.sort_unstable_by(order);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::column::COLUMNS;
    use crate::report::sample;

    #[test]
    fn a_limit_shows_the_begin_of_the_whole_order() {
        let rows = sample::flash_sale().rows;
        for declaration in COLUMNS {
            for ascending in [false, true] {
                let view = View { sort: declaration.column, ascending, ..View::default() };
                let all: Vec<*const Row> = ranked(&rows, &view).into_iter().map(std::ptr::from_ref).collect();
                assert_eq!(all.len(), rows.len());
                for limit in [0, 1, 7, rows.len(), rows.len() + 1] {
                    let some = order(&rows, &View { limit: Some(limit), ..view.clone() });
                    let some: Vec<*const Row> = some.into_iter().map(|index| &raw const rows[index]).collect();
                    assert_eq!(some, all[..limit.min(rows.len())], "{} {ascending} {limit}", declaration.name);
                }
            }
        }
    }
}
