//! Intervals in which nothing is watched, to keep within a budget: what happens in them is taken to be what was counted in the
//! last one that was watched, in proportion to the CPU time that the servers took, which costs nothing to know.

use std::time::Duration;

use super::drain::Sum;
use crate::model::counts::Counts;
use crate::model::interval::{Interval, Record};
use crate::model::key_sample::{KeySample, KeySamples, RecordSamples, Retention, SampleConsumer};
use crate::model::outcomes::Outcomes;
use crate::model::snapshot::{Loss, Ttl};

/// What others are concluded from: an interval that was watched.
pub(super) struct Basis {
    length: Duration,
    keys: WatchedKeys,
    untracked: Sum,
    /// Intervals still to come that are not watched.
    pub left: u32,
    /// Whether they make up for those of a rest that was cut short.
    pub is_paying: bool,
    /// CPU time of the servers for each second while they were watched, without what the probes are taken to have had of it.
    load: f64,
    /// The same of the first that was not.
    load_at_rest: Option<f64>,
}

/// Below so much CPU time a second, no change of it means anything.
const LOAD_MIN: f64 = 0.02;
/// So many times the load is another one.
const LOAD_CHANGE: f64 = 2.0;
/// The same against what it was with probes, whose own part is an estimate.
const LOAD_CHANGE_AT_FIRST: f64 = 4.0;

impl Basis {
    /// An interval and its keys, what of it is under no key, and how many that are not watched follow it.
    #[must_use]
    pub(super) fn new(interval: &Interval, keys: WatchedKeys, untracked: Sum, left: u32) -> Self {
        let length = interval.length();
        let load = interval.cost.map(|cost| per_second(cost.servers.saturating_sub(cost.probes), length));
        Self { length, keys, untracked, left, is_paying: false, load: load.unwrap_or_default(), load_at_rest: None }
    }

    /// Drops what is known of a server that has exited.
    pub(super) fn forget(&mut self, target: u32) {
        let WatchedKeys { hashes, records } = &mut self.keys;
        let mut is_kept = records.iter().map(|record| record.target != target);
        hashes.retain(|_| is_kept.next().unwrap_or_default());
        records.retain(|record| record.target != target);
    }

    /// Takes the CPU time that the servers took in a stretch of time in which nothing was watched. Returns whether that is so much
    /// less, or more, than before that what was counted then means nothing any more.
    pub(super) fn is_outdated_by(&mut self, servers: Duration, time: Duration) -> bool {
        let now = per_second(servers, time);
        match self.load_at_rest {
            // A server that could not do more with its probes may take more without.
            None => {
                self.load_at_rest = Some(now);
                self.load > LOAD_MIN && now * LOAD_CHANGE_AT_FIRST < self.load
            }
            Some(first) => {
                let (less, more) = if now < first { (now, first) } else { (first, now) };
                more > LOAD_MIN && less * LOAD_CHANGE < more
            }
        }
    }

    /// What is concluded of a stretch of time, in which the `servers` took so much CPU time, if that is known. A server that could
    /// not do more with its probes does more without; one that has less to do takes less.
    #[must_use]
    pub(super) fn extrapolated(
        &self,
        start: Duration,
        end: Duration,
        servers: Option<Duration>,
    ) -> (Interval, WatchedKeys) {
        let time = end.saturating_sub(start);
        let load = servers.filter(|_| self.load > LOAD_MIN).map(|servers| per_second(servers, time) / self.load);
        let mut scale = Scale::new(time.mul_f64(load.unwrap_or(1.0).min(LOAD_FACTOR_MAX)), self.length);
        let mut interval = Interval { start, end, extrapolated: true, ..Interval::default() };
        let (untracked, outcomes) = (scale.counts(&self.untracked.counts), scale.outcomes(&self.untracked.outcomes));
        interval.total += &untracked;
        interval.outcomes += &outcomes;
        interval.loss =
            Loss { untracked_calls: untracked.calls(), untracked_bytes: untracked.bytes(), ..Loss::default() };
        let mut keys = WatchedKeys::default();
        for (hash, record) in self.keys.hashes.iter().zip(&self.keys.records) {
            let (counts, outcomes) = (scale.counts(&record.counts), scale.outcomes(&record.outcomes));
            if counts == Counts::default() && !outcomes.any() {
                continue;
            }
            interval.total += &counts;
            interval.outcomes += &outcomes;
            let (key, target) = (record.key.clone(), record.target);
            // No item was seen now.
            keys.hashes.push(*hash);
            keys.records.push(Record { key, target, counts, size: None, ttl: Ttl::Unknown, outcomes });
        }
        (interval, keys)
    }
}

/// The key samples of an interval, for later.
#[derive(Default)]
pub(super) struct WatchedKeys {
    hashes: Vec<u64>,
    records: Vec<Record>,
}

impl WatchedKeys {
    /// The samples again.
    #[must_use]
    pub(super) fn samples(&self) -> RecordSamples<'_> {
        RecordSamples::with_hashes(&self.records, &self.hashes)
    }
}

/// Copies samples on their way to a consumer.
pub(super) struct CopyingConsumer<'a> {
    /// Takes the copies.
    pub keys: &'a mut WatchedKeys,
    /// Where the samples go.
    pub consumer: &'a mut dyn SampleConsumer,
}

impl SampleConsumer for CopyingConsumer<'_> {
    fn consume(&mut self, start: Duration, end: Duration, samples: &mut dyn KeySamples) {
        self.consumer.consume(start, end, &mut CopiedSamples { samples, keys: self.keys });
    }
}

struct CopiedSamples<'a> {
    samples: &'a mut dyn KeySamples,
    keys: &'a mut WatchedKeys,
}

impl KeySamples for CopiedSamples<'_> {
    fn capacity(&self) -> usize {
        self.samples.capacity()
    }

    fn for_each(&mut self, each: &mut dyn FnMut(&KeySample<'_>) -> Retention) {
        self.samples.for_each(&mut |sample| {
            self.keys.hashes.push(sample.hash);
            self.keys.records.push(Record::from(sample));
            each(sample)
        });
    }

    fn with_kept(&self, handle: u32, with: &mut dyn FnMut(&KeySample<'_>)) {
        self.samples.with_kept(handle, with);
    }
}

/// CPU time for each second of a stretch of time.
fn per_second(servers: Duration, time: Duration) -> f64 {
    if time.is_zero() { 0.0 } else { servers.as_secs_f64() / time.as_secs_f64() }
}

/// A load that is more than so many times another is not concluded from it.
const LOAD_FACTOR_MAX: f64 = 4.0;

/// How many counts there are that are independent of each other.
const PARTS: usize = 14;

/// Multiplies counts. What rounding takes from one key the next one gets, so that sums are right and the keys' shares, too.
struct Scale {
    factor: f64,
    carried: [f64; PARTS],
}

impl Scale {
    fn new(length: Duration, of: Duration) -> Self {
        let factor = if of.is_zero() { 0.0 } else { length.as_secs_f64() / of.as_secs_f64() };
        Self { factor, carried: [0.5; PARTS] }
    }

    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an estimate, of counts below 2^53"
    )]
    fn part(&mut self, part: usize, count: u64) -> u64 {
        if count == 0 {
            return 0;
        }
        let Some(carried) = self.carried.get_mut(part) else { return 0 };
        let exact = (count as f64).mul_add(self.factor, *carried);
        *carried = exact.fract();
        exact as u64
    }

    /// Disjoint parts are multiplied, so that none exceeds what it is a part of.
    fn counts(&mut self, counts: &Counts) -> Counts {
        let expired = self.part(0, counts.expired);
        let flushed = self.part(1, counts.flushed);
        let never = counts.misses.saturating_sub(counts.expired).saturating_sub(counts.flushed);
        let delete_hits = self.part(2, counts.delete_hits);
        let other_hits = self.part(3, counts.other_hits);
        Counts {
            hits: self.part(4, counts.hits),
            misses: self.part(5, never) + expired + flushed,
            expired,
            flushed,
            sets: self.part(6, counts.sets),
            deletes: self.part(7, counts.deletes.saturating_sub(counts.delete_hits)) + delete_hits,
            delete_hits,
            other: self.part(8, counts.other.saturating_sub(counts.other_hits)) + other_hits,
            other_hits,
            bytes_out: self.part(9, counts.bytes_out),
            bytes_in: self.part(10, counts.bytes_in),
        }
    }

    fn outcomes(&mut self, outcomes: &Outcomes) -> Outcomes {
        Outcomes {
            not_stored: self.part(11, outcomes.not_stored),
            exists: self.part(12, outcomes.exists),
            evicted: self.part(13, outcomes.evicted),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::cost::Cost;
    use crate::model::key::Key;

    const SECOND: Duration = Duration::from_secs(1);

    fn basis(keys: u64) -> Basis {
        let interval = Interval { end: SECOND, ..Interval::default() };
        let mut watched = WatchedKeys::default();
        for number in 0..keys {
            let misses = number % 5;
            let counts = Counts { hits: 1 + 1_000 / (number + 1), misses, expired: misses / 2, ..Counts::default() };
            let counts = Counts { bytes_out: counts.hits * 100, deletes: 1, delete_hits: number % 2, ..counts };
            let outcomes = Outcomes { evicted: number % 3, ..Outcomes::default() };
            let key = Key::new(format!("key{number}").as_bytes());
            let (size, ttl) = (Some(100), Ttl::Never);
            watched.hashes.push(number);
            watched.records.push(Record { key, target: (number % 2) as u32, counts, size, ttl, outcomes });
        }
        Basis::new(&interval, watched, Sum { counts: Counts { hits: 7, ..Counts::default() }, ..Sum::default() }, 1)
    }

    #[test]
    fn the_same_length_gives_the_same_counts() {
        let basis = basis(100);
        let (interval, keys) = basis.extrapolated(5 * SECOND, 6 * SECOND, None);
        assert!(interval.extrapolated);
        assert_eq!(interval.loss.untracked_calls, 7);
        let counts =
            |records: &[Record]| records.iter().map(|record| (record.counts, record.outcomes)).collect::<Vec<_>>();
        assert_eq!(counts(&keys.records), counts(&basis.keys.records));
        assert_eq!(keys.hashes, basis.keys.hashes);
        assert_eq!(interval.with(keys.records).unexplained(), (0, 0));
    }

    #[test]
    fn other_lengths_give_counts_in_proportion() {
        let basis = basis(10_000);
        let sum = |keys: &WatchedKeys| {
            let mut sum = Counts::default();
            keys.records.iter().for_each(|record| sum += &record.counts);
            sum
        };
        let whole = sum(&basis.extrapolated(Duration::ZERO, SECOND, None).1);
        for (millis, factor) in [(500, 0.5), (1_234, 1.234), (3_000, 3.0)] {
            let (interval, keys) = basis.extrapolated(SECOND, SECOND + Duration::from_millis(millis), None);
            let scaled = sum(&keys);
            let recorded = interval.with(keys.records);
            assert_eq!(recorded.unexplained(), (0, 0), "{millis}");
            for ((name, scaled), (_, whole)) in scaled.named().into_iter().zip(whole.named()) {
                let exact = whole as f64 * factor;
                assert!((scaled as f64 - exact).abs() <= 3.0, "{name}: {scaled} of {exact}");
            }
            for record in &recorded.records {
                let counts = record.counts;
                assert!(counts.expired + counts.flushed <= counts.misses && counts.delete_hits <= counts.deletes);
            }
        }
    }

    #[test]
    fn a_server_that_has_exited_does_nothing() {
        let mut basis = basis(100);
        basis.forget(1);
        let (interval, keys) = basis.extrapolated(SECOND, 2 * SECOND, None);
        assert!(keys.records.iter().all(|record| record.target == 0));
        assert!(keys.hashes.iter().all(|hash| hash % 2 == 0) && keys.hashes.len() == keys.records.len());
        assert_eq!(interval.with(keys.records).unexplained(), (0, 0));
    }

    #[test]
    fn the_servers_own_time_tells_that_their_load_has_changed() {
        let after = |percent: [u32; 2]| {
            let mut basis = basis(1);
            percent.map(|percent| basis.is_outdated_by(SECOND * percent / 50, 2 * SECOND))[1]
        };
        assert!(after([30, 0]) && after([30, 14]) && after([30, 61]) && after([0, 3]));
        assert!(!after([30, 16]) && !after([30, 59]) && !after([0, 0]) && !after([1, 0]));
        // At first, there is what it was with the probes: they took half of 0.8 s.
        let cost = Cost { hits: 1_000, probes: SECOND * 2 / 5, servers: SECOND * 4 / 5 };
        let interval = Interval { end: SECOND, cost: Some(cost), ..Interval::default() };
        let outdated = |percent: u32| {
            Basis::new(&interval, WatchedKeys::default(), Sum::default(), 1)
                .is_outdated_by(SECOND * percent / 100, SECOND)
        };
        assert!(outdated(0) && outdated(9));
        assert!(!outdated(11) && !outdated(100));
        assert!(!basis(1).is_outdated_by(SECOND, SECOND), "there is nothing to compare it with");
    }

    #[test]
    fn counts_are_in_proportion_to_the_time_that_the_servers_took() {
        let known = |probes: u32, servers: u32| {
            let cost = Cost { hits: 1_000, probes: SECOND * probes / 10, servers: SECOND * servers / 10 };
            Basis { load: per_second(cost.servers - cost.probes, SECOND), ..basis(10_000) }
        };
        let calls = |basis: &Basis, tenths: u32| {
            basis.extrapolated(SECOND, 3 * SECOND, Some(SECOND * tenths / 10)).0.total.calls() as f64
        };
        let all = basis(10_000).extrapolated(SECOND, 2 * SECOND, None).0.total.calls() as f64;
        // Saturated, of which the probes took half: without them, it does twice as much.
        let saturated = known(5, 10);
        for (tenths, factor) in [(20, 4.0), (10, 2.0), (1, 0.2), (0, 0.0), (100, 8.0)] {
            let ratio = calls(&saturated, tenths) / all;
            assert!((ratio - factor).abs() < 0.01, "{tenths}: {ratio}");
        }
        // Of a server that has hardly anything to do, its time says nothing.
        assert!((calls(&known(0, 0), 10) / all - 2.0).abs() < 0.01);
    }

    #[test]
    fn nothing_follows_from_no_time() {
        let basis = Basis { length: Duration::ZERO, ..basis(10) };
        assert_eq!(basis.extrapolated(SECOND, 2 * SECOND, None).0.total, Counts::default());
    }
}
