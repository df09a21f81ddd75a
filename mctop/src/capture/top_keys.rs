//! Keeps the most important keys of an interval, and the sum of the others.

use std::cmp::Reverse;

use crate::model::interval::{Interval, Record, RecordedInterval};

/// The interval with only its `keys` most important keys; the rest is added to its `others`. A key's importance is its share
/// of the calls or of the bytes, whichever is larger, so that a huge value that is rarely read is kept. Ties are broken by
/// key.
pub(super) fn keep_top_keys(recorded: &RecordedInterval, keys: usize) -> RecordedInterval {
    let RecordedInterval { interval, records } = recorded;
    let (calls, bytes) = (interval.total.calls().max(1), interval.total.bytes().max(1));
    // Both shares have the common denominator calls × bytes.
    let importance = |record: &Record| {
        let calls_share = u128::from(record.counts.calls()) * u128::from(bytes);
        calls_share.max(u128::from(record.counts.bytes()) * u128::from(calls))
    };
    let mut order: Vec<&Record> = records.iter().collect();
    let rank = |record: &&Record| (Reverse(importance(record)), record.key.clone(), record.target);
    let mut others = interval.others;
    if keys < order.len() {
        order.select_nth_unstable_by_key(keys, rank);
        for left_out in order.drain(keys..) {
            others.keys += 1;
            others.counts += &left_out.counts;
        }
    }
    Interval { others, ..interval.clone() }.with(order.into_iter().cloned().collect())
}
