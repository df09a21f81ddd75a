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
}

/// The rows that the model changes, and those of snapshots that somebody may still look at.
///
/// Copying a million rows into new memory costs more than copying them: so they go where those of a snapshot were that nobody
/// looks at any more, where most of the keys are there already.
#[derive(Debug, Default)]
pub(super) struct Versions {
    newest: Rows,
    older: Vec<Rows>,
}

impl Versions {
    /// The rows as they are now; they are copied when they change next.
    pub(super) fn share(&self) -> Rows {
        self.newest.clone()
    }

    /// The rows, to be changed: copied when a snapshot still has them, with room for `capacity` in all, so that they never
    /// grow to more memory than that.
    pub(super) fn unshared(&mut self, capacity: usize) -> &mut Vec<Row> {
        if Arc::get_mut(&mut self.newest.0).is_none() {
            let copy = self.copy(capacity);
            let shared = std::mem::replace(&mut self.newest, copy);
            self.older.push(shared);
        } else if self.newest.capacity() < capacity {
            self.newest = self.copy(capacity);
        }
        Arc::make_mut(&mut self.newest.0)
    }

    /// A copy of the newest rows, in the place of older ones if there are any that nobody else has; others of these are let
    /// go.
    fn copy(&mut self, capacity: usize) -> Rows {
        let unused = self.older.iter_mut().position(|rows| Arc::get_mut(&mut rows.0).is_some());
        let mut rows = unused.map(|unused| self.older.swap_remove(unused)).unwrap_or_default();
        self.older.retain_mut(|rows| Arc::get_mut(&mut rows.0).is_none());
        let copy = Arc::make_mut(&mut rows.0);
        if copy.capacity() < capacity {
            *copy = Vec::with_capacity(capacity);
        }
        copy.truncate(self.newest.len());
        for (to, from) in copy.iter_mut().zip(&self.newest) {
            renew(to, from);
        }
        let known = copy.len();
        copy.extend_from_slice(self.newest.get(known..).unwrap_or_default());
        rows
    }
}

impl Deref for Versions {
    type Target = Vec<Row>;

    fn deref(&self) -> &Vec<Row> {
        &self.newest
    }
}

/// Makes a row what another one is. Touching a key costs as much as all the rest, and the same key is there mostly.
fn renew(row: &mut Row, from: &Row) {
    // Named one by one, so that none is forgotten.
    let Row {
        key,
        target,
        keys,
        total,
        last,
        recent,
        outcomes,
        size,
        ttl,
        spread,
        size_min,
        size_max,
        first_seen,
        last_seen,
        calls_error,
        bytes_error,
        id,
    } = from;
    if row.id != *id {
        row.key = key.clone();
    }
    row.target = *target;
    row.keys = *keys;
    row.total = *total;
    row.last = *last;
    row.recent = *recent;
    row.outcomes = *outcomes;
    row.size = *size;
    row.ttl = *ttl;
    row.spread = *spread;
    row.size_min = *size_min;
    row.size_max = *size_max;
    row.first_seen = *first_seen;
    row.last_seen = *last_seen;
    row.calls_error = *calls_error;
    row.bytes_error = *bytes_error;
    row.id = *id;
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
