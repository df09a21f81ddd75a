//! Hints: what users should look at, each with the counts that support it.
//!
//! A hint states what was counted, not why; the thresholds are in [`thresholds`]. Families of keys are examined as well as keys,
//! because a cache that never hits may have thousands of keys of which none stands out. A hint about a family is not repeated
//! for its keys.

use std::borrow::Cow;
use std::collections::HashSet;
use std::time::Duration;

use super::counts::Counts;
use super::group::Grouping;
use super::key::Key;
use super::snapshot::{Level, Row, Snapshot, per_second, share};
use super::span::Span;

mod expiry;
mod kind;
mod load;
mod reads;
mod stampede;
mod stores;
pub(crate) mod thresholds;

pub use kind::HintKind;

/// Something that users should look at.
#[derive(Clone, Debug, PartialEq)]
pub struct Hint {
    /// What was found, with details that are not in the counts.
    pub finding: Finding,
    /// The key or family; `None` for keys that have nothing in common.
    pub subject: Option<Subject>,
    /// Operations of the subject.
    pub counts: Counts,
    /// All operations.
    pub whole: Counts,
    /// The time over which both were counted.
    pub over: Duration,
}

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Finding {
    /// See [`HintKind::NeverHits`].
    NeverHits {
        /// The largest value last seen, bytes; `None` if no item was seen.
        largest: Option<u32>,
    },
    /// See [`HintKind::EmptyValues`].
    EmptyValues,
    /// See [`HintKind::Stampede`]: over the whole time, for each time that the item was lost.
    StampedeAtLoss {
        /// How many times the item expired, was flushed or deleted.
        losses: u64,
    },
    /// See [`HintKind::Stampede`]: missed in the last interval, and hit before.
    StampedeNow {
        /// Reads in the sliding window before the last interval.
        reads: u64,
        /// Those that hit.
        hits: u64,
    },
    /// See [`HintKind::BigValue`].
    BigValue {
        /// Size of the value, or of the largest one of the family; bytes.
        size: u32,
    },
    /// See [`HintKind::ExpireTogether`].
    ExpireTogether {
        /// Number of keys.
        keys: u64,
        /// When they expire, in seconds after the time of the snapshot.
        after: u32,
    },
    /// See [`HintKind::HotKey`].
    HotKey,
    /// See [`HintKind::SetStorm`].
    SetStorm,
}

/// The key or family that a hint is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Subject {
    /// The key, or the name of the family.
    pub key: Key,
    /// Index of the server.
    pub target: u32,
    /// Number of keys: 1 for a single key.
    pub keys: u64,
}

impl Hint {
    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> HintKind {
        match self.finding {
            Finding::NeverHits { .. } => HintKind::NeverHits,
            Finding::EmptyValues => HintKind::EmptyValues,
            Finding::StampedeAtLoss { .. } | Finding::StampedeNow { .. } => HintKind::Stampede,
            Finding::BigValue { .. } => HintKind::BigValue,
            Finding::ExpireTogether { .. } => HintKind::ExpireTogether,
            Finding::HotKey => HintKind::HotKey,
            Finding::SetStorm => HintKind::SetStorm,
        }
    }

    /// The affected part of the load, 0 to 1: the subject's share of all calls or of all bytes, whichever is larger.
    #[must_use]
    pub fn impact(&self) -> f64 {
        let calls = share(self.counts.calls(), self.whole.calls());
        calls.max(share(self.counts.bytes(), self.whole.bytes()))
    }
}

/// At most [`thresholds::HINTS_MAX`] hints.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Hints {
    /// Largest impact first.
    pub hints: Vec<Hint>,
    /// Number of hints that were left out.
    pub left_out: usize,
}

/// Finds hints of some kinds. In a snapshot of keys, families are those of `families`; in a grouped one, they are its groups.
/// Counts are over [`Span::of_hints`]. Reuses the snapshot grouped by `families` if there is one.
pub(crate) fn find(
    snapshot: &Snapshot,
    grouped: Option<&Snapshot>,
    kinds: &[HintKind],
    families: &Grouping,
    span: Span,
) -> Hints {
    let context = Context::new(snapshot, span);
    if kinds.is_empty() || context.over < thresholds::SPAN_MIN {
        return Hints::default();
    }
    let wanted = |hint: &Hint| kinds.contains(&hint.kind());
    let mut found: Vec<Hint> = snapshot.rows.iter().flat_map(|row| context.hints_of_row(row)).filter(wanted).collect();
    if snapshot.level == Level::Keys {
        let grouped = grouped.map_or_else(|| Cow::Owned(families.apply(snapshot)), Cow::Borrowed);
        let groups = grouped.rows.iter().filter(|row| row.is_group());
        let of_families: Vec<Hint> = groups.flat_map(|row| context.hints_of_row(row)).filter(wanted).collect();
        let named = |hint: &Hint, name: fn(&Grouping, &Key) -> Key| {
            hint.subject.as_ref().map(|subject| (hint.kind(), name(families, &subject.key), subject.target))
        };
        let reported: HashSet<_> = of_families.iter().filter_map(|hint| named(hint, |_, key| key.clone())).collect();
        // A large value belongs to a single key, so the hint for the key stays instead of that for the family.
        found.retain(|hint| {
            let about_keys = matches!(hint.kind(), HintKind::BigValue);
            about_keys || named(hint, Grouping::name).is_none_or(|name| !reported.contains(&name))
        });
        found.extend(of_families.into_iter().filter(|hint| hint.kind() != HintKind::BigValue));
    }
    if kinds.contains(&HintKind::ExpireTogether) {
        found.extend(expiry::expire_together(&context, families));
    }
    limited(found)
}

/// The hints with the largest impact, limited in all and per kind.
fn limited(mut found: Vec<Hint>) -> Hints {
    let total = found.len();
    found.sort_by(|a, b| {
        let name = |hint: &Hint| hint.subject.as_ref().map(|subject| (subject.key.clone(), subject.target));
        b.impact().total_cmp(&a.impact()).then_with(|| a.kind().cmp(&b.kind())).then_with(|| name(a).cmp(&name(b)))
    });
    let mut of_kind = HintKind::ALL.map(|kind| (kind, 0));
    found.retain(|hint| {
        let Some((_, number)) = of_kind.iter_mut().find(|(kind, _)| *kind == hint.kind()) else { return false };
        *number += 1;
        *number <= thresholds::PER_KIND
    });
    found.truncate(thresholds::HINTS_MAX);
    Hints { left_out: total - found.len(), hints: found }
}

/// What rows are compared with.
struct Context<'a> {
    snapshot: &'a Snapshot,
    span: Span,
    whole: Counts,
    over: Duration,
}

impl<'a> Context<'a> {
    fn new(snapshot: &'a Snapshot, span: Span) -> Self {
        let span = span.of_hints();
        Self { snapshot, span, whole: *span.whole(snapshot), over: span.length(snapshot) }
    }

    /// Operations of a row over the span.
    fn counts<'r>(&self, row: &'r Row) -> &'r Counts {
        self.span.of(row)
    }

    fn rate(&self, count: u64) -> f64 {
        per_second(count, self.over)
    }

    fn hints_of_row(&self, row: &Row) -> impl Iterator<Item = Hint> {
        let never_hits = reads::never_hits(self, row);
        let empty = if never_hits.is_none() { stores::empty_values(self, row) } else { None };
        [
            never_hits,
            empty,
            stampede::stampede(self, row),
            stores::big_value(self, row),
            load::hot_key(self, row),
            stores::set_storm(self, row),
        ]
        .into_iter()
        .flatten()
    }

    fn hint(&self, row: &Row, finding: Finding) -> Hint {
        Hint {
            finding,
            subject: Some(Subject { key: row.key.clone(), target: row.target, keys: row.keys }),
            counts: *self.counts(row),
            whole: self.whole,
            over: self.over,
        }
    }
}

#[cfg(test)]
mod tests;
