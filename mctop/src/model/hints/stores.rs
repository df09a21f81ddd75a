//! Values that are empty, too large, or stored too often.

use super::thresholds::{EMPTY_MIN, FAMILY_STORM_SETS, STORM_RATIO, STORM_SETS, VALUE_MAX};
use super::{Context, Finding, Hint};
use crate::model::snapshot::Row;

pub(super) fn empty_values(context: &Context<'_>, row: &Row) -> Option<Hint> {
    let counts = context.counts(row);
    // Stored bytes are also 0 if no probe counts them. The item size is unknown then.
    let is_empty = counts.bytes_in == 0 && row.sizes() == Some((0, 0));
    let is_used = counts.sets >= EMPTY_MIN && counts.gets() >= EMPTY_MIN;
    (is_empty && is_used).then(|| context.hint(row, Finding::EmptyValues))
}

pub(super) fn big_value(context: &Context<'_>, row: &Row) -> Option<Hint> {
    let (_, size) = row.sizes()?;
    let was_transferred = context.counts(row).bytes() >= u64::from(size);
    (size > VALUE_MAX && was_transferred).then(|| context.hint(row, Finding::BigValue { size }))
}

pub(super) fn set_storm(context: &Context<'_>, row: &Row) -> Option<Hint> {
    let counts = context.counts(row);
    let min_rate = if row.is_group() { FAMILY_STORM_SETS } else { STORM_SETS };
    let storm = context.rate(counts.sets) >= min_rate && counts.sets >= counts.gets().saturating_mul(STORM_RATIO);
    storm.then(|| context.hint(row, Finding::SetStorm))
}
