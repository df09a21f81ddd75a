//! How long it takes to group keys as a busy server has them, and to look for hints: `cargo run --release --example grouping [KEYS]`.

use std::time::Duration;

use mctop::internal::Outcomes;
use mctop::{Counts, Grouping, Header, Interval, Key, Limits, Model, Record, Ttl, View};

/// Runs of which the median is told.
const RUNS: usize = 21;

fn main() {
    let keys = std::env::args().nth(1).and_then(|keys| keys.parse().ok()).unwrap_or(100_000);
    let counts = Counts { hits: 1, bytes_out: 100, ..Counts::default() };
    let record = |number| Record {
        key: Key::new(key(number).as_bytes()),
        target: 0,
        counts,
        size: Some(100),
        ttl: Ttl::Never,
        outcomes: Outcomes::default(),
    };
    let records: Vec<Record> = (0..keys).map(record).collect();
    let mut total = Counts::default();
    records.iter().for_each(|record| total += &record.counts);
    let mut model = Model::new(&Header::default(), Limits::for_memory(1 << 30));
    model.fold(&Interval { end: Duration::from_secs(1), total, ..Interval::default() }.with(records));
    let snapshot = model.snapshot(false);
    let all = snapshot.rows.len();
    for source in ["auto", ":2", r"/^(\w+):.*?(\w+)$/"] {
        let Ok(grouping) = Grouping::parse(source) else { continue };
        let mut rows = 0;
        let median = median(|| rows = grouping.apply(&snapshot).rows.len());
        println!("{source}: {all} keys in {rows} rows, {median}");
    }
    let view = View::default();
    let mut hints = 0;
    let median = median(|| hints = view.hints(&snapshot).hints.len());
    println!("hints: {hints} of {all} keys and their families, {median}");
}

/// The median of the processor time that something takes.
fn median(mut run: impl FnMut()) -> String {
    let mut times: Vec<Duration> = Vec::new();
    for _ in 0..RUNS {
        let begin = processor_time();
        run();
        times.push(processor_time().saturating_sub(begin));
    }
    times.sort();
    let milliseconds = times.get(RUNS / 2).map_or(0.0, |time| time.as_secs_f64() * 1e3);
    format!("median of {RUNS} runs {milliseconds:.1} ms of processor time")
}

/// What this thread has used, so that a busy machine does not count.
fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// A key of one of the families that caches have: numbers, UUIDs, hashes, and words that make keys of their own.
fn key(number: u64) -> String {
    // Spreads the numbers over 64 bits (Knuth, The Art of Computer Programming 3, 6.4).
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let (high, low) = (mixed >> 32, mixed & 0xffff_ffff);
    match number % 6 {
        0 => format!("podXXX::M:blob:Feature:{}:{number}", number % 40),
        1 => format!("podYYY:rails:{}::shop-{number}", number % 64),
        2 => {
            format!("user:{low:08x}-{:04x}-4{:03x}-8{:03x}-{high:012x}:profile", high >> 16, high & 0xfff, low & 0xfff)
        }
        3 => format!("sess:{mixed:016x}"),
        4 => format!("views/products/{number}-20241122093015/{:016x}", !mixed),
        // One in twelve keys is a row of its own.
        _ if number % 12 == 5 => number.to_string().bytes().map(|digit| char::from(digit - b'0' + b'g')).collect(),
        _ => format!("menu:restaurant:{number}"),
    }
}
