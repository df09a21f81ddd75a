//! The rows of a snapshot, shared with the model until the next interval.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use super::snapshot::Row;

/// Copy-on-write rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rows(Arc<Vec<Row>>);

impl Rows {
    /// Adds a row.
    pub fn push(&mut self, row: Row) {
        Arc::make_mut(&mut self.0).push(row);
    }
}

/// Reuses the memory of rows whose snapshots have been dropped.
///
/// For a million rows, touching new memory costs more than writing the rows. Rows of an old snapshot also contain most of the
/// keys already.
#[derive(Debug, Default)]
pub(super) struct RowBuffers {
    newest: Option<Rows>,
    older: Vec<Rows>,
}

impl RowBuffers {
    /// The current rows of `len` slots. They are those of the last call, unless [invalidated](Self::invalidate) since; then
    /// `make` makes the missing rows, and `fill` fills all. Memory is allocated for `capacity` rows, so that they never grow.
    pub(super) fn newest(
        &mut self,
        len: usize,
        capacity: usize,
        fill: impl Fn(u32, &mut Row) -> Option<()>,
        make: impl Fn(u32) -> Option<Row>,
    ) -> Rows {
        if let Some(newest) = &self.newest {
            return newest.clone();
        }
        let unused = self.older.iter_mut().position(|rows| Arc::get_mut(&mut rows.0).is_some());
        let mut rows = unused.map(|unused| self.older.swap_remove(unused)).unwrap_or_default();
        self.older.retain_mut(|rows| Arc::get_mut(&mut rows.0).is_none());
        let all = Arc::make_mut(&mut rows.0);
        if all.capacity() < capacity {
            *all = Vec::with_capacity(capacity);
        }
        all.truncate(len);
        all.extend((all.len()..len).filter_map(|slot| make(slot as u32)));
        for (slot, row) in (0..).zip(all.iter_mut()) {
            fill(slot, row);
        }
        self.newest = Some(rows.clone());
        rows
    }

    /// Marks the newest rows as outdated. They are dropped if no snapshot uses them.
    pub(super) fn invalidate(&mut self) {
        self.older.extend(self.newest.take().filter(|rows| Arc::strong_count(&rows.0) > 1));
    }
}

impl Deref for Rows {
    type Target = Vec<Row>;

    fn deref(&self) -> &Vec<Row> {
        &self.0
    }
}

impl DerefMut for Rows {
    fn deref_mut(&mut self) -> &mut Vec<Row> {
        Arc::make_mut(&mut self.0)
    }
}

impl From<Vec<Row>> for Rows {
    fn from(rows: Vec<Row>) -> Self {
        Self(Arc::new(rows))
    }
}

impl FromIterator<Row> for Rows {
    fn from_iter<I: IntoIterator<Item = Row>>(rows: I) -> Self {
        Vec::from_iter(rows).into()
    }
}

impl<'a> IntoIterator for &'a Rows {
    type Item = &'a Row;
    type IntoIter = std::slice::Iter<'a, Row>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<'a> IntoIterator for &'a mut Rows {
    type Item = &'a mut Row;
    type IntoIter = std::slice::IterMut<'a, Row>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter_mut()
    }
}
