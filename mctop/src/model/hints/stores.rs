//! What is stored: nothing, too much at once, or too often.

use super::thresholds::{EMPTY_MIN, FAMILY_STORM_SETS, STORM_RATIO, STORM_SETS, VALUE_MAX};
use super::{Context, Finding, Hint};
use crate::model::snapshot::Row;

pub fn empty_values(context: &Context<'_>, row: &Row) -> Option<Hint> {
    let counts = context.counts(row);
    // The bytes of stores are 0 too where no probe tells them; the size of the items is then not known.
    let empty = counts.bytes_in == 0 && row.sizes() == Some((0, 0));
    let used = counts.sets >= EMPTY_MIN && counts.gets() >= EMPTY_MIN;
    (empty && used).then(|| context.hint(row, Finding::EmptyValues))
}

pub fn big_value(context: &Context<'_>, row: &Row) -> Option<Hint> {
    let (_, size) = row.sizes()?;
    let sent = context.counts(row).bytes() >= u64::from(size);
    (size > VALUE_MAX && sent).then(|| context.hint(row, Finding::BigValue { size }))
}

pub fn storm(context: &Context<'_>, row: &Row) -> Option<Hint> {
    let counts = context.counts(row);
    let least = if row.is_group() { FAMILY_STORM_SETS } else { STORM_SETS };
    let storm = context.rate(counts.sets) >= least && counts.sets >= counts.gets().saturating_mul(STORM_RATIO);
    storm.then(|| context.hint(row, Finding::SetStorm))
}
