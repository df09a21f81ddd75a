//! The rows of a snapshot, which it shares with the model until the next interval.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use super::counts::Counts;
use super::key::Key;
use super::outcomes::Outcomes;

/// Time to live of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Ttl {
    /// No item of the key was seen.
    #[default]
    Unknown,
    /// Seconds left at the time of the snapshot; 0 if expired.
    Seconds(u32),
    /// Never expires.
    Never,
}

/// Ranges over the items of a group. Keys of which no item was seen are ignored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spread {
    /// Smallest and largest value, bytes; `None` if no item was seen.
    pub sizes: Option<(u32, u32)>,
    /// Shortest and longest TTL, never [`Ttl::Unknown`]; `None` if no item was seen.
    pub ttls: Option<(Ttl, Ttl)>,
}

/// One key of one server, or a group of its keys.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The key's bytes, or the group's name.
    pub key: Key,
    /// Index into the servers of the snapshot.
    pub target: u32,
    /// Number of keys: 1 for a key, more for a group.
    pub keys: u64,
    /// Since the start.
    pub total: Counts,
    /// In the last interval.
    pub last: Counts,
    /// In the sliding window.
    pub recent: Counts,
    /// What happened to its items since the start; only meaningful if the snapshot watches it.
    pub outcomes: Outcomes,
    /// Value bytes of the item last seen, without the trailing CRLF. For a group only if all items have the same size.
    pub size: Option<u32>,
    /// TTL of the item last seen. For a group only if all items have the same.
    pub ttl: Ttl,
    /// For a group, the ranges of sizes and TTLs. `None` for a key.
    pub spread: Option<Spread>,
    /// Smallest of the sizes last seen in each interval, since the key is tracked.
    pub size_min: Option<u32>,
    /// Largest of these sizes.
    pub size_max: Option<u32>,
    /// Start of the interval in which tracking of the key began, since the start of the observation.
    pub first_seen: Duration,
    /// End of the interval in which it was last seen, since the start of the observation.
    pub last_seen: Duration,
    /// Upper bound of the operations of the key before `first_seen` that are missing: it had at least `total.calls()`, and at
    /// most `total.calls() + calls_error`.
    pub calls_error: u64,
    /// The same for its value bytes.
    pub bytes_error: u64,
    /// Identifies the key in the history.
    pub id: KeyId,
}

impl Row {
    /// A key without counts.
    #[must_use]
    pub fn new(key: Key, target: u32) -> Self {
        Self {
            key,
            target,
            keys: 1,
            total: Counts::default(),
            last: Counts::default(),
            recent: Counts::default(),
            outcomes: Outcomes::default(),
            size: None,
            ttl: Ttl::Unknown,
            spread: None,
            size_min: None,
            size_max: None,
            first_seen: Duration::ZERO,
            last_seen: Duration::ZERO,
            calls_error: 0,
            bytes_error: 0,
            id: KeyId::NONE,
        }
    }

    /// Whether it is a group of several keys.
    #[must_use]
    pub const fn is_group(&self) -> bool {
        self.keys > 1
    }

    /// The smallest and the largest value size, bytes. They are equal for a key.
    #[must_use]
    pub fn sizes(&self) -> Option<(u32, u32)> {
        self.spread.map_or_else(|| self.size.map(|size| (size, size)), |spread| spread.sizes)
    }

    /// The shortest and the longest TTL, never [`Ttl::Unknown`]. They are equal for a key.
    #[must_use]
    pub fn ttls(&self) -> Option<(Ttl, Ttl)> {
        let own = || Some((self.ttl, self.ttl)).filter(|_| self.ttl != Ttl::Unknown);
        self.spread.map_or_else(own, |spread| spread.ttls)
    }
}

/// Identifies the key of a row in the history. A key that was evicted and came back has a new id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KeyId {
    /// The slot of its counts.
    pub(super) slot: u32,
    /// Number of the interval in which it was added.
    pub(super) added_in: u32,
}

impl KeyId {
    /// For a row that does not come from a model: it has no history.
    pub const NONE: Self = Self { slot: u32::MAX, added_in: u32::MAX };
}

/// A group of a grouped snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct GroupId {
    /// Name of the group: the key of its row.
    pub name: Key,
    /// Index of the server.
    pub target: u32,
}

impl GroupId {
    /// The group of a row; `None` if the row is a single key.
    #[must_use]
    pub fn of(row: &Row) -> Option<Self> {
        row.is_group().then(|| Self { name: row.key.clone(), target: row.target })
    }
}

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
