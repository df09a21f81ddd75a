//! Reads that never hit.

use super::thresholds::{FAMILY_READS_MIN, HIT_RATIO_NEVER, READS_MIN};
use super::{Context, Finding, Hint};
use crate::model::snapshot::Row;

pub(super) fn never_hits(context: &Context<'_>, row: &Row) -> Option<Hint> {
    let counts = context.counts(row);
    let min_reads = if row.is_group() { FAMILY_READS_MIN } else { READS_MIN };
    let never = counts.gets() >= min_reads && counts.hit_ratio()? < HIT_RATIO_NEVER;
    let largest = row.sizes().map(|(_, largest)| largest);
    never.then(|| context.hint(row, Finding::NeverHits { largest }))
}
