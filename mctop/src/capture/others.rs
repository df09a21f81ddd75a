//! Keeping the most important keys of an interval, and the sum of the others.

use std::cmp::Reverse;

use crate::model::interval::{Interval, Others, Record};

/// The interval with its `keys` most important keys; the others are added to those that it leaves out already. Important is
/// a key with a large share of the calls or of the bytes, whichever is larger, so that a huge value that is rarely read is
/// kept; ties go by key.
pub fn reduced(interval: &Interval, keys: usize) -> Interval {
    let (calls, bytes) = (interval.total.calls().max(1), interval.total.bytes().max(1));
    // Shares of the whole, both over the same denominator.
    let importance = |record: &Record| {
        let of_calls = u128::from(record.counts.calls()) * u128::from(bytes);
        of_calls.max(u128::from(record.counts.bytes()) * u128::from(calls))
    };
    let mut order: Vec<&Record> = interval.records.iter().collect();
    let rank = |record: &&Record| (Reverse(importance(record)), record.key.clone(), record.target);
    let mut others: Others = interval.others;
    if keys < order.len() {
        order.select_nth_unstable_by_key(keys, rank);
        for left_out in order.drain(keys..) {
            others.keys += 1;
            others.counts += &left_out.counts;
        }
    }
    Interval {
        start: interval.start,
        end: interval.end,
        total: interval.total,
        loss: interval.loss,
        records: order.into_iter().cloned().collect(),
        others,
        changes: interval.changes.clone(),
        cost: interval.cost,
        outcomes: interval.outcomes,
        extrapolated: interval.extrapolated,
    }
}
