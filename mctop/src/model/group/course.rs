//! The courses of groups: sums of their keys'.

use std::collections::HashMap;

use super::{GroupId, Grouping};
use crate::model::history::Series;
use crate::model::snapshot::Snapshot;

impl Grouping {
    /// The courses of these groups over the last minute, in their order, from a snapshot that is not grouped. Whatever the
    /// number of groups, this looks at every key once and at all that was counted in the minute.
    #[must_use]
    pub fn courses(&self, snapshot: &Snapshot, groups: &[GroupId]) -> Vec<Series> {
        let mut namer = self.namer();
        let places: HashMap<(u32, &[u8]), usize> =
            groups.iter().zip(0..).map(|(group, place)| ((group.target, group.name.bytes()), place)).collect();
        let members = snapshot.rows.iter().filter_map(|row| {
            let place = places.get(&(row.target, namer.name(row.key.bytes())))?;
            Some((*place, row))
        });
        let targets: Vec<u32> = groups.iter().map(|group| group.target).collect();
        snapshot.history.sums(members, &targets)
    }
}
