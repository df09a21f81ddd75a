//! What the model does with an interval, by number of keys: `cargo bench -p mctop --bench model`.

mod traffic;

use std::cell::RefCell;
use std::time::Duration;

use divan::Bencher;
use mctop::{Grouping, Limits, Snapshot, Span, View};

/// Keys in an interval.
const KEYS: [u64; 3] = [10_000, 100_000, 1_000_000];

/// Seconds of traffic before a measurement: half of the sliding window.
const SECONDS: u64 = 30;

fn main() {
    divan::main();
}

/// A snapshot in which each of `keys` keys has a row.
fn all_keys(keys: u64) -> Snapshot {
    traffic::model(20, keys, Limits::for_memory(4 << 30)).snapshot(false)
}

/// Adds an interval to the totals, the last interval and the sliding window.
#[divan::bench(args = KEYS, sample_count = 20, sample_size = 1)]
fn fold(bencher: Bencher<'_, '_>, keys: u64) {
    let mut model = traffic::model(SECONDS, keys, Limits::default());
    let mut recorded = traffic::interval(SECONDS, keys);
    bencher.bench_local(|| {
        model.fold(&recorded);
        recorded.interval.start = recorded.interval.end;
        recorded.interval.end += Duration::from_secs(1);
    });
}

/// Makes a snapshot after each interval.
#[divan::bench(args = KEYS, sample_count = 20, sample_size = 1)]
fn snapshot(bencher: Bencher<'_, '_>, keys: u64) {
    let model = RefCell::new(traffic::model(SECONDS, keys, Limits::default()));
    let recorded = RefCell::new(traffic::interval(SECONDS, keys));
    let fold_next = || {
        let mut recorded = recorded.borrow_mut();
        model.borrow_mut().fold(&recorded);
        recorded.interval.start = recorded.interval.end;
        recorded.interval.end += Duration::from_secs(1);
    };
    bencher.with_inputs(fold_next).bench_local_values(|()| model.borrow_mut().snapshot(false));
}

/// Groups the keys of a snapshot by automatic templates.
#[divan::bench(args = KEYS, sample_count = 20, sample_size = 1)]
fn group(bencher: Bencher<'_, '_>, keys: u64) {
    let snapshot = all_keys(keys);
    bencher.bench(|| Grouping::auto().apply(&snapshot));
}

/// Looks for hints in a snapshot.
#[divan::bench(args = KEYS, sample_count = 20, sample_size = 1)]
fn hints(bencher: Bencher<'_, '_>, keys: u64) {
    let snapshot = all_keys(keys);
    let view = View { span: Span::Window, ..View::default() };
    bencher.bench(|| view.hints(&snapshot));
}

/// Finds the hundred keys with the most calls.
#[divan::bench(args = KEYS, sample_count = 20, sample_size = 1)]
fn rank(bencher: Bencher<'_, '_>, keys: u64) {
    let snapshot = all_keys(keys);
    let view = View { limit: Some(100), ..View::default() };
    bencher.bench(|| view.rows(&snapshot).len());
}
