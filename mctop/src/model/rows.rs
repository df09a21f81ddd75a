//! The rows of a snapshot, shared with the model until it goes on.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use super::snapshot::Row;

/// Rows that are copied only when they change while somebody else still looks at them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rows(Arc<Vec<Row>>);

impl Rows {
    /// Adds a row.
    pub fn push(&mut self, row: Row) {
        Arc::make_mut(&mut self.0).push(row);
    }

    /// The rows, to be changed by the model: copied when a snapshot still has them, with room for `capacity` in all, so that
    /// they never grow to more memory than that.
    pub(super) fn unshared(&mut self, capacity: usize) -> &mut Vec<Row> {
        if Arc::get_mut(&mut self.0).is_none() || self.0.capacity() < capacity {
            let mut copy = Vec::with_capacity(capacity);
            copy.extend_from_slice(&self.0);
            self.0 = Arc::new(copy);
        }
        Arc::make_mut(&mut self.0)
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
