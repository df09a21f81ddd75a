//! The courses of groups: sums of their keys'.

use super::Grouped;
use crate::model::history::Series;
use crate::model::snapshot::Snapshot;

impl Grouped {
    /// The courses over the last minute of groups, given by the indices of their rows and in this order; `whole` is the
    /// snapshot that was grouped. Whatever the number of groups, this looks at every key once and at all that was counted in
    /// the minute. Ends early, with what nobody is to look at, when `go_on` says so.
    #[must_use]
    pub fn courses(&self, whole: &Snapshot, groups: &[usize], go_on: impl Fn() -> bool) -> Vec<Series> {
        let mut places: Vec<Option<usize>> = vec![None; self.snapshot.rows.len()];
        for (place, group) in groups.iter().enumerate() {
            if let Some(of_group) = places.get_mut(*group) {
                *of_group = Some(place);
            }
        }
        let members = whole.rows.iter().zip(&self.places).filter_map(|(row, group)| {
            let place = (*places.get(*group as usize)?)?;
            Some((place, row))
        });
        let target = |group: &usize| self.snapshot.rows.get(*group).map_or(u32::MAX, |row| row.target);
        let targets: Vec<u32> = groups.iter().map(target).collect();
        whole.history.sums(members, &targets, go_on)
    }
}
