//! A hot key that is lost and then refilled by many clients at once (cache stampede).
//!
//! Clients are not known here; the evidence is the number of misses and stores for each time that the item was lost. A lookup
//! that finds an expired or flushed item removes it from the cache. So `expired` and `flushed` count losses, and later misses
//! are plain ones.

use super::thresholds::{HOT_HITS, HOT_RATIO, HOT_READS, STAMPEDE_MISSES, STAMPEDE_SETS};
use super::{Context, Finding, Hint};
use crate::model::counts::Counts;
use crate::model::snapshot::{Row, per_second};

pub(super) fn stampede(context: &Context<'_>, row: &Row) -> Option<Hint> {
    // The misses of a family may be one for each of many keys.
    if row.is_group() {
        return None;
    }
    at_loss(context, row).or_else(|| in_last_interval(context, row))
}

/// Over the whole time: many misses and stores for each counted loss.
fn at_loss(context: &Context<'_>, row: &Row) -> Option<Hint> {
    let counts = context.counts(row);
    let losses = counts.expired + counts.flushed + counts.delete_hits;
    let found = losses > 0 && is_hot(counts, context.rate(counts.gets())) && is_refilled_by_many(counts, losses);
    found.then(|| context.hint(row, Finding::StampedeAtLoss { losses }))
}

/// In the last interval: many misses and stores of a key that hit before, however it was lost.
fn in_last_interval(context: &Context<'_>, row: &Row) -> Option<Hint> {
    let snapshot = context.snapshot;
    let before = Counts {
        hits: row.recent.hits.saturating_sub(row.last.hits),
        misses: row.recent.misses.saturating_sub(row.last.misses),
        ..Counts::default()
    };
    let rate = per_second(before.gets(), snapshot.window.saturating_sub(snapshot.interval));
    (is_hot(&before, rate) && is_refilled_by_many(&row.last, 1)).then(|| Hint {
        counts: row.last,
        whole: snapshot.last,
        over: snapshot.interval,
        ..context.hint(row, Finding::StampedeNow { reads: before.gets(), hits: before.hits })
    })
}

/// Whether a key has so many reads and hits that it is neither cold nor likely to be evicted.
fn is_hot(counts: &Counts, reads_per_second: f64) -> bool {
    let hits = counts.hits >= HOT_HITS && counts.hit_ratio().is_some_and(|ratio| ratio >= HOT_RATIO);
    hits && reads_per_second >= HOT_READS
}

fn is_refilled_by_many(counts: &Counts, losses: u64) -> bool {
    counts.misses >= losses.saturating_mul(STAMPEDE_MISSES) && counts.sets >= losses.saturating_mul(STAMPEDE_SETS)
}
