//! The rows as a view wants them, in no order yet, and what there is to look at.

use std::sync::Arc;

use super::Wanted;
use crate::model::group::{Grouped, Grouping};
use crate::model::ranking::View;
use crate::model::snapshot::Snapshot;
use crate::report::glyphs::Glyphs;
use crate::report::hint;

/// What is to be prepared.
#[derive(Clone, Debug)]
pub struct Prepare {
    /// Whose rows, before they are grouped.
    pub whole: Arc<Snapshot>,
    /// Grouping and hints are of interest.
    pub view: View,
    /// What was prepared before, of which a part may serve again.
    pub before: Option<Arc<Prepared>>,
    /// Symbols, for the hints.
    pub glyphs: Glyphs,
}

/// The rows of a view, and hints.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// The snapshot before it was grouped.
    pub whole: Arc<Snapshot>,
    /// Whose rows: groups, the keys of one, or all keys.
    pub snapshot: Arc<Snapshot>,
    /// The groups, where they are what is shown.
    pub groups: Option<Arc<Grouped>>,
    /// How many keys the rows stand for.
    pub keys: u64,
    /// What to look at, a line each.
    pub hints: Arc<[String]>,
    /// By which view.
    view: View,
}

impl Prepared {
    /// Whether this is what a view wants, of whichever snapshot.
    #[must_use]
    pub fn serves(&self, view: &View) -> bool {
        same(&self.view, view)
    }
}

/// Whether two views are of the same rows and hints, whatever their order.
#[must_use]
pub fn same(a: &View, b: &View) -> bool {
    a.grouping == b.grouping && a.opened == b.opened && a.hints == b.hints && a.span.of_hints() == b.span.of_hints()
}

impl Prepare {
    /// Prepares; what is made when `wanted` has changed meanwhile is not to be looked at.
    pub(super) fn run(self, wanted: &Wanted) -> Prepared {
        let Self { whole, view, before, glyphs } = self;
        let before =
            before.filter(|before| Arc::ptr_eq(&before.whole, &whole) && before.view.grouping == view.grouping);
        let families = view.grouping.clone().unwrap_or_else(Grouping::auto);
        let shows_groups = view.grouping.is_some() && view.opened.is_none();
        let groups = shows_groups.then(|| {
            let known = before.as_ref().and_then(|before| before.groups.clone());
            known.unwrap_or_else(|| Arc::new(families.group(&whole, || wanted.still())))
        });
        let snapshot = match (&groups, &view.opened) {
            (Some(groups), _) => Arc::clone(&groups.snapshot),
            (None, Some(group)) if view.grouping.is_some() => Arc::new(families.members(&whole, group)),
            (None, _) => Arc::clone(&whole),
        };
        let known = before
            .filter(|before| before.view.hints == view.hints && before.view.span.of_hints() == view.span.of_hints());
        let hints = match (known, &view.hints[..]) {
            (Some(before), _) => Arc::clone(&before.hints),
            (None, []) => Arc::default(),
            (None, _) if wanted.still() => {
                let hints = view.hints_among(&whole, groups.as_ref().map(|groups| &*groups.snapshot));
                hint::lines(&whole, &hints, &glyphs).into()
            }
            (None, _) => Arc::default(),
        };
        Prepared { keys: snapshot.keys(), whole, snapshot, groups, hints, view }
    }
}
