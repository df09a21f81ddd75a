//! A key with a large share of the load.

use super::thresholds::{LOAD_BYTES, LOAD_CALLS, SHARE_MAX};
use super::{Context, Finding, Hint};
use crate::model::snapshot::{Row, share};

pub(super) fn hot_key(context: &Context<'_>, row: &Row) -> Option<Hint> {
    let (counts, whole) = (context.counts(row), &context.whole);
    let hot = |part, all, min_rate| share(part, all) >= SHARE_MAX && context.rate(part) >= min_rate;
    let hot = hot(counts.calls(), whole.calls(), LOAD_CALLS) || hot(counts.bytes(), whole.bytes(), LOAD_BYTES);
    // A family may well have most of the load.
    (hot && !row.is_group()).then(|| context.hint(row, Finding::HotKey))
}
