//! Sample snapshots for tests of reports and screens.

use std::sync::Arc;
use std::time::Duration;

use crate::model::counts::Counts;
use crate::model::estimate::Estimate;
use crate::model::fold::{Limits, Model};
use crate::model::header::Header;
use crate::model::interval::{Interval, Record};
use crate::model::key::Key;
use crate::model::outcomes::Outcomes;
use crate::model::probe_point::{FoundBy, ProbeKind, SiteKind};
use crate::model::snapshot::{Level, Loss, Origin, ProbeInfo, Row, Snapshot, TargetInfo, Ttl};

/// A server with this process ID and port.
pub fn target(pid: u32, port: u16) -> TargetInfo {
    TargetInfo {
        pid,
        binary: "/usr/bin/memcached".to_owned(),
        version: Some("1.6.18".to_owned()),
        build_id: Some("88a0b1c2d3e4f5".to_owned()),
        listen: vec![format!("127.0.0.1:{port}")],
        container: None,
        unit: None,
        probes: vec![ProbeInfo {
            name: ProbeKind::Lookup,
            function: "do_item_get".to_owned(),
            offset: 81_920,
            found_by: FoundBy::Recovered,
            instruction: "test byte ptr [rax+0x1],0x4".to_owned(),
            emulated: false,
            site: Some(SiteKind::Exact),
        }],
        notes: Vec::new(),
    }
}

/// A row without counts.
pub fn row(key: impl AsRef<[u8]>) -> Row {
    Row::new(Key::new(key.as_ref()), 0)
}

/// A row read `hits` times a second for 50 seconds.
pub fn read(key: impl AsRef<[u8]>, hits: u64, size: u32, ttl: Ttl) -> Row {
    let last = Counts { hits, bytes_out: hits * u64::from(size), ..Counts::default() };
    let total = Counts { hits: hits * 50, bytes_out: last.bytes_out * 50, ..Counts::default() };
    Row { total, last, recent: total, size: Some(size), ttl, ..row(key) }
}

/// A snapshot after 50 seconds. Its totals are the sums of the rows.
pub fn of(rows: Vec<Row>) -> Snapshot {
    let mut snapshot = Snapshot {
        origin: Origin::Live,
        host: "cache-7".to_owned(),
        kernel: "6.1.0-13-amd64".to_owned(),
        started_at: "2026-11-21T21:57:01Z".parse().unwrap(),
        duration: Duration::from_secs(50),
        interval: Duration::from_secs(1),
        window: Duration::from_secs(50),
        interrupted: false,
        redaction: None,
        gaps: Vec::new(),
        notes: Vec::new(),
        targets: Arc::new([target(4_242, 11_211)]),
        total: Counts::default(),
        target_totals: vec![Counts::default()],
        last: Counts::default(),
        recent: Counts::default(),
        outcomes: Outcomes::default(),
        estimate: Estimate::default(),
        cost: None,
        cost_total: None,
        loss: Loss::default(),
        others: Counts::default(),
        level: Level::Keys,
        rows: rows.into(),
        history: Arc::default(),
    };
    for row in &snapshot.rows {
        snapshot.total += &row.total;
        snapshot.target_totals[0] += &row.total;
        snapshot.last += &row.last;
        snapshot.recent += &row.recent;
    }
    snapshot
}

/// The flash sale: one extreme key among busy ones, a value of 3 MB, a cache that never hits, and a tail.
pub fn flash_sale() -> Snapshot {
    let mut rows = vec![
        read("podYYYrails:NN::feature_rollout:percentages", 131_599, 13_961, Ttl::Seconds(30)),
        read("podYYY:rails:NN::shop-KEY", 112, 2_048, Ttl::Never),
        read("menu:json", 40, 3_145_728, Ttl::Seconds(86_400)),
    ];
    let misses = Counts { misses: 900, sets: 900, ..Counts::default() };
    let total = Counts { misses: 45_000, sets: 45_000, ..Counts::default() };
    rows.push(Row { total, last: misses, size: Some(0), ttl: Ttl::Seconds(0), ..row("product:1") });
    let deletes = Counts { deletes: 71, delete_hits: 3, other: 5, ..Counts::default() };
    rows.push(Row { total: deletes, last: deletes, ..row("podYYY:rails:NN::jobs-KEY") });
    rows.extend(
        (0..60_u32).map(|n| read(format!("blob:Feature:{n:03}"), 60 - u64::from(n), 100 + n, Ttl::Seconds(n * 97))),
    );
    of(rows)
}

/// Adds untracked operations, and every other kind of loss.
pub fn with_loss(mut snapshot: Snapshot) -> Snapshot {
    let lost = Counts { hits: 100_000, bytes_out: 50_000_000, ..Counts::default() };
    snapshot.total += &lost;
    snapshot.loss = Loss {
        untracked_calls: lost.calls(),
        untracked_bytes: lost.bytes(),
        read_faults: 1,
        truncated_keys: 2,
        full_intervals: 7,
        overlong_intervals: 1,
        forgotten_keys: 12,
    };
    snapshot
}

/// Keys that try to move, colour, hide or overflow what is around them.
pub fn hostile() -> Snapshot {
    let keys: Vec<Vec<u8>> = vec![
        b"\x1b[2J\x1b[31mred\x07".to_vec(),
        "\u{9b}5A up".into(),
        "\u{202e}drawkcab\u{202c}".into(),
        "日本語のキー日本語のキー日本語のキー日本語のキー日本語のキー".into(),
        "👍🏽👨‍👩‍👧‍👦🇩🇪❤️ emoji".into(),
        b"\xff\xfe\x00\x80".to_vec(),
        vec![b'k'; 250],
        "e\u{301}\u{301}\u{301} combining".into(),
        "tab\there\nand there\r".into(),
        "zero\u{200b}\u{feff}\u{2060}width".into(),
        "لا إله".into(),
        b"back\\slash".to_vec(),
        b"plain".to_vec(),
    ];
    let number = keys.len() as u64;
    of(keys.into_iter().zip(0..).map(|(key, n)| read(key, 1_000 * (number - n), 512, Ttl::Seconds(60))).collect())
}

/// Many keys, all different in their rate.
pub fn many(number: u64) -> Snapshot {
    of((0..number).map(|n| read(format!("key:{n:06}"), number - n, 100, Ttl::Never)).collect())
}

/// A snapshot of a model that has seen one key called so often in each second; nothing where it was not.
pub fn course(calls: &[u64]) -> Snapshot {
    folded(calls.len() as u64, |second| {
        let hits = calls[second as usize];
        let counts = Counts { hits, bytes_out: hits * 100, ..Counts::default() };
        vec![("key".to_owned(), counts, 100, Ttl::Never)]
    })
}

/// An incident after 90 seconds: a key that has become hot half a minute ago, one that has come after it, one that is going
/// quiet, a cache that never hits, a rare value of 3 MB, and a family of many keys.
pub fn incident() -> Snapshot {
    let read = |hits: u64, size: u64| Counts { hits, bytes_out: hits * size, ..Counts::default() };
    folded(90, |second| {
        let hot = if second < 60 { 900 + second % 7 * 30 } else { 9_000 + (second - 60) * 4_000 };
        let mut keys = vec![
            ("podYYY:rails:NN::feature_rollout:percentages".to_owned(), read(hot, 13_961), 13_961, Ttl::Seconds(30)),
            ("menu:json".to_owned(), read(2 + second % 3, 3_145_728), 3_145_728, Ttl::Seconds(86_400)),
            ("session:quiet".to_owned(), read(if second < 75 { 400 } else { 20 }, 300), 300, Ttl::Never),
        ];
        let product = Counts { misses: 300, sets: 300, ..Counts::default() };
        keys.push(("product:1".to_owned(), product, 0, Ttl::Seconds(0)));
        if second >= 65 {
            keys.push(("podYYY:rails:NN::sale:banner".to_owned(), read(750, 620), 620, Ttl::Seconds(60)));
        }
        keys.extend((0..40).map(|n| {
            let ttl = Ttl::Seconds(60 + 97 * n as u32);
            (
                format!("podXXX::M:blob:Feature:{n}:SHOP"),
                read(100 - n + (second * 7 + n * 13) % 23, 180 + n),
                180 + n,
                ttl,
            )
        }));
        keys
    })
}

/// So many seconds of a value of 3 MB that is read once in four of them, from the first on, among keys that are called in
/// each.
pub fn rare(seconds: u64) -> Snapshot {
    let read = |hits: u64, size: u64| Counts { hits, bytes_out: hits * size, ..Counts::default() };
    folded(seconds, |second| {
        let menu = read(u64::from(second.is_multiple_of(4)), 3_145_728);
        let mut keys = vec![
            ("menu:json".to_owned(), menu, 3_145_728, Ttl::Seconds(86_400)),
            ("config:all".to_owned(), read(4_000, 100), 100, Ttl::Never),
        ];
        keys.extend((0..20).map(|n| (format!("shop:{n}"), read(200 - n, 620), 620, Ttl::Seconds(60))));
        keys
    })
}

/// What a model makes of so many seconds. A key in a second: its counts, size and remaining lifetime.
fn folded(seconds: u64, keys: impl Fn(u64) -> Vec<(String, Counts, u64, Ttl)>) -> Snapshot {
    let header = Header {
        origin: Origin::Live,
        host: "cache-7".to_owned(),
        kernel: "6.1.0-13-amd64".to_owned(),
        started_at: "2026-11-21T21:57:01Z".parse().unwrap(),
        targets: vec![target(4_242, 11_211)],
        redaction: None,
    };
    let mut model = Model::new(&header, Limits::default());
    for second in 0..seconds {
        let mut interval = Interval {
            start: Duration::from_secs(second),
            end: Duration::from_secs(second + 1),
            ..Interval::default()
        };
        let mut records = Vec::new();
        for (key, counts, size, ttl) in keys(second).into_iter().filter(|(_, counts, ..)| counts.calls() > 0) {
            interval.total += &counts;
            let key = Key::new(key.as_bytes());
            records.push(Record {
                key,
                target: 0,
                counts,
                size: Some(size as u32),
                ttl,
                outcomes: Outcomes::default(),
            });
        }
        model.fold(&interval.with(records));
    }
    model.snapshot(false)
}
