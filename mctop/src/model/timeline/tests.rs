use super::*;
use crate::model::interval::Record;
use crate::model::outcomes::Outcomes;
use crate::model::snapshot::Ttl;

/// A one-second interval with the given number of hits of 10 bytes for each key.
fn interval(second: u64, keys: &[(&str, u64)]) -> RecordedInterval {
    let mut total = Counts::default();
    let records = keys.iter().map(|(key, hits)| {
        let counts = Counts { hits: *hits, bytes_out: 10 * hits, ..Counts::default() };
        total += &counts;
        Record {
            key: Key::new(key.as_bytes()),
            target: 0,
            counts,
            size: Some(10),
            ttl: Ttl::Never,
            outcomes: Outcomes::default(),
        }
    });
    let records = records.collect();
    let time = Duration::from_secs;
    Interval { start: time(second), end: time(second + 1), total, ..Interval::default() }.with(records)
}

fn timeline(intervals: impl Iterator<Item = RecordedInterval>) -> Timeline {
    let mut timeline = Timeline::default();
    intervals.for_each(|interval| timeline.fold(&interval));
    timeline
}

#[test]
fn sums_hold_for_any_length() {
    for length in [1, 2, 239, 240, 241, 480, 481, 1_000, 5_003] {
        let timeline = timeline((0..length).map(|second| interval(second, &[("hot", second), ("cold", 1)])));
        let buckets = timeline.buckets();
        assert!(buckets.len() <= BUCKETS_MAX && buckets.len() as u64 >= length.min(BUCKETS_MAX as u64 / 2));
        assert_eq!(buckets.iter().map(|bucket| bucket.total.hits).sum::<u64>(), length * (length - 1) / 2 + length);
        assert!(buckets.windows(2).all(|pair| pair[0].end == pair[1].start));
        assert_eq!(buckets.last().unwrap().end, Duration::from_secs(length));
        let cold = timeline.track(&Key::new(b"cold")).unwrap();
        assert_eq!(cold.calls(buckets.len()).map(Option::unwrap).sum::<u64>(), length);
        assert_eq!(cold.bytes(buckets.len()).map(Option::unwrap).sum::<u64>(), 10 * length);
        assert_eq!(timeline.calls_peak(), Peak { per_second: length as f64, at: Duration::from_secs(length - 1) });
    }
}

#[test]
fn a_key_is_known_from_when_it_was_large() {
    let names: Vec<String> = (0..100).map(|n| format!("key:{n:02}")).collect();
    let intervals = (0..60).map(|second| {
        let mut keys: Vec<(&str, u64)> = names.iter().map(|name| (name.as_str(), 100)).collect();
        keys.push(("late", if second < 30 { 1 } else { 1_000 + second }));
        interval(second, &keys)
    });
    let timeline = timeline(intervals);
    let late = Key::new(b"late");
    let calls: Vec<Option<u64>> = timeline.track(&late).unwrap().calls(60).collect();
    assert!(calls[..30].iter().all(Option::is_none) && calls[30] == Some(1_030) && calls[59] == Some(1_059));
    assert_eq!(timeline.since(&late), Some(Duration::from_secs(30)));
    assert_eq!(timeline.track(&late).unwrap().calls_peak().at, Duration::from_secs(59));
    assert_eq!(timeline.track(&Key::new(b"key:99x")), None);
}

#[test]
fn since_when_is_half_the_highest_rate() {
    let rates = [10, 20, 100, 160, 200, 150];
    let timeline = timeline((0..).zip(rates).map(|(second, rate)| interval(second, &[("key", rate)])));
    assert_eq!(timeline.since(&Key::new(b"key")), Some(Duration::from_secs(2)));
}

#[test]
fn a_flood_of_keys_uses_bounded_memory_and_hides_no_key() {
    let intervals = (0..2_000).map(|second| {
        let names: Vec<String> = (0..20).map(|n| format!("key:{second}:{n}")).collect();
        let mut keys: Vec<(&str, u64)> = names.iter().map(|name| (name.as_str(), 10)).collect();
        keys.push(("hot", 50));
        interval(second, &keys)
    });
    let timeline = timeline(intervals);
    assert!(timeline.tracks.len() <= 256 + 16);
    let hot = timeline.track(&Key::new(b"hot")).unwrap();
    assert_eq!(hot.calls(timeline.buckets().len()).map(Option::unwrap).sum::<u64>(), 100_000);
}
