//! What folding costs: `cargo run --release --example fold [KEYS…]`.
//!
//! Folds thirty intervals of one second with so many distinct keys each, takes a snapshot after each as the live table does,
//! and prints medians of processor time. The memory is what the process has grown by, without the interval itself.

use std::time::Duration;

use mctop::internal::Outcomes;
use mctop::{Counts, Header, Key, Limits, Model, Record, RecordedInterval, Ttl};

const INTERVALS: u64 = 30;

fn main() {
    let mut sizes: Vec<u64> = std::env::args().skip(1).filter_map(|arg| arg.parse().ok()).collect();
    if sizes.is_empty() {
        sizes = vec![10_000, 100_000, 1_000_000];
    }
    println!("{:>9} {:>10} {:>10} {:>10} {:>11} {:>9}", "keys", "fold", "snapshot", "both", "per record", "RSS");
    for keys in sizes {
        measure(keys);
    }
}

fn measure(keys: u64) {
    let header = Header::default();
    let mut random = Random(keys);
    let mut recorded = recorded(keys);
    let before = resident();
    let mut model = Model::new(&header, Limits::default());
    let mut shown = model.snapshot(false);
    let (mut folds, mut snapshots, mut both) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..INTERVALS {
        recorded.interval.start = Duration::from_secs(number);
        recorded.interval.end = Duration::from_secs(number + 1);
        // The kernel's table gives keys in the order of its buckets, which is the same each time but for the keys that are
        // new; a tenth changes place here.
        for _ in 0..keys / 10 {
            let (a, b) = (random.below(keys), random.below(keys));
            recorded.records.swap(a, b);
        }
        let begin = processor_time();
        model.fold(&recorded);
        let folded = processor_time() - begin;
        let next = model.snapshot(false);
        let taken = processor_time() - begin;
        drop(std::mem::replace(&mut shown, next));
        folds.push(folded);
        snapshots.push(taken - folded);
        both.push(processor_time() - begin);
    }
    let resident = resident().saturating_sub(before);
    let both = median(&mut both);
    println!(
        "{keys:>9} {:>8.2}ms {:>8.2}ms {:>8.2}ms {:>9.1}ns {:>6.1}MiB   {} rows, window {:?}",
        median(&mut folds).as_secs_f64() * 1e3,
        median(&mut snapshots).as_secs_f64() * 1e3,
        both.as_secs_f64() * 1e3,
        both.as_nanos() as f64 / keys as f64,
        resident as f64 / 1_048_576.0,
        shown.rows.len(),
        shown.window,
    );
}

/// An interval of `keys` keys of 20 to 60 bytes, of which one in a hundred has most calls.
fn recorded(keys: u64) -> RecordedInterval {
    let mut recorded = RecordedInterval::default();
    for number in 0..keys {
        let hits = if number % 100 == 0 { 1 + 100_000 / (number + 1) } else { 1 };
        let counts = Counts { hits, bytes_out: hits * 512, ..Counts::default() };
        recorded.interval.total += &counts;
        let key = format!("pod{:03}:rails:NN::{number:0>width$}", number % 1_000, width = 8 + (number % 40) as usize);
        let (size, ttl) = (Some(512), Ttl::Seconds(30));
        recorded.records.push(Record {
            key: Key::new(key.as_bytes()),
            target: 0,
            counts,
            size,
            ttl,
            outcomes: Outcomes::default(),
        });
    }
    recorded
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// What this process has used of the processors, so that others that run at the same time do not count.
fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Bytes of memory that this process has.
fn resident() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    pages.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or_default() * 4_096
}

/// SplitMix64 (Steele, Lea and Flood 2014): the same numbers each time.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % bound) as usize
    }
}
