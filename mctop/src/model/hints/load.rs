//! One key that is the load.

use super::thresholds::{LOAD_BYTES, LOAD_CALLS, SHARE_MAX};
use super::{Context, Finding, Hint};
use crate::model::snapshot::{Row, share};

pub fn hot_key(context: &Context<'_>, row: &Row) -> Option<Hint> {
    let (counts, whole) = (context.counts(row), &context.whole);
    let hot = |part, all, least| share(part, all) >= SHARE_MAX && context.rate(part) >= least;
    let hot = hot(counts.calls(), whole.calls(), LOAD_CALLS) || hot(counts.bytes(), whole.bytes(), LOAD_BYTES);
    // A family that is most of the load is what families are for.
    (hot && !row.is_group()).then(|| context.hint(row, Finding::HotKey))
}
