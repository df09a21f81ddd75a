//! Writes a capture of made-up traffic, to measure size, cost of writing and cost of reading: `docs/capture-format.md`.
//!
//! `cargo run --release -p mctop --example generate_capture -- FILE INTERVALS KEYS`: so many intervals of a second, each
//! with so many of three times as many keys, whose calls follow Zipf's law. Compressed when FILE ends in .zst.

#![allow(clippy::unwrap_used, reason = "an example that cannot go on has failed")]

use std::fs::File;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use mctop::internal::{EndedBy, Outcomes, Writer, WriterSettings};
use mctop::{Counts, Header, Interval, Key, Origin, Record, RecordedInterval, TargetInfo, Ttl};

/// How many keys there are for each that an interval has.
const KEYS_PER_KEY: u64 = 3;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let path = PathBuf::from(arguments.next().unwrap());
    let intervals: u64 = arguments.next().unwrap().parse().unwrap();
    let keys: u64 = arguments.next().unwrap().parse().unwrap();
    let names: Vec<Key> = (0..KEYS_PER_KEY * keys)
        .map(|n| Key::new(format!("pod{:03}:rails:{}::shop-{n:07}", n % 40, n % 7).as_bytes()))
        .collect();
    let compress = path.extension().is_some_and(|extension| extension == "zst");
    let settings = WriterSettings { compress, ..WriterSettings::default() };
    let mut writer = Writer::new(File::create(&path).unwrap(), &header(), &settings).unwrap();
    let mut random = 1_u64;
    let mut cost = Duration::ZERO;
    for second in 0..intervals {
        let interval = interval(second, keys, &names, &mut random);
        let begin = Instant::now();
        writer.write_interval(&interval).unwrap();
        cost += begin.elapsed();
    }
    writer.finish(EndedBy::Duration).unwrap();
    let length = std::fs::metadata(&path).unwrap().len();
    println!(
        "{intervals} intervals of {keys} keys: {length} bytes, {:.1} bytes a key; writing took {:.2} ms an interval",
        length as f64 / (intervals * keys) as f64,
        cost.as_secs_f64() * 1e3 / intervals as f64
    );
}

fn header() -> Header {
    let target = TargetInfo {
        pid: 1,
        binary: "/usr/bin/memcached".into(),
        version: Some("1.6.18".into()),
        build_id: None,
        listen: vec!["127.0.0.1:11211".into()],
        container: None,
        unit: None,
        probes: Vec::new(),
        notes: Vec::new(),
    };
    Header {
        origin: Origin::Live,
        host: "cache-7".into(),
        kernel: "6.1.0".into(),
        started_at: jiff::Timestamp::UNIX_EPOCH,
        targets: vec![target],
        redaction: None,
    }
}

fn interval(second: u64, keys: u64, names: &[Key], random: &mut u64) -> RecordedInterval {
    let mut total = Counts::default();
    let records = (0..keys)
        .map(|rank| {
            *random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let name = rank * KEYS_PER_KEY + (*random >> 33) % KEYS_PER_KEY;
            let size = 200 + (name % 1_800) as u32;
            let hits = 1 + 20_000 / (rank + 1) + (*random >> 40) % 7;
            let misses = u64::from((*random >> 50).is_multiple_of(10));
            let counts = Counts { hits, misses, bytes_out: hits * u64::from(size), ..Counts::default() };
            total += &counts;
            let key = names[name as usize].clone();
            Record {
                key,
                target: 0,
                counts,
                size: Some(size),
                ttl: Ttl::Seconds(60 + (name % 3_600) as u32),
                outcomes: Outcomes::default(),
            }
        })
        .collect();
    let time = Duration::from_secs;
    Interval { start: time(second), end: time(second + 1), total, ..Interval::default() }.with(records)
}
