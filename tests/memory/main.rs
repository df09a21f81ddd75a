//! The model stays within its memory limit with any keys. Alone in its process, because it counts all allocations.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mctop::internal::{Outcomes, model_memory};
use mctop::{
    Counts, Header, Interval, Key, KeySample, KeySamples, Limits, Model, Retention, SampleConsumer, SampleKey, Ttl,
};

static NOW: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

/// The system's allocator, which counts what is allocated.
struct Counting;

/// The memory that malloc(3) uses for an allocation.
fn with_overhead(bytes: usize) -> usize {
    (bytes + 8).next_multiple_of(16).max(32)
}

fn enter(bytes: usize) {
    let now = NOW.fetch_add(with_overhead(bytes), Ordering::Relaxed) + with_overhead(bytes);
    MOST.fetch_max(now, Ordering::Relaxed);
}

// SAFETY: each call is passed on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        enter(layout.size());
        // SAFETY: the caller fulfils the conditions of the system's allocator.
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

/// An interval of distinct keys of maximum length, many of which are in the next interval, too. They are made on demand, so that
/// all allocated memory is the model's.
struct Keys {
    first: u64,
    keys: u64,
}

impl Keys {
    fn sample<'a>(&self, place: u32, key: SampleKey<'a>) -> KeySample<'a> {
        let number = self.first + u64::from(place);
        let hash = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let hits = 1 + hash % 100_000;
        let counts = Counts {
            hits,
            misses: 300 + number % 7,
            sets: 1,
            bytes_out: hits * 999,
            bytes_in: 999,
            ..Counts::default()
        };
        let hash = hash.rotate_left(32);
        KeySample {
            handle: place,
            hash,
            key,
            target: 0,
            counts,
            size: Some((hits % 5_000) as u32),
            ttl: Ttl::Seconds(9),
            outcomes: Outcomes::default(),
        }
    }

    fn key(&self, place: u32) -> Key {
        Key::new(format!("{:0>LONGEST$}", self.first + u64::from(place)).as_bytes())
    }
}

impl KeySamples for Keys {
    fn capacity(&self) -> usize {
        self.keys as usize
    }

    fn for_each(&mut self, each: &mut dyn FnMut(&KeySample<'_>) -> Retention) {
        for place in 0..self.keys as u32 {
            let unread = || self.key(place);
            each(&self.sample(place, SampleKey::Unread(&unread)));
        }
    }

    fn with_kept(&self, place: u32, with: &mut dyn FnMut(&KeySample<'_>)) {
        let unread = || self.key(place);
        with(&self.sample(place, SampleKey::Unread(&unread)));
    }
}

#[test]
fn memory_is_bounded() {
    fold_many(Limits::for_memory(MEMORY), true);
    fold_many(Limits::without_screen(MEMORY), false);
}

/// Folds more keys than there is room for, with or without the snapshots that the live table keeps.
fn fold_many(limits: Limits, screen: bool) {
    let bound = model_memory(MEMORY);
    let header = Header::default();
    let before = NOW.load(Ordering::Relaxed);
    MOST.store(before, Ordering::Relaxed);
    let mut model = Model::new(&header, limits);
    // The snapshot of a paused screen, and the newest.
    let mut paused = None;
    let mut newest = None;
    for number in 0..=59 {
        let keys = 3 * limits.keys as u64;
        let (start, end) = (Duration::from_secs(number), Duration::from_secs(number + 1));
        let mut samples = Keys { first: number * keys / 2, keys };
        let mut total = Counts::default();
        samples.for_each(&mut |sample| {
            total += &sample.counts;
            Retention::Release
        });
        model.consume(start, end, &mut samples);
        model.end_interval(&Interval { start, end, total, ..Interval::default() });
        let next = model.snapshot(false);
        let most = MOST.load(Ordering::Relaxed) - before;
        assert!(most <= bound, "interval {number}: {most} of {bound} bytes");
        if number == 59 {
            assert_eq!(next.rows.len(), limits.keys);
            assert!(next.loss.forgotten_keys > 0 && next.window < Duration::from_secs(60));
            let counted: u64 = next.rows.iter().map(|row| row.total.calls()).sum();
            assert_eq!(counted + next.loss.untracked_calls, next.total.calls());
        }
        newest = screen.then_some(next);
        if number % 30 == 10 {
            paused = newest.clone();
        }
    }
    assert_eq!((paused.is_some(), newest.is_some()), (screen, screen));
    // The bound is tight.
    let most = MOST.load(Ordering::Relaxed) - before;
    assert!(most > bound * 2 / 3, "{most} of {bound} bytes");
}
