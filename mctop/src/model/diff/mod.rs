//! What changed between two observations: in total, and for each key.
//!
//! The observations may differ in length, so everything is compared as a rate.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::counts::Counts;
use super::filter::Filter;
use super::key::Key;
use super::snapshot::{Row, Snapshot, per_second};
use super::span::Span;

pub(crate) mod chance;
#[cfg(test)]
mod tests;

pub(crate) use chance::Chance;

/// Operations of one key, or of all, in one of the observations.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct DiffFigures {
    /// All operations.
    pub counts: Counts,
    /// Length of the observation.
    pub span: Duration,
    /// Value bytes of the item last seen; `None` for totals.
    pub size: Option<u32>,
}

impl DiffFigures {
    /// Operations per second.
    pub(crate) fn calls_per_s(&self) -> f64 {
        per_second(self.counts.calls(), self.span)
    }

    /// Value bytes per second.
    pub(crate) fn bytes_per_s(&self) -> f64 {
        per_second(self.counts.bytes(), self.span)
    }
}

/// Whether a key is in both observations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    /// In both.
    Both,
    /// Only in the later one.
    New,
    /// Only in the earlier one.
    Gone,
    /// Only in the later one. The earlier one did not keep all keys, or not under the same names, so it may have been there.
    MaybeNew,
    /// Only in the earlier one. The later one did not keep all keys, or not under the same names, so it may be there.
    MaybeGone,
}

/// What changed for a key, or in total.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Comparison {
    /// In the earlier observation; 0 if the key is not in it.
    pub before: DiffFigures,
    /// In the later observation; 0 if the key is not in it.
    pub after: DiffFigures,
    /// Whether the rates of calls differ by more than chance.
    pub chance: Chance,
}

impl Comparison {
    fn new(before: DiffFigures, after: DiffFigures) -> Self {
        let chance = chance::compare(before.counts.calls(), before.span, after.counts.calls(), after.span);
        Self { before, after, chance }
    }

    /// Difference in calls per second.
    pub(crate) fn calls(&self) -> f64 {
        self.after.calls_per_s() - self.before.calls_per_s()
    }

    /// Difference in value bytes per second.
    pub(crate) fn bytes(&self) -> f64 {
        self.after.bytes_per_s() - self.before.bytes_per_s()
    }

    /// Difference of the hit ratios, −1 to 1; `None` if one of them is unknown.
    pub(crate) fn hit_ratio(&self) -> Option<f64> {
        Some(self.after.counts.hit_ratio()? - self.before.counts.hit_ratio()?)
    }

    /// Difference in size, bytes; `None` if one of them is unknown.
    pub(crate) fn size(&self) -> Option<i64> {
        Some(i64::from(self.after.size?) - i64::from(self.before.size?))
    }
}

/// What changed for one key, over all servers together.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct KeyChange {
    /// The key, or the group's name.
    pub key: Key,
    /// Which observations it is in.
    pub presence: Presence,
    /// What changed.
    pub change: Comparison,
    /// The larger of two shares: the difference in calls, and in bytes, each divided by the larger total rate.
    pub impact: f64,
}

/// What keys are ordered by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Sort {
    /// Change as a share of all calls or of all bytes, whichever is larger
    #[default]
    Impact,
    /// Change in calls per second
    Calls,
    /// Change in bytes per second
    Bytes,
    /// Change in hit ratio
    Hit,
    /// Change in size
    Size,
    /// Key, alphabetically
    Key,
}

/// What to show of a comparison.
#[derive(Clone, Debug, Default)]
pub(crate) struct DiffView {
    /// Order of the keys.
    pub sort: Sort,
    /// Only keys that match, before or after.
    pub filter: Option<Filter>,
    /// Most keys to show.
    pub limit: Option<usize>,
}

/// A comparison.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Diff {
    /// The totals, counted independently of the keys.
    pub total: Comparison,
    /// The keys in order.
    pub keys: Vec<KeyChange>,
    /// Number of keys without the limit.
    pub matching: usize,
    /// How many of them are certainly new.
    pub new: usize,
    /// How many of them are certainly gone.
    pub gone: usize,
    /// Whether keys have the same names in both. If only one is redacted, or both differently, replaced keys have no
    /// counterpart, and only totals can be compared.
    pub same_names: bool,
}

/// Compares two observations. `name` maps a key to the name under which it is counted: itself, or its group.
pub(crate) fn diff(before: &Snapshot, after: &Snapshot, view: &DiffView, name: impl Fn(&Key) -> Key) -> Diff {
    let mut keys: HashMap<Key, [Option<DiffFigures>; 2]> = HashMap::new();
    for (side, snapshot) in [before, after].into_iter().enumerate() {
        for row in &snapshot.rows {
            add(&mut keys.entry(name(&row.key)).or_default()[side], row, snapshot.duration);
        }
    }
    if let Some(filter) = &view.filter {
        let mut shown = HashSet::new();
        for snapshot in [before, after] {
            let rows = snapshot.rows.iter().filter(|row| filter.shows(snapshot, row, Span::Total));
            shown.extend(rows.map(|row| name(&row.key)));
        }
        keys.retain(|name, _| shown.contains(name));
    }
    let total = |snapshot: &Snapshot| DiffFigures { counts: snapshot.total, span: snapshot.duration, size: None };
    let total = Comparison::new(total(before), total(after));
    let same_names = before.redaction == after.redaction;
    let keeps_all =
        |snapshot: &Snapshot| same_names && snapshot.others.calls() == 0 && snapshot.loss.untracked_calls == 0;
    let mut keys: Vec<KeyChange> = keys
        .into_iter()
        .map(|(key, [in_before, in_after])| {
            let presence = match (in_before, in_after) {
                (Some(_), Some(_)) => Presence::Both,
                (None, _) if keeps_all(before) => Presence::New,
                (None, _) => Presence::MaybeNew,
                (_, None) if keeps_all(after) => Presence::Gone,
                (_, None) => Presence::MaybeGone,
            };
            let nothing = |span| DiffFigures { span, ..DiffFigures::default() };
            let change = Comparison::new(
                in_before.unwrap_or_else(|| nothing(before.duration)),
                in_after.unwrap_or_else(|| nothing(after.duration)),
            );
            let impact = impact(&total, &change);
            KeyChange { key, presence, change, impact }
        })
        .collect();
    let matching = keys.len();
    let count = |presence| keys.iter().filter(|key| key.presence == presence).count();
    let (new, gone) = (count(Presence::New), count(Presence::Gone));
    let order = |a: &KeyChange, b: &KeyChange| compare(a, b, view.sort).then_with(|| a.key.cmp(&b.key));
    if let Some(limit) = view.limit.filter(|limit| *limit < matching) {
        if limit > 0 {
            keys.select_nth_unstable_by(limit - 1, order);
        }
        keys.truncate(limit);
    }
    keys.sort_unstable_by(order);
    Diff { total, keys, matching, new, gone, same_names }
}

fn add(figures: &mut Option<DiffFigures>, row: &Row, span: Duration) {
    let figures = figures.get_or_insert(DiffFigures { span, ..DiffFigures::default() });
    figures.counts += &row.total;
    figures.size = figures.size.max(row.size);
}

fn impact(total: &Comparison, change: &Comparison) -> f64 {
    let share = |difference: f64, before: f64, after: f64| {
        let whole = before.max(after);
        if whole > 0.0 { difference.abs() / whole } else { 0.0 }
    };
    let calls = share(change.calls(), total.before.calls_per_s(), total.after.calls_per_s());
    calls.max(share(change.bytes(), total.before.bytes_per_s(), total.after.bytes_per_s()))
}

/// Largest absolute change first; unknown changes last.
fn compare(a: &KeyChange, b: &KeyChange, sort: Sort) -> Ordering {
    let figure = |key: &KeyChange| match sort {
        Sort::Impact => key.impact,
        Sort::Calls => key.change.calls().abs(),
        Sort::Bytes => key.change.bytes().abs(),
        Sort::Hit => key.change.hit_ratio().map_or(-1.0, f64::abs),
        Sort::Size => key.change.size().map_or(-1.0, |size| size.unsigned_abs() as f64),
        Sort::Key => 0.0,
    };
    figure(b).total_cmp(&figure(a))
}
