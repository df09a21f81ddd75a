//! Hints: what somebody should look at, each with the figures that it rests on.
//!
//! A hint states what was counted, not why; the thresholds are in [`thresholds`]. Families of keys are looked at as well as
//! keys, because the cache that never hits has a thousand keys of which none is conspicuous: what holds of a family is not
//! repeated for its keys.

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
pub mod thresholds;

pub use kind::HintKind;

/// Something to look at.
#[derive(Clone, Debug, PartialEq)]
pub struct Hint {
    /// What was found, with what the counts do not tell.
    pub finding: Finding,
    /// The key or family; none where it is about keys that have nothing in common.
    pub subject: Option<Subject>,
    /// Its operations.
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
        /// The largest value last seen, bytes; none where no item was seen.
        largest: Option<u32>,
    },
    /// See [`HintKind::EmptyValues`].
    EmptyValues,
    /// See [`HintKind::Stampede`]: the item was lost, by expiry, flush or delete, so many times.
    StampedeAtLoss {
        /// Times.
        losses: u64,
    },
    /// See [`HintKind::Stampede`]: it is missed in the last interval, and hit before.
    StampedeNow {
        /// Reads in the sliding window before the last interval.
        reads: u64,
        /// Those that hit.
        hits: u64,
    },
    /// See [`HintKind::BigValue`].
    BigValue {
        /// The value's size, or that of the family's largest; bytes.
        size: u32,
    },
    /// See [`HintKind::ExpireTogether`].
    ExpireTogether {
        /// How many keys.
        keys: u64,
        /// Seconds from the snapshot's time on.
        after: u32,
    },
    /// See [`HintKind::HotKey`].
    HotKey,
    /// See [`HintKind::SetStorm`].
    SetStorm,
}

/// Whom a hint is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Subject {
    /// The key, or the name of the family.
    pub key: Key,
    /// Index of the server.
    pub target: u32,
    /// How many keys: 1 for a key.
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

    /// How much of the load is concerned, 0 to 1: the subject's share of all calls or of all bytes, whichever is more.
    #[must_use]
    pub fn impact(&self) -> f64 {
        let calls = share(self.counts.calls(), self.whole.calls());
        calls.max(share(self.counts.bytes(), self.whole.bytes()))
    }
}

/// What was found, at most [`thresholds::HINTS_MAX`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Hints {
    /// Those of the most impact first.
    pub hints: Vec<Hint>,
    /// How many were left out.
    pub left_out: usize,
}

/// Looks for hints of some kinds. `snapshot` is best that of all keys; families are then those of `families`. In a grouped
/// one the families are its groups. Counts are those of [`Span::of_hints`].
#[must_use]
pub fn find(snapshot: &Snapshot, kinds: &[HintKind], families: &Grouping, span: Span) -> Hints {
    find_among(snapshot, None, kinds, families, span)
}

/// As [`find`], where the snapshot may have been grouped by `families` already.
#[must_use]
pub fn find_among(
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
    let mut found: Vec<Hint> = snapshot.rows.iter().flat_map(|row| context.of_row(row)).filter(wanted).collect();
    if snapshot.level == Level::Keys {
        let grouped = grouped.map_or_else(|| Cow::Owned(families.apply(snapshot)), Cow::Borrowed);
        let groups = grouped.rows.iter().filter(|row| row.is_group());
        let of_families: Vec<Hint> = groups.flat_map(|row| context.of_row(row)).filter(wanted).collect();
        let named = |hint: &Hint, name: fn(&Grouping, &Key) -> Key| {
            hint.subject.as_ref().map(|subject| (hint.kind(), name(families, &subject.key), subject.target))
        };
        let said: HashSet<_> = of_families.iter().filter_map(|hint| named(hint, |_, key| key.clone())).collect();
        // A large value has a key, and so has a load: those of single keys stay.
        found.retain(|hint| {
            let about_keys = matches!(hint.kind(), HintKind::BigValue);
            about_keys || named(hint, Grouping::name).is_none_or(|name| !said.contains(&name))
        });
        found.extend(of_families.into_iter().filter(|hint| hint.kind() != HintKind::BigValue));
    }
    if kinds.contains(&HintKind::ExpireTogether) {
        found.extend(expiry::together(&context, families));
    }
    bounded(found)
}

/// The most important ones, not too many of any kind.
fn bounded(mut found: Vec<Hint>) -> Hints {
    let all = found.len();
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
    Hints { left_out: all - found.len(), hints: found }
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

    /// A row's operations over the time looked at.
    fn counts<'r>(&self, row: &'r Row) -> &'r Counts {
        self.span.of(row)
    }

    fn rate(&self, count: u64) -> f64 {
        per_second(count, self.over)
    }

    fn of_row(&self, row: &Row) -> impl Iterator<Item = Hint> {
        let unread = reads::never_hits(self, row);
        let empty = if unread.is_none() { stores::empty_values(self, row) } else { None };
        [
            unread,
            empty,
            stampede::stampede(self, row),
            stores::big_value(self, row),
            load::hot_key(self, row),
            stores::storm(self, row),
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
