//! A hot key that is lost and then filled by many at once.
//!
//! Who reads and stores is not known here; the evidence is how many misses and stores there are for each time that the item
//! was lost. A lookup that finds an item expired or flushed takes it out of the cache, so that `expired` and `flushed` count
//! losses, and the misses after them are plain ones.

use super::thresholds::{HOT_HITS, HOT_RATIO, HOT_READS, STAMPEDE_MISSES, STAMPEDE_SETS};
use super::{Context, Finding, Hint};
use crate::model::counts::Counts;
use crate::model::snapshot::{Row, per_second};

pub fn stampede(context: &Context<'_>, row: &Row) -> Option<Hint> {
    // The misses of a family are those of many keys, each once.
    if row.is_group() {
        return None;
    }
    at_loss(context, row).or_else(|| now(context, row))
}

/// Over the whole time: many misses and stores for each loss that was counted.
fn at_loss(context: &Context<'_>, row: &Row) -> Option<Hint> {
    let counts = context.counts(row);
    let losses = counts.expired + counts.flushed + counts.delete_hits;
    let found = losses > 0 && is_hot(counts, context.rate(counts.gets())) && is_rush(counts, losses);
    found.then(|| context.hint(row, Finding::StampedeAtLoss { losses }))
}

/// In the last interval, of a key that hit before: for whatever reason it was lost.
fn now(context: &Context<'_>, row: &Row) -> Option<Hint> {
    let snapshot = context.snapshot;
    let before = Counts {
        hits: row.recent.hits.saturating_sub(row.last.hits),
        misses: row.recent.misses.saturating_sub(row.last.misses),
        ..Counts::default()
    };
    let rate = per_second(before.gets(), snapshot.window.saturating_sub(snapshot.interval));
    (is_hot(&before, rate) && is_rush(&row.last, 1)).then(|| Hint {
        counts: row.last,
        whole: snapshot.last,
        over: snapshot.interval,
        ..context.hint(row, Finding::StampedeNow { reads: before.gets(), hits: before.hits })
    })
}

/// Read so often, and with so many hits, that it is neither cold nor evicted.
fn is_hot(counts: &Counts, reads_per_second: f64) -> bool {
    let hits = counts.hits >= HOT_HITS && counts.hit_ratio().is_some_and(|ratio| ratio >= HOT_RATIO);
    hits && reads_per_second >= HOT_READS
}

fn is_rush(counts: &Counts, losses: u64) -> bool {
    counts.misses >= losses.saturating_mul(STAMPEDE_MISSES) && counts.sets >= losses.saturating_mul(STAMPEDE_SETS)
}
