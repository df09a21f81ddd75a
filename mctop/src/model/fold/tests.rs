//! Folding: windows, eviction, restarts, and exact sums.

use super::*;
use crate::model::history::WINDOW;
use crate::model::interval::Record;
use crate::model::key::Key;
use crate::model::outcomes::Outcomes;
use crate::model::sample;
use crate::model::sketch::Quotas;
use crate::model::snapshot::{Gap, Row, TargetInfo, Ttl};
use proptest::prelude::*;

pub(in crate::model) fn hits(n: u64) -> Counts {
    Counts { hits: n, bytes_out: 10 * n, ..Counts::default() }
}

pub(in crate::model) fn interval(second: u64, keys: &[(u16, u64)], untracked: u64) -> RecordedInterval {
    let mut total = hits(untracked);
    let records = keys
        .iter()
        .map(|(key, n)| {
            total += &hits(*n);
            Record {
                key: Key::new(&key.to_be_bytes()),
                target: 0,
                counts: hits(*n),
                size: Some(10),
                ttl: Ttl::Seconds(30),
                outcomes: Outcomes::default(),
            }
        })
        .collect();
    let loss = Loss { untracked_calls: untracked, untracked_bytes: 10 * untracked, ..Loss::default() };
    let (start, end) = (Duration::from_secs(second), Duration::from_secs(second + 1));
    Interval { start, end, total, loss, ..Interval::default() }.with(records)
}

pub(in crate::model) fn row(snapshot: &Snapshot, key: u16) -> Option<&Row> {
    snapshot.rows.iter().find(|row| row.key.bytes() == key.to_be_bytes())
}

#[test]
fn the_window_slides() {
    let mut model = Model::new(&Header::default(), Limits::default());
    for second in 0..100 {
        model.fold(&interval(second, &[(1, 2)], 0));
    }
    let snapshot = model.snapshot(false);
    let row = row(&snapshot, 1).unwrap();
    assert_eq!((row.total.calls(), row.recent.calls(), row.last.calls()), (200, 120, 2));
    assert_eq!((snapshot.window, snapshot.duration), (WINDOW, Duration::from_secs(100)));
    assert_eq!(snapshot.recent.calls(), 120);
}

#[test]
fn a_quiet_key_has_no_last_calls_and_its_ttl_runs_down() {
    let mut model = Model::new(&Header::default(), Limits::default());
    model.fold(&interval(0, &[(1, 5)], 0));
    for second in 1..=10 {
        model.fold(&interval(second, &[(2, 1)], 0));
    }
    let snapshot = model.snapshot(false);
    let quiet = row(&snapshot, 1).unwrap();
    assert_eq!((quiet.last.calls(), quiet.total.calls(), quiet.ttl), (0, 5, Ttl::Seconds(20)));
}

#[test]
fn a_newly_hot_key_survives_a_flood_of_cold_ones() {
    let mut model = Model::new(&Header::default(), Limits { keys: 100, history: 10_000 });
    for second in 0..50u64 {
        let mut keys: Vec<(u16, u64)> = (0..90).map(|i| (1_000 + second as u16 * 90 + i, 1)).collect();
        if second >= 40 {
            keys.push((7, 50));
        }
        model.fold(&interval(second, &keys, 0));
        assert!(model.snapshot(false).rows.len() <= 100 && model.ring.bytes() <= 10_000);
    }
    let snapshot = model.snapshot(false);
    assert_eq!(row(&snapshot, 7).unwrap().total.calls(), 500);
    assert!(snapshot.loss.forgotten_keys > 0);
}

#[test]
fn a_restart_is_a_gap_of_the_same_server() {
    let server = |pid| TargetInfo { pid, ..sample::flash_sale().targets[0].clone() };
    let mut model = Model::new(&Header { targets: vec![server(1)], ..Header::default() }, Limits::default());
    let seconds = Duration::from_secs;
    let mut exit = interval(0, &[(7, 5)], 0);
    exit.interval.changes.push(Change::Exited { target: 0, at: seconds(1) });
    model.fold(&exit);
    let gap = Gap { target: 0, exited_pid: Some(1), from: seconds(1), to: None, new_pid: None };
    assert_eq!(model.snapshot(false).gaps, [gap]);
    let mut restart = interval(1, &[], 0);
    restart.interval.changes.push(Change::Attached { target: 0, at: seconds(2), info: server(2) });
    restart.interval.changes.push(Change::Attached { target: 1, at: seconds(2), info: server(3) });
    model.fold(&restart);
    model.fold(&interval(2, &[(7, 5)], 0));
    let snapshot = model.snapshot(false);
    let end = Gap { to: Some(seconds(2)), new_pid: Some(2), ..gap };
    let late = Gap { target: 1, exited_pid: None, from: Duration::ZERO, to: Some(seconds(2)), new_pid: Some(3) };
    assert_eq!(snapshot.gaps, [end, late]);
    assert_eq!(snapshot.targets.iter().map(|target| target.pid).collect::<Vec<_>>(), [2, 3]);
    assert_eq!(row(&snapshot, 7).unwrap().total.calls(), 10);
    assert_eq!(snapshot.target_totals.iter().map(Counts::calls).collect::<Vec<_>>(), [10, 0]);
}

#[test]
fn a_row_has_the_error_of_its_counts() {
    let mut model = Model::new(&Header::default(), Limits { keys: 8, history: 10_000 });
    model.fold(&interval(0, &[(1, 30), (2, 2), (3, 2), (4, 2), (5, 2), (6, 2), (7, 2), (8, 2)], 0));
    let first = model.snapshot(false);
    assert_eq!((first.rows.len(), first.loss), (8, Loss::default()));
    assert!(first.rows.iter().all(|row| (row.calls_error, row.bytes_error) == (0, 0)));
    // A ninth key evicts one of those with 2.
    model.fold(&interval(1, &[(9, 20)], 0));
    let second = model.snapshot(false);
    let newcomer = row(&second, 9).unwrap();
    assert_eq!((newcomer.total.calls(), newcomer.calls_error), (20, 0));
    assert_eq!((second.loss.untracked_calls, second.loss.untracked_bytes, second.loss.forgotten_keys), (2, 20, 1));
    // The evicted key may be the one that comes next.
    model.fold(&interval(2, &[(10, 21)], 0));
    let third = model.snapshot(false);
    let newcomer = row(&third, 10).unwrap();
    assert_eq!((newcomer.total.calls(), newcomer.calls_error, newcomer.bytes_error), (21, 2, 20));
    assert_eq!((row(&third, 1).unwrap().calls_error, row(&third, 1).unwrap().total.calls()), (0, 30));
    // Earlier snapshots are unchanged.
    assert!(row(&first, 9).is_none() && row(&second, 10).is_none());
}

#[test]
fn the_same_key_on_two_servers_is_two_rows() {
    let mut model = Model::new(&Header::default(), Limits::default());
    let mut both = interval(0, &[(1, 2), (1, 3)], 0);
    both.records[1].target = 1;
    model.fold(&both);
    let mut totals: Vec<_> = model.snapshot(false).rows.iter().map(|row| (row.target, row.total.calls())).collect();
    totals.sort_unstable();
    assert_eq!(totals, [(0, 2), (1, 3)]);
}

/// Counts of each key in each interval: few keys that come and go, with very different counts.
fn streams() -> impl Strategy<Value = Vec<std::collections::BTreeMap<u16, u64>>> {
    let weight = prop_oneof![8 => 1u64..4, 2 => 1u64..100, 1 => 1u64..5_000];
    proptest::collection::vec(proptest::collection::btree_map(0u16..120, weight, 0..60), 1..100)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn what_is_missing_is_bounded(intervals in streams(), keys in 4usize..40, sizes in any::<u64>()) {
        let mut model = Model::new(&Header::default(), Limits { keys, history: 10_000 });
        let mut truth = std::collections::BTreeMap::<Vec<u8>, Counts>::new();
        let mut sum = Counts::default();
        for (second, records) in intervals.iter().enumerate() {
            let records: Vec<_> = records.iter().map(|(key, n)| (*key, *n)).collect();
            let mut interval = interval(second as u64, &records, 0);
            interval.interval.total = Counts::default();
            for (index, record) in interval.records.iter_mut().enumerate() {
                // Keys are ordered differently by bytes than by calls.
                record.counts.bytes_out = record.counts.hits * (1 << (sizes.rotate_left(index as u32) % 12));
                interval.interval.total += &record.counts;
                *truth.entry(record.key.bytes().to_vec()).or_default() += &record.counts;
            }
            sum += &interval.interval.total;
            model.fold(&interval);
            let snapshot = model.snapshot(false);
            let quotas = Quotas::of(keys);
            for row in &snapshot.rows {
                let truth = &truth[row.key.bytes()];
                prop_assert!(row.total.calls() <= truth.calls() && row.total.bytes() <= truth.bytes());
                prop_assert!(truth.calls() <= row.total.calls() + row.calls_error);
                prop_assert!(truth.bytes() <= row.total.bytes() + row.bytes_error);
                prop_assert!(row.calls_error * quotas.calls as u64 <= sum.calls());
                prop_assert!(row.bytes_error * quotas.bytes as u64 <= sum.bytes());
            }
        }
    }
}

proptest! {
    #[test]
    fn totals_are_rows_plus_untracked(
        intervals in proptest::collection::vec((proptest::collection::btree_map(0u16..40, 1u64..100, 0..30), 0u64..5), 1..90),
        keys in 4usize..50,
        history in 1usize..20_000,
    ) {
        let mut model = Model::new(&Header::default(), Limits { keys, history });
        for (second, (records, untracked)) in intervals.iter().enumerate() {
            let records: Vec<_> = records.iter().map(|(key, n)| (*key, *n)).collect();
            model.fold(&interval(second as u64, &records, *untracked));
            let snapshot = model.snapshot(false);
            let mut sum = Counts::default();
            let mut last = Counts::default();
            for row in &snapshot.rows {
                sum += &row.total;
                last += &row.last;
                prop_assert!(row.recent.calls() <= row.total.calls());
            }
            prop_assert_eq!(sum.calls() + snapshot.loss.untracked_calls, snapshot.total.calls());
            prop_assert_eq!(sum.bytes() + snapshot.loss.untracked_bytes, snapshot.total.bytes());
            prop_assert!(last.calls() <= snapshot.last.calls());
            prop_assert!(snapshot.window <= WINDOW);
        }
    }
}

/// Any record.
fn record() -> impl Strategy<Value = Record> {
    let count = || prop_oneof![3 => Just(0u64), 1 => 1u64..9];
    let ttl = prop_oneof![Just(Ttl::Unknown), Just(Ttl::Never), (0u32..200).prop_map(Ttl::Seconds)];
    let counts = proptest::array::uniform(count());
    let item = (proptest::option::of(0u32..100), ttl, proptest::array::uniform(count()));
    (0u8..9, counts, item).prop_map(|(key, counts, (size, ttl, outcomes))| Record {
        key: Key::new(&[key]),
        target: u32::from(key % 2),
        counts: Counts::from_values(counts),
        size,
        ttl,
        outcomes: Outcomes::from_values(outcomes),
    })
}

/// The expected row for all records of a key.
fn expected(records: &[(u64, &Record)], last: u64) -> Row {
    let (first, record) = records[0];
    let mut row = Row::new(record.key.clone(), record.target);
    row.first_seen = Duration::from_secs(first);
    for (second, record) in records {
        row.total += &record.counts;
        row.outcomes += &record.outcomes;
        row.last_seen = Duration::from_secs(second + 1);
        if second + WINDOW.as_secs() > last {
            row.recent += &record.counts;
        }
        if *second == last {
            row.last = record.counts;
        }
        if let Some(size) = record.size {
            row.size = Some(size);
            row.size_min = Some(row.size_min.map_or(size, |least| least.min(size)));
            row.size_max = row.size_max.max(Some(size));
            row.ttl = match record.ttl {
                Ttl::Seconds(seconds) => Ttl::Seconds(seconds.saturating_sub((last - second) as u32)),
                other => other,
            };
        }
    }
    row
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn rows_are_what_was_recorded(
        intervals in proptest::collection::vec(proptest::collection::vec(record(), 0..6), 1..80),
        looks in proptest::collection::vec(any::<bool>(), 80),
    ) {
        let mut model = Model::new(&Header::default(), Limits { keys: 20, history: 1 << 20 });
        let mut recorded: std::collections::BTreeMap<Key, Vec<(u64, &Record)>> = Default::default();
        let mut kept_snapshots = Vec::new();
        for (second, records) in (0..).zip(&intervals) {
            let mut known = std::collections::BTreeSet::new();
            let records: Vec<&Record> = records.iter().filter(|record| known.insert(record.key.clone())).collect();
            for record in &records {
                recorded.entry(record.key.clone()).or_default().push((second, record));
            }
            let mut interval = interval(second, &[], 0);
            interval.records = records.into_iter().cloned().collect();
            model.fold(&interval);
            // Keep some snapshots, to see that they do not change.
            if looks[second as usize] {
                let snapshot = model.snapshot(false);
                let mut rows: Vec<Row> = snapshot.rows.iter().cloned().collect();
                rows.sort_by(|a, b| a.key.cmp(&b.key));
                let mut expected: Vec<Row> = recorded.values().map(|records| expected(records, second)).collect();
                for (row, expected) in rows.iter().zip(&mut expected) {
                    expected.id = row.id;
                }
                prop_assert_eq!(&rows, &expected);
                if kept_snapshots.len() < 3 {
                    kept_snapshots.push((snapshot, rows));
                }
            }
        }
        for (snapshot, rows) in kept_snapshots {
            let mut later: Vec<Row> = snapshot.rows.iter().cloned().collect();
            later.sort_by(|a, b| a.key.cmp(&b.key));
            prop_assert_eq!(later, rows, "a snapshot changed");
        }
    }
}
