//! The capture of the pictures: two minutes of a flash sale, the same each time.

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use mctop::internal::{EndedBy, FoundBy, Outcomes, ProbeKind, SiteKind, Writer, WriterSettings};
use mctop::{Counts, Header, Interval, Key, Origin, ProbeInfo, Record, RecordedInterval, TargetInfo, Ttl};

/// Its name.
pub const FILE: &str = "flash-sale.ndjson.zst";

const SECONDS: u64 = 120;
/// When the sale starts, in seconds.
const SALE: u64 = 60;

/// A key in one second: its name, counts, value bytes and TTL.
type Entry = (String, Counts, Option<u32>, Ttl);

/// Writes it.
pub fn write(path: &Path) {
    let settings = WriterSettings { compress: true, ..WriterSettings::default() };
    let mut writer = Writer::new(File::create(path).unwrap(), &header(), &settings).unwrap();
    intervals().iter().for_each(|interval| writer.write_interval(interval).unwrap());
    writer.finish(EndedBy::Duration).unwrap();
}

/// Its intervals.
pub fn intervals() -> Vec<RecordedInterval> {
    let mut random = Random(1);
    let interval = |second| {
        let mut interval = Interval {
            start: Duration::from_secs(second),
            end: Duration::from_secs(second + 1),
            ..Interval::default()
        };
        let mut records = Vec::new();
        for (key, counts, size, ttl) in keys(second, &mut random) {
            if counts.calls() > 0 {
                interval.total += &counts;
                records.push(Record {
                    key: Key::new(key.as_bytes()),
                    target: 0,
                    counts,
                    size,
                    ttl,
                    outcomes: Outcomes::default(),
                });
            }
        }
        interval.with(records)
    };
    (0..SECONDS).map(interval).collect()
}

fn keys(second: u64, random: &mut Random) -> Vec<Entry> {
    let reads = |hits: u64, size: u32| Counts { hits, bytes_out: hits * u64::from(size), ..Counts::default() };
    let sale = second >= SALE;
    let since = second.saturating_sub(SALE);
    let mut keys = Vec::new();

    // One key that all processes read, of which there are more and more, saturates the link.
    let hot = if sale { (9_000 + since * 4_500).min(131_000) } else { 900 } + random.below(400);
    let mut flags = reads(hot, 13_961);
    if second % 30 == 5 {
        (flags.sets, flags.bytes_in) = (1, 13_961);
    }
    let left = 30 - (second + 25) % 30;
    keys.push(entry("podYYY:rails:NN::feature_rollout:percentages", flags, 13_961, Ttl::Seconds(left as u32)));

    // A value that has grown to 3 MB.
    keys.push(entry("podYYY:menu:json", reads(2 + random.below(4), 3_145_728), 3_145_728, Ttl::Seconds(86_400)));
    // A cache that is filled and never hit.
    for product in 0..8_u64 {
        let calls = 38 + random.below(9);
        let counts = Counts { misses: calls, sets: calls, ..Counts::default() };
        keys.push(entry(&format!("product:{}", 41_207 + product * 131), counts, 0, Ttl::Seconds(0)));
    }
    if sale {
        keys.push(entry("podYYY:rails:NN::sale:banner", reads(700 + random.below(90), 620), 620, Ttl::Seconds(60)));
    }
    let quiet = if second < SALE + 30 { 400 + random.below(30) } else { 20 + random.below(5) };
    keys.push(entry("podYYY:session:index", reads(quiet, 300), 300, Ttl::Never));
    // Many keys of one family, none of them conspicuous.
    for shop in 0..48_u64 {
        let calls = 15 + 900 / (shop + 4) + random.below(12);
        let key = format!("podXXX::M:blob:Feature:{}:{}", 1_000 + shop * 37 % 211, 52_000_000 + shop * 7_919);
        keys.push(entry(&key, reads(calls, 180 + shop as u32 * 3), 180 + shop as u32 * 3, Ttl::Seconds(3_600)));
    }
    for job in 0..6_u64 {
        let deletes = random.below(12);
        let counts = Counts { deletes, delete_hits: deletes / 3, ..Counts::default() };
        keys.push((format!("podYYY:rails:NN::jobs-{}", 310 + job), counts, None, Ttl::Unknown));
    }
    keys
}

fn entry(key: &str, counts: Counts, size: u32, ttl: Ttl) -> Entry {
    (key.to_owned(), counts, Some(size), ttl)
}

/// Numbers that look random and are the same each time: the linear congruential generator of Knuth's MMIX.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

fn header() -> Header {
    let probe = ProbeInfo {
        name: ProbeKind::Lookup,
        function: "do_item_get".to_owned(),
        offset: 81_920,
        found_by: FoundBy::Recovered,
        instruction: "test byte ptr [rdi+54h],4".to_owned(),
        emulated: false,
        site: Some(SiteKind::Exact),
    };
    let target = TargetInfo {
        pid: 4_242,
        binary: "/usr/bin/memcached".to_owned(),
        version: Some("1.6.18".to_owned()),
        build_id: None,
        listen: vec!["10.0.12.4:11211".to_owned()],
        container: None,
        unit: None,
        probes: vec![probe],
        notes: Vec::new(),
    };
    Header {
        origin: Origin::Live,
        host: "cache-7".to_owned(),
        kernel: "6.1.0-13-amd64".to_owned(),
        started_at: "2026-11-20T18:59:00Z".parse().unwrap(),
        targets: vec![target],
        redaction: None,
    }
}
