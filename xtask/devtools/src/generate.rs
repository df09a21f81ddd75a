//! A capture of made-up traffic, to measure its size and the cost of writing and reading it: docs/capture-format.md.

use std::fs::File;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Result;
use mctop::internal::{EndedBy, Outcomes, Writer, WriterSettings};
use mctop::{Counts, Header, Interval, Key, Record, RecordedInterval, TargetInfo, Ttl};

/// Ratio of distinct keys to keys per interval.
const KEYS_PER_KEY: u64 = 3;

/// What to write.
#[derive(clap::Args)]
pub struct GenerateArgs {
    /// The file; compressed if its name ends in .zst
    file: PathBuf,
    /// Number of intervals of a second
    intervals: u64,
    /// Number of keys in an interval; their calls follow Zipf's law
    keys: u64,
}

/// Writes the capture and prints its size and the time needed.
pub fn write(GenerateArgs { file, intervals, keys }: &GenerateArgs) -> Result<()> {
    let names: Vec<Key> = (0..KEYS_PER_KEY * keys)
        .map(|number| Key::new(format!("pod{:03}:rails:{}::shop-{number:07}", number % 40, number % 7).as_bytes()))
        .collect();
    let compress = file.extension().is_some_and(|extension| extension == "zst");
    let settings = WriterSettings { compress, ..WriterSettings::default() };
    let mut writer = Writer::new(File::create(file)?, &header(), &settings)?;
    let mut random = 1_u64;
    let mut cost = Duration::ZERO;
    for second in 0..*intervals {
        let interval = interval(second, *keys, &names, &mut random);
        let start = Instant::now();
        writer.write_interval(&interval)?;
        cost += start.elapsed();
    }
    writer.finish(EndedBy::Duration)?;
    let length = std::fs::metadata(file)?.len();
    println!(
        "{intervals} intervals of {keys} keys: {length} bytes, {:.1} bytes a key; writing took {:.2} ms an interval",
        length as f64 / (intervals * keys) as f64,
        cost.as_secs_f64() * 1e3 / *intervals as f64
    );
    Ok(())
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
    Header { host: "cache-7".into(), kernel: "6.1.0".into(), targets: vec![target], ..Header::default() }
}

fn interval(second: u64, keys: u64, names: &[Key], random: &mut u64) -> RecordedInterval {
    let mut total = Counts::default();
    let records = (0..keys)
        .map(|rank| {
            // Knuth's generator for 64 bits (The Art of Computer Programming 3.3.4).
            *random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let name = rank * KEYS_PER_KEY + (*random >> 33) % KEYS_PER_KEY;
            let size = 200 + (name % 1_800) as u32;
            let hits = 1 + 20_000 / (rank + 1) + (*random >> 40) % 7;
            let misses = u64::from((*random >> 50).is_multiple_of(10));
            let counts = Counts { hits, misses, bytes_out: hits * u64::from(size), ..Counts::default() };
            total += &counts;
            let key = names[name as usize].clone();
            let ttl = Ttl::Seconds(60 + (name % 3_600) as u32);
            Record { key, target: 0, counts, size: Some(size), ttl, outcomes: Outcomes::default() }
        })
        .collect();
    let time = Duration::from_secs;
    Interval { start: time(second), end: time(second + 1), total, ..Interval::default() }.with(records)
}
