//! The history of keys over intervals of any length, evictions, gaps, and merging.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::model::counts::Counts;
use crate::model::fold::tests::{interval, row};
use crate::model::fold::{Limits, Model};
use crate::model::header::Header;
use crate::model::interval::{Change, Interval};
use crate::model::sample;
use crate::model::snapshot::TargetInfo;

const MINUTE: Duration = Duration::from_secs(60);

fn seconds(number: f64) -> Duration {
    Duration::from_secs_f64(number)
}

/// An interval of any length.
fn at(start: f64, end: f64, keys: &[(u16, u64)]) -> Interval {
    Interval { start: seconds(start), end: seconds(end), ..interval(0, keys, 0) }
}

fn watched() -> Header {
    Header { targets: vec![sample::target(1, 11_211)], ..Header::default() }
}

#[test]
fn rates_do_not_depend_on_the_length_of_intervals() {
    let mut model = Model::new(&watched(), Limits::default());
    // 10 a second throughout, in intervals of 0.25 s, 1 s and 4 s; key 2 in the last 4 s only.
    let mut now = 0.0;
    for length in [0.25, 1.0, 4.0, 0.5, 2.0, 4.0] {
        let mut keys = vec![(1, (length * 100.0) as u64)];
        if now == 7.75 {
            keys.push((2, 80));
        }
        model.fold(&at(now, now + length, &keys));
        now += length;
    }
    let snapshot = model.snapshot(false);
    let steady = snapshot.history.of(row(&snapshot, 1).unwrap());
    assert_eq!(steady.points().len(), 6);
    let rates = steady.rates(seconds(11.75), 47, Counts::calls);
    assert!(rates.iter().all(|rate| (rate.unwrap() - 100.0).abs() < 1e-6), "{rates:?}");
    let late = snapshot.history.of(row(&snapshot, 2).unwrap());
    // If no key was ever dropped, a new key was not called before.
    let rates = late.rates(seconds(11.75), 47, Counts::calls);
    assert!(rates[..31].iter().all(|rate| *rate == Some(0.0)), "{rates:?}");
    assert!(rates[31..].iter().all(|rate| (rate.unwrap() - 20.0).abs() < 1e-6), "{rates:?}");
    // Nothing is known of the time before the start.
    let minute = steady.rates(MINUTE, 60, Counts::calls);
    assert_eq!(minute.iter().filter(|rate| rate.is_some()).count(), 12);
    assert!(minute[..48].iter().all(Option::is_none));
    assert!((snapshot.history.totals().rates(MINUTE, 60, Counts::bytes)[59].unwrap() - 1_200.0).abs() < 1e-6);
}

#[test]
fn what_is_older_than_the_window_is_kept_in_steps() {
    let mut model = Model::new(&watched(), Limits::default());
    for second in 0..700_u64 {
        model.fold(&interval(second, &[(1, second), (2, 1)], 0));
    }
    let snapshot = model.snapshot(false);
    let points = snapshot.history.of(row(&snapshot, 1).unwrap()).points().to_vec();
    let steps = points.iter().take_while(|point| point.end - point.start == COARSE).count();
    assert_eq!(points.last().unwrap().end, Duration::from_secs(700));
    assert!(steps >= 53 && points[steps..].len() >= 60 && points[steps..].len() < 70, "{steps} of {}", points.len());
    for (point, next) in points.iter().zip(&points[1..]) {
        assert_eq!(point.end, next.start);
    }
    for point in &points {
        assert_eq!(point.counts.calls(), (point.start.as_secs()..point.end.as_secs()).sum::<u64>());
        assert_eq!(point.size, Some(10));
    }
    assert!(points[0].start >= Duration::from_secs(100) && points[0].start <= Duration::from_secs(110));
}

#[test]
fn a_forgotten_key_has_no_past_and_lends_none() {
    // Eight keys at most; a flood of others after a few seconds, then key 1 again.
    let mut model = Model::new(&watched(), Limits { keys: 8, history: 100_000 });
    for second in 0..5 {
        model.fold(&interval(second, &[(1, 5)], 0));
    }
    for second in 5..80 {
        let flood: Vec<_> = (0..8).map(|key| (100 * second as u16 + key, 1_000)).collect();
        model.fold(&interval(second, &flood, 0));
    }
    assert!(row(&model.snapshot(false), 1).is_none());
    for second in 80..84 {
        model.fold(&interval(second, &[(1, 1_000_000)], 0));
    }
    let snapshot = model.snapshot(false);
    let back = row(&snapshot, 1).unwrap();
    assert!(back.calls_error >= 25, "{}", back.calls_error);
    assert_eq!((back.first_seen, back.last_seen), (Duration::from_secs(80), Duration::from_secs(84)));
    let points = snapshot.history.of(back).points().to_vec();
    assert_eq!(points.len(), 4);
    assert!(points.iter().all(|point| point.counts.calls() == 1_000_000));
    for other in snapshot.rows.iter().filter(|row| row.id != back.id) {
        let sum: u64 = snapshot.history.of(other).points().iter().map(|point| point.counts.calls()).sum();
        assert!(sum <= other.total.calls());
    }
}

#[test]
fn nothing_is_known_of_a_gap() {
    let mut model = Model::new(&watched(), Limits::default());
    let server = |pid| TargetInfo { pid, ..sample::target(1, 11_211) };
    for second in 0..10 {
        let mut interval = interval(second, &[(1, if (3..7).contains(&second) { 0 } else { 10 })], 0);
        if second == 2 {
            interval.changes.push(Change::Exited { target: 0, at: seconds(2.5) });
        }
        if second == 6 {
            interval.changes.push(Change::Attached { target: 0, at: seconds(7.0), info: server(2) });
        }
        model.fold(&interval);
    }
    let snapshot = model.snapshot(false);
    let series = snapshot.history.of(row(&snapshot, 1).unwrap());
    let (none, ten) = (None, Some(10.0));
    let expected = [ten, ten, Some(20.0), none, none, none, none, ten, ten, ten];
    assert_eq!(series.rates(seconds(10.0), 10, Counts::calls), expected);
    assert_eq!(snapshot.history.totals().rates(seconds(10.0), 10, Counts::calls), expected);
}

#[test]
fn sizes_have_a_median() {
    let mut model = Model::new(&watched(), Limits::default());
    for (second, size) in [5, 900, 10, 20, 7].into_iter().enumerate() {
        let mut interval = interval(second as u64, &[(1, 1)], 0);
        interval.records[0].size = Some(size);
        model.fold(&interval);
    }
    let snapshot = model.snapshot(false);
    let row = row(&snapshot, 1).unwrap();
    assert_eq!((row.size_min, row.size_max, row.size), (Some(5), Some(900), Some(7)));
    assert_eq!(snapshot.history.of(row).median_size(), Some(10));
    assert_eq!(snapshot.history.totals().median_size(), None);
}

#[test]
fn rows_made_by_hand_have_no_history() {
    let snapshot = sample::flash_sale();
    assert_eq!(snapshot.history.of(&snapshot.rows[0]), Series::default());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn series_are_what_was_counted(
        intervals in proptest::collection::vec((1u64..9_000, proptest::collection::btree_map(0u16..30, 1u64..100, 0..20)), 1..120),
        keys in 4usize..40,
        limit in 500usize..40_000,
    ) {
        let mut model = Model::new(&watched(), Limits { keys, history: limit });
        let mut now = Duration::ZERO;
        let mut all = Vec::new();
        for (millis, records) in &intervals {
            let records: Vec<_> = records.iter().map(|(key, n)| (*key, *n)).collect();
            let end = now + Duration::from_millis(*millis);
            let folded = Interval { start: now, end, ..interval(0, &records, 3) };
            model.fold(&folded);
            all.push(folded);
            now = end;
            // Look regularly, and always after the last interval.
            if all.len() % 7 != intervals.len() % 7 {
                continue;
            }
            let snapshot = model.snapshot(false);
            for row in &snapshot.rows {
                let series = snapshot.history.of(row);
                let mut recent = Counts::default();
                for point in series.points() {
                    let mut truth = Counts::default();
                    let inside = all.iter().filter(|interval| interval.start >= point.start && interval.end <= point.end);
                    for record in inside.flat_map(|interval| &interval.records) {
                        if record.key == row.key {
                            truth += &record.counts;
                        }
                    }
                    // A slice in which the key was evicted is not a point of it.
                    prop_assert_eq!(point.counts, truth);
                    if point.start >= now.saturating_sub(snapshot.window) {
                        recent += &point.counts;
                    }
                }
                prop_assert_eq!(recent, row.recent);
            }
            let untracked = snapshot.history.totals().points().iter().map(|point| point.counts.calls()).sum::<u64>();
            prop_assert!(untracked <= snapshot.total.calls());
            prop_assert_eq!(
                snapshot.recent.calls(),
                snapshot.history.totals().points().iter()
                    .filter(|point| point.start >= now.saturating_sub(snapshot.window))
                    .map(|point| point.counts.calls()).sum::<u64>()
            );
        }
    }

    #[test]
    fn rates_sum_to_counts(lengths in proptest::collection::vec(1u64..5_000, 1..40), parts in 1usize..200) {
        let mut model = Model::new(&watched(), Limits::default());
        let mut now = Duration::ZERO;
        for millis in &lengths {
            let end = now + Duration::from_millis(*millis);
            model.fold(&Interval { start: now, end, ..interval(0, &[(1, *millis)], 0) });
            now = end;
        }
        let snapshot = model.snapshot(false);
        let rates = snapshot.history.of(row(&snapshot, 1).unwrap()).rates(now, parts, Counts::calls);
        let sum: f64 = rates.iter().map(|rate| rate.unwrap() * now.as_secs_f64() / parts as f64).sum();
        prop_assert!((sum - snapshot.total.calls() as f64).abs() < 1e-6 * sum);
    }
}
