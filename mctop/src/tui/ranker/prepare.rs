//! Prepares the rows of a view, unsorted, and the hints.

use std::sync::Arc;

use super::CancelToken;
use crate::model::group::{Grouped, Grouping};
use crate::model::ranking::View;
use crate::model::snapshot::Snapshot;
use crate::text::glyphs::Glyphs;
use crate::text::hint;

/// What to prepare.
#[derive(Clone, Debug)]
pub(crate) struct PrepareTask {
    /// The ungrouped snapshot.
    pub whole: Arc<Snapshot>,
    /// The view; its grouping and hints are used.
    pub view: View,
    /// The previous result, parts of which may be reused.
    pub previous: Option<Arc<Prepared>>,
    /// Symbols used in hints.
    pub glyphs: Glyphs,
}

/// The rows and hints of a view.
#[derive(Clone, Debug)]
pub(crate) struct Prepared {
    /// The ungrouped snapshot.
    pub whole: Arc<Snapshot>,
    /// The rows: groups, the keys of one group, or all keys.
    pub snapshot: Arc<Snapshot>,
    /// The groups, if groups are shown.
    pub groups: Option<Arc<Grouped>>,
    /// Number of keys that the rows cover.
    pub keys: u64,
    /// The hints, one per line.
    pub hints: Arc<[String]>,
    /// The view that this was prepared for.
    view: View,
}

impl Prepared {
    /// Whether this has the rows and hints of a view, regardless of the snapshot.
    pub(crate) fn fits(&self, view: &View) -> bool {
        same_rows_and_hints(&self.view, view)
    }
}

/// Whether two views have the same rows and hints, regardless of their order.
pub(crate) fn same_rows_and_hints(a: &View, b: &View) -> bool {
    a.grouping == b.grouping && a.opened == b.opened && a.hints == b.hints && a.span.of_hints() == b.span.of_hints()
}

impl PrepareTask {
    /// Prepares the rows and hints. The result is incomplete if `cancel` was set meanwhile.
    pub(super) fn run(self, cancel: &CancelToken) -> Prepared {
        let Self { whole, view, previous, glyphs } = self;
        let previous =
            previous.filter(|previous| Arc::ptr_eq(&previous.whole, &whole) && previous.view.grouping == view.grouping);
        let families = view.grouping.clone().unwrap_or_else(Grouping::auto);
        let shows_groups = view.grouping.is_some() && view.opened.is_none();
        let groups = shows_groups.then(|| {
            let known = previous.as_ref().and_then(|previous| previous.groups.clone());
            known.unwrap_or_else(|| Arc::new(families.group(&whole, || !cancel.is_cancelled())))
        });
        let snapshot = match (&groups, &view.opened) {
            (Some(groups), _) => Arc::clone(&groups.snapshot),
            (None, Some(group)) if view.grouping.is_some() => Arc::new(families.members(&whole, group)),
            (None, _) => Arc::clone(&whole),
        };
        let known = previous.filter(|previous| {
            previous.view.hints == view.hints && previous.view.span.of_hints() == view.span.of_hints()
        });
        let hints = match (known, &view.hints[..]) {
            (Some(previous), _) => Arc::clone(&previous.hints),
            (None, []) => Arc::default(),
            (None, _) if !cancel.is_cancelled() => {
                let hints = view.hints_among(&whole, groups.as_ref().map(|groups| &*groups.snapshot));
                hint::lines(&whole, &hints, &glyphs).into()
            }
            (None, _) => Arc::default(),
        };
        Prepared { keys: snapshot.keys(), whole, snapshot, groups, hints, view }
    }
}
