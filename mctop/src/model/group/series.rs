//! The history of groups: sums over their keys.

use super::Grouped;
use crate::model::history::Series;
use crate::model::snapshot::Snapshot;

impl Grouped {
    /// The history over the last minute of `groups`, which are indices of rows, in the same order. `whole` is the ungrouped
    /// snapshot. This reads every key and the whole minute once, for any number of groups. When `go_on` returns false, it
    /// returns early with an incomplete result.
    #[must_use]
    pub fn series(&self, whole: &Snapshot, groups: &[usize], go_on: impl Fn() -> bool) -> Vec<Series> {
        let mut positions: Vec<Option<usize>> = vec![None; self.snapshot.rows.len()];
        for (position, group) in groups.iter().enumerate() {
            if let Some(of_group) = positions.get_mut(*group) {
                *of_group = Some(position);
            }
        }
        let members = whole.rows.iter().zip(&self.group_rows).filter_map(|(row, group)| {
            let position = (*positions.get(*group as usize)?)?;
            Some((position, row))
        });
        let target = |group: &usize| self.snapshot.rows.get(*group).map_or(u32::MAX, |row| row.target);
        let targets: Vec<u32> = groups.iter().map(target).collect();
        whole.history.sums(members, &targets, go_on)
    }
}
