//! `totals = Σ keys + others + untracked` in every interval and over the whole file, and a replay gives the live snapshots.

use proptest::prelude::*;

use super::{header, intervals, read, small};
use crate::capture::format::EndedBy;
use crate::capture::top_keys::keep_top_keys;
use crate::capture::writer::{Writer, WriterSettings};
use crate::model::capture_meta::Ending;
use crate::model::counts::Counts;
use crate::model::fold::{Limits, Model};
use crate::model::interval::{Interval, Record, RecordedInterval};
use crate::model::key::Key;
use crate::model::snapshot::{Row, Snapshot};

fn written(intervals: &[RecordedInterval], keys: usize) -> Vec<u8> {
    let settings = WriterSettings { keys, ..WriterSettings::default() };
    let mut writer = Writer::new(Vec::new(), &header(), &settings).unwrap();
    intervals.iter().for_each(|interval| writer.write_interval(interval).unwrap());
    writer.finish(EndedBy::Duration).unwrap()
}

fn snapshots(intervals: &[RecordedInterval]) -> Vec<Snapshot> {
    let mut model = Model::new(&header(), Limits::default());
    let mut each = |interval| {
        model.fold(interval);
        let mut snapshot = model.snapshot(false);
        snapshot.rows.sort_by(|a, b| (a.target, &a.key).cmp(&(b.target, &b.key)));
        snapshot
    };
    intervals.iter().map(&mut each).collect()
}

fn sum<'a>(counts: impl Iterator<Item = &'a Counts>) -> Counts {
    let mut sum = Counts::default();
    counts.for_each(|counts| sum += counts);
    sum
}

fn holds(snapshot: &Snapshot) -> bool {
    let rows = sum(snapshot.rows.iter().map(|row| &row.total));
    let calls = rows.calls() + snapshot.others.calls() + snapshot.loss.untracked_calls;
    let bytes = rows.bytes() + snapshot.others.bytes() + snapshot.loss.untracked_bytes;
    (calls, bytes) == (snapshot.total.calls(), snapshot.total.bytes())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn sums_hold_for_any_number_of_keys(intervals in intervals(), keys in 0usize..8) {
        let (read, end) = read(&written(&intervals, keys));
        prop_assert_eq!(end, Ok(Ending::Finished));
        for (all, kept) in intervals.iter().zip(&read) {
            prop_assert_eq!(kept.unexplained(), (0, 0));
            prop_assert!(kept.records.len() <= keys);
            prop_assert_eq!(kept.records.len() as u64 + kept.interval.others.keys, all.records.len() as u64);
            let mut sum = kept.interval.others.counts;
            kept.records.iter().for_each(|record| sum += &record.counts);
            let mut expected = Counts::default();
            all.records.iter().for_each(|record| expected += &record.counts);
            prop_assert_eq!(sum, expected, "every count, not only calls and bytes");
        }
        prop_assert!(snapshots(&read).iter().all(holds));
    }

    /// Intervals are reduced while they wait for a trigger, and again if they do not fit into a line.
    #[test]
    fn reducing_twice_keeps_all_counts(intervals in intervals(), first in 0usize..6, second in 0usize..6) {
        for interval in &intervals {
            let (twice, once) = (keep_top_keys(&keep_top_keys(interval, first), second), keep_top_keys(interval, first.min(second)));
            prop_assert_eq!((twice.interval.others, twice.unexplained()), (once.interval.others, (0, 0)));
        }
    }

    #[test]
    fn a_replay_gives_the_live_snapshots(intervals in intervals()) {
        let (read, _) = read(&written(&intervals, usize::MAX));
        for (live, replayed) in snapshots(&intervals).iter().zip(&snapshots(&read)) {
            prop_assert_eq!(format!("{live:?}"), format!("{replayed:?}"));
        }
    }
}

#[test]
fn the_largest_shares_of_calls_or_bytes_are_kept() {
    let key = |name: &str, hits: u64, size: u64| Record {
        key: Key::new(name.as_bytes()),
        target: 0,
        counts: Counts { hits, bytes_out: hits * size, ..Counts::default() },
        ..small()[0].records[0].clone()
    };
    let mut records: Vec<Record> = (0..100).map(|n| key(&format!("tail:{n:03}"), 10, 10)).collect();
    records.insert(50, key("menu:json", 1, 3_000_000));
    records.insert(70, key("hot", 5_000, 10));
    let total = sum(records.iter().map(|record| &record.counts));
    let interval = Interval { total, ..small().remove(0).interval }.with(records);
    let (read, _) = read(&written(std::slice::from_ref(&interval), 3));
    let kept: Vec<&[u8]> = read[0].records.iter().map(|record| record.key.bytes()).collect();
    assert!(kept.contains(&b"menu:json".as_slice()) && kept.contains(&b"hot".as_slice()), "{kept:?}");
    assert!(kept.contains(&b"tail:000".as_slice()), "ties are broken by key: {kept:?}");
    assert_eq!((read[0].interval.others.keys, read[0].interval.others.counts.hits), (99, 990));
    let snapshot = snapshots(&read).remove(0);
    let shown: Vec<&Row> = snapshot.rows.iter().collect();
    assert_eq!((shown.len(), snapshot.others.hits, snapshot.loss.any()), (3, 990, false));
}
