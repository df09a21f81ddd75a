//! Made-up traffic for benchmarks.

use std::time::Duration;

use mctop::internal::Outcomes;
use mctop::{Counts, Header, Interval, Key, Limits, Model, Record, Ttl};

/// An interval of one second in which each of `keys` keys is called, by Zipf's law. The order differs a little in each second,
/// as that of the kernel's table does when keys come and go.
pub fn interval(second: u64, keys: u64) -> Interval {
    let (start, end) = (Duration::from_secs(second), Duration::from_secs(second + 1));
    let mut interval = Interval { start, end, ..Interval::default() };
    for rank in 0..keys {
        let size = 200 + (rank * 7_919 % 1_800) as u32;
        let hits = 1 + 100_000 / (rank + 1) + (rank + second) % 7;
        let counts = Counts { hits, bytes_out: hits * u64::from(size), ..Counts::default() };
        interval.total += &counts;
        let key = Key::new(format!("pod{:03}:rails:{}::shop-{rank}", rank % 40, rank % 7).as_bytes());
        let ttl = Ttl::Seconds(60 + (rank % 3_600) as u32);
        let outcomes = Outcomes::default();
        interval.records.push(Record { key, target: 0, counts, size: Some(size), ttl, outcomes });
    }
    for rank in (0..interval.records.len() as u64).step_by(10) {
        // A multiplier without common factors: another partner each second.
        let partner = (rank * 7_919 + second * 104_729) % keys;
        interval.records.swap(rank as usize, partner as usize);
    }
    interval
}

/// A model after so many seconds of that traffic.
pub fn model(seconds: u64, keys: u64, limits: Limits) -> Model {
    let mut model = Model::new(&Header::default(), limits);
    for second in 0..seconds {
        model.fold(&interval(second, keys));
    }
    model
}
