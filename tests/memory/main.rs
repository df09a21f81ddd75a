//! The model's memory is what it was told, whatever the keys are. Alone in its process, for it counts every allocation.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mctop::model::counts::Counts;
use mctop::model::fold::{Limits, Model};
use mctop::model::interval::{Interval, Record};
use mctop::model::key::Key;
use mctop::model::outcomes::Outcomes;
use mctop::model::snapshot::Ttl;
use mctop::source::Header;

static NOW: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

/// The system's allocator, with an account.
struct Counting;

/// What malloc(3) takes for so many bytes.
fn with_overhead(bytes: usize) -> usize {
    (bytes + 8).next_multiple_of(16).max(32)
}

fn enter(bytes: usize) {
    let now = NOW.fetch_add(with_overhead(bytes), Ordering::Relaxed) + with_overhead(bytes);
    MOST.fetch_max(now, Ordering::Relaxed);
}

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        enter(layout.size());
        // SAFETY: the caller's promises are those that are asked for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        NOW.fetch_sub(with_overhead(layout.size()), Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const MEMORY: usize = 6 << 20;
const LONGEST: usize = 250;

/// Distinct keys of the longest kind, of which many come back in the next interval.
fn interval(number: u64, keys: u64) -> Interval {
    let mut interval =
        Interval { start: Duration::from_secs(number), end: Duration::from_secs(number + 1), ..Interval::default() };
    for key in number * keys / 2..number * keys / 2 + keys {
        let hits = 1 + key.wrapping_mul(0x9e37_79b9_7f4a_7c15) % 100_000;
        let counts =
            Counts { hits, misses: 300 + key % 7, sets: 1, bytes_out: hits * 999, bytes_in: 999, ..Counts::default() };
        interval.total += &counts;
        let key = Key::new(format!("{key:0>LONGEST$}").as_bytes());
        interval.records.push(Record {
            key,
            target: 0,
            counts,
            size: Some((hits % 5_000) as u32),
            ttl: Ttl::Seconds(9),
            outcomes: Outcomes::default(),
        });
    }
    interval
}

#[test]
fn memory_is_bounded() {
    fold_many(Limits::for_memory(MEMORY), true);
    fold_many(Limits::without_screen(MEMORY), false);
}

/// Folds more keys than there is room for, keeping snapshots as the live table does, or none.
fn fold_many(limits: Limits, screen: bool) {
    let header = Header::default();
    let before = NOW.load(Ordering::Relaxed);
    let mut model = Model::new(&header, limits);
    // What a paused screen shows, and the newest.
    let mut paused = None;
    let mut newest = None;
    let mut largest = 0;
    for number in 0..=59 {
        let start = NOW.load(Ordering::Relaxed);
        let interval = interval(number, 3 * limits.keys as u64);
        let of_interval = NOW.load(Ordering::Relaxed) - start;
        MOST.store(NOW.load(Ordering::Relaxed), Ordering::Relaxed);
        model.fold(&interval);
        let next = model.snapshot(false);
        // The names of keys that were taken in belong to the interval still. Where no snapshot holds the names before, each
        // takes the place of one of them.
        let names = if screen { next.rows.len() * with_overhead(LONGEST + 16) } else { 0 };
        let most = MOST.load(Ordering::Relaxed) - before - of_interval + names;
        let (rows, forgotten, window) = (next.rows.len(), next.loss.forgotten_keys, next.window);
        newest = screen.then_some(next);
        drop(interval);
        let rest = NOW.load(Ordering::Relaxed) - before;
        assert!(
            most <= MEMORY && rest <= MEMORY,
            "interval {number}: {most} at most, {rest} afterwards of {MEMORY} bytes"
        );
        largest = largest.max(rest);
        if number % 30 == 10 {
            paused = newest.clone();
        }
        if number == 59 {
            assert_eq!(rows, limits.keys);
            assert!(forgotten > 0 && window < Duration::from_secs(60));
        }
    }
    assert_eq!((paused.is_some(), newest.is_some()), (screen, screen));
    // The bound is not far from what is used.
    assert!(largest > MEMORY / 2, "{largest} of {MEMORY} bytes");
}
