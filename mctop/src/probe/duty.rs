//! Stays within a budget by a duty cycle: after an interval in which the probes were attached they rest for some intervals, whose
//! counts are extrapolated in proportion to the servers' CPU time. That time is known without probes.

use std::time::Duration;

use super::budget::{Budget, REST_MAX};
use super::drain::Sum;
use crate::model::counts::Counts;
use crate::model::interval::{Change, Interval, Record};
use crate::model::key_sample::{KeySample, KeySamples, RecordSamples, Retention, SampleConsumer};
use crate::model::outcomes::Outcomes;
use crate::model::snapshot::{Loss, Ttl};

/// A load below this, in CPU seconds per second, is too small to be compared with another.
const LOAD_MIN: f64 = 0.02;
/// A load that is larger or smaller than another by this factor has changed.
const LOAD_CHANGE: f64 = 2.0;
/// The same for a comparison with the load while the probes were attached, whose own part is an estimate.
const LOAD_CHANGE_AT_FIRST: f64 = 4.0;
/// Counts are extrapolated to at most this multiple of the load while the probes were attached.
const LOAD_FACTOR_MAX: f64 = 4.0;

/// The state of a duty cycle.
pub(super) struct DutyCycle {
    /// What it stays within.
    pub budget: Budget,
    watched: WatchedInterval,
    rest: Option<Rest>,
    /// Number of intervals by which a rest was cut short. The next rest is longer by as many, so that the budget is kept.
    deficit: u32,
}

/// Intervals in a row in which the probes are detached.
struct Rest {
    /// Number of intervals left.
    left: u32,
    /// Whether it is longer because the one before was cut short.
    repays_deficit: bool,
    /// Load in its first interval.
    first_load: Option<f64>,
}

/// The last interval in which the probes were attached: what others are extrapolated from.
#[derive(Default)]
struct WatchedInterval {
    length: Duration,
    keys: WatchedKeys,
    untracked: Sum,
    /// Load without the probes' estimated part; 0 if it is not known.
    load: f64,
}

impl DutyCycle {
    /// Starts with the probes attached.
    pub(super) fn new(budget: Budget) -> Self {
        Self { budget, watched: WatchedInterval::default(), rest: None, deficit: 0 }
    }

    /// Whether the probes are detached in the current interval.
    pub(super) const fn is_resting(&self) -> bool {
        self.rest.is_some()
    }

    /// A consumer that copies the samples of a watched interval on their way to `consumer`.
    pub(super) fn copying<'a>(&'a mut self, consumer: &'a mut dyn SampleConsumer) -> CopyingConsumer<'a> {
        self.watched.keys = WatchedKeys::default();
        CopyingConsumer { keys: &mut self.watched.keys, consumer }
    }

    /// Ends a watched interval, of which `untracked` is under no key.
    pub(super) fn end_watched(&mut self, interval: &Interval, untracked: Sum) {
        let length = interval.length();
        let load = interval.cost.map(|cost| load(cost.servers.saturating_sub(cost.probes), length));
        (self.watched.length, self.watched.untracked) = (length, untracked);
        self.watched.load = load.unwrap_or_default();
    }

    /// The probes stay attached: an interval within the budget, which repays part of a deficit.
    pub(super) const fn keep_watching(&mut self) {
        self.deficit = self.deficit.saturating_sub(1);
    }

    /// The probes are detached for a number of intervals.
    pub(super) fn start_rest(&mut self, intervals: u32) {
        let deficit = std::mem::take(&mut self.deficit);
        let left = intervals.saturating_add(deficit).min(REST_MAX);
        self.rest = Some(Rest { left, repays_deficit: deficit > 0, first_load: None });
    }

    /// Counts an interval of a rest, in which the servers had this load, if that is known. Returns whether the rest ends with it:
    /// as planned, or because counts can no longer be extrapolated. They cannot for a server that has just started, or after the
    /// load has changed. A rest that repays a deficit does not end for the latter: a load that changes all the time would
    /// otherwise end every rest.
    pub(super) fn end_resting(&mut self, changes: &[Change], load: Option<f64>) -> bool {
        for change in changes {
            if let Change::Exited { target, .. } = change {
                self.watched.keys.forget(*target);
            }
        }
        let Some(rest) = &mut self.rest else { return true };
        rest.left = rest.left.saturating_sub(1);
        let is_new = changes.iter().any(|change| matches!(change, Change::Attached { .. }));
        let has_changed = load.is_some_and(|load| rest.has_changed(load, self.watched.load));
        if is_new || has_changed && !rest.repays_deficit {
            self.deficit = std::mem::take(&mut rest.left);
        }
        let ends = rest.left == 0;
        if ends {
            self.rest = None;
        }
        ends
    }

    /// The interval from `start` to `end` and its keys, extrapolated from the last watched interval. `servers`: the servers' CPU
    /// time in it, if that is known. A server that its probes kept from doing more does more without them; one with less to do
    /// takes less time.
    pub(super) fn extrapolate(
        &self,
        start: Duration,
        end: Duration,
        servers: Option<Duration>,
    ) -> (Interval, WatchedKeys) {
        let WatchedInterval { length, keys: watched, untracked, load: watched_load } = &self.watched;
        let time = end.saturating_sub(start);
        let factor = servers.filter(|_| *watched_load > LOAD_MIN).map(|cpu| load(cpu, time) / watched_load);
        let mut scale = CountScale::new(time.mul_f64(factor.unwrap_or(1.0).min(LOAD_FACTOR_MAX)), *length);
        let (counts, outcomes) = (scale.counts(&untracked.counts), scale.outcomes(&untracked.outcomes));
        let loss = Loss { untracked_calls: counts.calls(), untracked_bytes: counts.bytes(), ..Loss::default() };
        let mut interval =
            Interval { start, end, total: counts, outcomes, loss, extrapolated: true, ..Interval::default() };
        let mut keys = WatchedKeys::default();
        for (hash, record) in watched.hashes.iter().zip(&watched.records) {
            let (counts, outcomes) = (scale.counts(&record.counts), scale.outcomes(&record.outcomes));
            if counts == Counts::default() && !outcomes.any() {
                continue;
            }
            interval.total += &counts;
            interval.outcomes += &outcomes;
            let (key, target) = (record.key.clone(), record.target);
            keys.hashes.push(*hash);
            // No item was seen in this interval.
            keys.records.push(Record { key, target, counts, size: None, ttl: Ttl::Unknown, outcomes });
        }
        (interval, keys)
    }
}

impl Rest {
    /// Whether the load has changed so much that counts from before say nothing about it.
    fn has_changed(&mut self, load: f64, watched: f64) -> bool {
        match self.first_load {
            None => {
                self.first_load = Some(load);
                // A server that its probes kept from doing more may do more without them.
                watched > LOAD_MIN && load * LOAD_CHANGE_AT_FIRST < watched
            }
            Some(first) => {
                let (less, more) = if load < first { (load, first) } else { (first, load) };
                more > LOAD_MIN && less * LOAD_CHANGE < more
            }
        }
    }
}

/// CPU seconds per second.
pub(super) fn load(cpu: Duration, time: Duration) -> f64 {
    if time.is_zero() { 0.0 } else { cpu.as_secs_f64() / time.as_secs_f64() }
}

/// Copies of the key samples of an interval, with their hashes.
#[derive(Default)]
pub(super) struct WatchedKeys {
    hashes: Vec<u64>,
    records: Vec<Record>,
}

impl WatchedKeys {
    /// The copies as samples.
    pub(super) fn samples(&self) -> RecordSamples<'_> {
        RecordSamples::with_hashes(&self.records, &self.hashes)
    }

    /// Drops the keys of a server.
    fn forget(&mut self, target: u32) {
        let mut is_kept = self.records.iter().map(|record| record.target != target);
        self.hashes.retain(|_| is_kept.next().unwrap_or_default());
        self.records.retain(|record| record.target != target);
    }
}

/// Copies samples on their way to a consumer.
pub(super) struct CopyingConsumer<'a> {
    keys: &'a mut WatchedKeys,
    consumer: &'a mut dyn SampleConsumer,
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

/// Multiplies counts by a factor. What rounding takes from one key is given to the next, so that sums and shares are right.
struct CountScale {
    factor: f64,
    carried: [f64; Counts::LEN],
    carried_outcomes: [f64; Outcomes::LEN],
}

impl CountScale {
    fn new(length: Duration, of: Duration) -> Self {
        let factor = if of.is_zero() { 0.0 } else { length.as_secs_f64() / of.as_secs_f64() };
        Self { factor, carried: [0.5; _], carried_outcomes: [0.5; _] }
    }

    /// Scales disjoint parts, so that none exceeds the count that it is a part of.
    fn counts(&mut self, counts: &Counts) -> Counts {
        Counts::from_disjoint(scaled(self.factor, &mut self.carried, counts.disjoint()))
    }

    fn outcomes(&mut self, outcomes: &Outcomes) -> Outcomes {
        Outcomes::from_disjoint(scaled(self.factor, &mut self.carried_outcomes, outcomes.disjoint()))
    }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an estimate, of counts below 2^53"
)]
fn scaled<const N: usize>(factor: f64, carried: &mut [f64; N], mut counts: [u64; N]) -> [u64; N] {
    for (count, carried) in counts.iter_mut().zip(carried).filter(|(count, _)| **count > 0) {
        let exact = (*count as f64).mul_add(factor, *carried);
        *carried = exact.fract();
        *count = exact as u64;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::cost::Cost;
    use crate::model::key::Key;

    const SECOND: Duration = Duration::from_secs(1);

    /// A duty cycle whose last watched interval had this number of keys, in which the probes and the servers took this many
    /// tenths of a second.
    fn after(keys: u64, probes: u32, servers: u32) -> DutyCycle {
        let mut cycle = DutyCycle::new(Budget(0.01));
        for number in 0..keys {
            let misses = number % 5;
            let counts = Counts { hits: 1 + 1_000 / (number + 1), misses, expired: misses / 2, ..Counts::default() };
            let counts = Counts { bytes_out: counts.hits * 100, deletes: 1, delete_hits: number % 2, ..counts };
            let outcomes = Outcomes { evicted: number % 3, ..Outcomes::default() };
            let key = Key::new(format!("key{number}").as_bytes());
            let (size, ttl) = (Some(100), Ttl::Never);
            cycle.watched.keys.hashes.push(number);
            cycle.watched.keys.records.push(Record { key, target: (number % 2) as u32, counts, size, ttl, outcomes });
        }
        let cost = Some(Cost { hits: 1_000, probes: SECOND * probes / 10, servers: SECOND * servers / 10 });
        let untracked = Sum { counts: Counts { hits: 7, ..Counts::default() }, ..Sum::default() };
        cycle.end_watched(&Interval { end: SECOND, cost, ..Interval::default() }, untracked);
        cycle
    }

    #[test]
    fn the_same_length_gives_the_same_counts() {
        let cycle = after(100, 0, 0);
        let (interval, keys) = cycle.extrapolate(5 * SECOND, 6 * SECOND, None);
        assert!(interval.extrapolated);
        assert_eq!(interval.loss.untracked_calls, 7);
        let counts =
            |records: &[Record]| records.iter().map(|record| (record.counts, record.outcomes)).collect::<Vec<_>>();
        assert_eq!(counts(&keys.records), counts(&cycle.watched.keys.records));
        assert_eq!(keys.hashes, cycle.watched.keys.hashes);
        assert_eq!(interval.with(keys.records).unexplained(), (0, 0));
    }

    #[test]
    fn counts_are_proportional_to_the_length() {
        let cycle = after(10_000, 0, 0);
        let sum = |keys: &WatchedKeys| {
            let mut sum = Counts::default();
            keys.records.iter().for_each(|record| sum += &record.counts);
            sum
        };
        let whole = sum(&cycle.watched.keys);
        for (millis, factor) in [(0, 0.0), (500, 0.5), (1_234, 1.234), (3_000, 3.0)] {
            let (interval, keys) = cycle.extrapolate(SECOND, SECOND + Duration::from_millis(millis), None);
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
        assert_eq!(DutyCycle::new(Budget(0.01)).extrapolate(SECOND, 2 * SECOND, None).0.total, Counts::default());
    }

    #[test]
    fn counts_are_proportional_to_the_servers_cpu_time() {
        let calls = |cycle: &DutyCycle, tenths: u32| {
            cycle.extrapolate(SECOND, 3 * SECOND, Some(SECOND * tenths / 10)).0.total.calls() as f64
        };
        let all = after(10_000, 0, 0).extrapolate(SECOND, 2 * SECOND, None).0.total.calls() as f64;
        // Saturated; the probes took half, so without them it does twice as much.
        let saturated = after(10_000, 5, 10);
        for (tenths, factor) in [(20, 4.0), (10, 2.0), (1, 0.2), (0, 0.0), (100, 8.0)] {
            let ratio = calls(&saturated, tenths) / all;
            assert!((ratio - factor).abs() < 0.01, "{tenths}: {ratio}");
        }
        // The CPU time of a server that is almost idle says nothing.
        assert!((calls(&after(10_000, 0, 0), 10) / all - 2.0).abs() < 0.01);
    }

    #[test]
    fn a_server_that_has_exited_does_nothing() {
        let mut cycle = after(100, 0, 0);
        cycle.start_rest(2);
        assert!(!cycle.end_resting(&[Change::Exited { target: 1, at: SECOND }], None));
        let (interval, keys) = cycle.extrapolate(SECOND, 2 * SECOND, None);
        assert!(keys.records.iter().all(|record| record.target == 0));
        assert!(keys.hashes.iter().all(|hash| hash % 2 == 0) && keys.hashes.len() == keys.records.len());
        assert_eq!(interval.with(keys.records).unexplained(), (0, 0));
    }

    #[test]
    fn a_changed_load_ends_a_rest() {
        let ends = |cycle: &mut DutyCycle, loads: &[f64]| {
            cycle.start_rest(9);
            loads.iter().map(|load| cycle.end_resting(&[], Some(*load))).collect::<Vec<_>>()
        };
        let second = |first, second| ends(&mut after(1, 0, 0), &[first, second]) == [false, true];
        assert!(second(0.6, 0.0) && second(0.6, 0.28) && second(0.6, 1.22) && second(0.0, 0.06));
        assert!(!second(0.6, 0.32) && !second(0.6, 1.18) && !second(0.0, 0.0) && !second(0.02, 0.0));
        // The first interval of a rest is compared with the watched one, of whose 0.8 s the probes took half.
        let first = |load| ends(&mut after(1, 4, 8), &[load])[0];
        assert!(first(0.0) && first(0.09));
        assert!(!first(0.11) && !first(1.0));
        assert!(!ends(&mut after(1, 0, 0), &[1.0])[0], "there is nothing to compare it with");
    }

    #[test]
    fn the_next_rest_repays_one_that_was_cut_short() {
        let mut cycle = after(1, 0, 0);
        cycle.start_rest(4);
        assert_eq!([0.5, 0.1].map(|load| cycle.end_resting(&[], Some(load))), [false, true]);
        assert!(!cycle.is_resting());
        // Of the deficit of two intervals, a watched one within the budget repays one.
        cycle.keep_watching();
        cycle.start_rest(2);
        // This rest does not end early.
        assert_eq!([0.5, 0.1, 0.5].map(|load| cycle.end_resting(&[], Some(load))), [false, false, true]);
        cycle.start_rest(u32::MAX);
        assert_eq!((1..=REST_MAX).find(|_| cycle.end_resting(&[], None)), Some(REST_MAX));
    }
}
