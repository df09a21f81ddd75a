//! A server under churn as the model sees it: the kernel's table takes a number of keys of each interval, and the others are
//! untracked.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use mctop::internal::Outcomes;
use mctop::{Counts, Header, Interval, Key, Limits, Loss, Model, Record, Snapshot, Ttl};

/// Which keys are called.
#[derive(Clone, Copy, Debug)]
pub enum Pattern {
    /// Zipf's law with this exponent: key *k* of 1 to *n* with a probability proportional to *k*^-exponent.
    Zipf(f64),
    /// All keys equally often, in random order.
    Scan,
}

/// A simulation.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// Which keys are called.
    pub pattern: Pattern,
    /// How many keys there are.
    pub population: u64,
    /// Operations an interval.
    pub operations: u64,
    /// Keys in the kernel's table of an interval.
    pub table: usize,
    /// Intervals of a second.
    pub intervals: u64,
    /// Since this interval, one more key gets 1 % of the operations.
    pub hot_from: u64,
    /// Bounds of the model.
    pub limits: Limits,
}

/// The result of a simulation.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    /// Share of the hottest keys that are among as many of the first shown ones, 0 to 1.
    pub recall: f64,
    /// Largest relative difference of their shown calls from the true ones, 0 to 1.
    pub worst_error: f64,
    /// Rank by rate of the newly hot key in its second interval, 1 being the first; 0 when it is not shown.
    pub hot_rank: usize,
    /// Its true rank.
    pub hot_rank_truly: usize,
    /// Keys shown.
    pub rows: usize,
    /// Largest number of calls that a shown key may lack.
    pub bound: u64,
}

/// Runs a scenario and looks at its `top` keys. `each` is called after every interval.
///
/// # Panics
/// When sums do not hold, or a count is outside of the bounds of its row.
pub fn run(scenario: &Scenario, top: usize, mut each: impl FnMut(&Snapshot)) -> Outcome {
    let Scenario { population, operations, table, limits, .. } = *scenario;
    let mut random = Random(0x006d_6374_6f70);
    let zipf = match scenario.pattern {
        Pattern::Zipf(exponent) => Some(Zipf::new(population, exponent)),
        Pattern::Scan => None,
    };
    let mut truth = vec![0_u64; population as usize + 1];
    let mut unseen: HashMap<u64, u64> = HashMap::new();
    let header = Header::default();
    let mut model = Model::new(&header, limits);
    let (mut hot_rank, mut hot_rank_truly) = (0, 0);
    for number in 0..scenario.intervals {
        let mut epoch: HashMap<u64, u64> = HashMap::with_capacity(table);
        let mut untracked = 0;
        let before = (number == scenario.hot_from + 1).then(|| truth.clone());
        for _ in 0..operations {
            let key = match &zipf {
                _ if number >= scenario.hot_from && random.unit() < 0.01 => 0,
                Some(zipf) => zipf.draw(&mut random),
                None => 1 + random.next() % population,
            };
            truth[key as usize] += 1;
            let full = epoch.len() >= table;
            match epoch.entry(key) {
                std::collections::hash_map::Entry::Occupied(mut entry) => *entry.get_mut() += 1,
                std::collections::hash_map::Entry::Vacant(entry) if !full => {
                    entry.insert(1);
                }
                std::collections::hash_map::Entry::Vacant(_) => {
                    untracked += 1;
                    // Calls that the kernel does not count are lost, and in no row's bound.
                    *unseen.entry(key).or_default() += 1;
                }
            }
        }
        let snapshot = fold(&mut model, number, epoch, untracked);
        if let Some(before) = before {
            let now: Vec<u64> = truth.iter().zip(&before).map(|(now, before)| now - before).collect();
            hot_rank_truly = 1 + now.iter().filter(|calls| **calls > now[0]).count();
            let rows = &snapshot.rows;
            if let Some(hot) = rows.iter().find(|row| row.key.bytes() == name(0).as_bytes()) {
                hot_rank = 1 + rows.iter().filter(|row| row.last.calls() > hot.last.calls()).count();
            }
        }
        each(&snapshot);
    }
    let snapshot = model.snapshot(false);
    let rows = snapshot.rows.iter();
    let mut shown: Vec<(u64, u64, u64)> =
        rows.map(|row| (row.total.calls(), number(&row.key), row.calls_error)).collect();
    for (calls, key, error) in &shown {
        let counted = truth[*key as usize] - unseen.get(key).copied().unwrap_or_default();
        assert!(*calls <= counted && counted <= calls + error, "{calls} to {} are not {counted}", calls + error);
    }
    let sum: u64 = shown.iter().map(|(calls, ..)| calls).sum();
    assert_eq!(sum + snapshot.loss.untracked_calls, operations * scenario.intervals);
    shown.sort_unstable_by(|a, b| b.cmp(a));
    let most: HashSet<u64> = shown.iter().take(top).map(|(_, key, _)| *key).collect();
    let mut keys: Vec<usize> = (0..truth.len()).collect();
    keys.select_nth_unstable_by_key(top, |key| std::cmp::Reverse(truth[*key]));
    let least = keys[..top].iter().map(|key| truth[*key]).min().unwrap_or_default();
    // Keys that were called as often as the last one are interchangeable.
    let found = most.iter().filter(|key| truth[**key as usize] >= least).count();
    let counts: HashMap<u64, u64> = shown.iter().map(|(calls, key, _)| (*key, *calls)).collect();
    let errors = keys[..top].iter().map(|key| {
        let counted = counts.get(&(*key as u64)).copied().unwrap_or_default();
        (truth[*key] - counted) as f64 / truth[*key] as f64
    });
    Outcome {
        recall: found as f64 / top as f64,
        worst_error: errors.fold(0.0, f64::max),
        hot_rank,
        hot_rank_truly,
        rows: shown.len(),
        bound: shown.iter().map(|(.., error)| *error).max().unwrap_or_default(),
    }
}

fn fold(model: &mut Model, second: u64, epoch: HashMap<u64, u64>, untracked: u64) -> Snapshot {
    const SIZE: u32 = 512;
    let counts = |hits: u64| Counts { hits, bytes_out: hits * u64::from(SIZE), ..Counts::default() };
    let mut total = counts(untracked);
    // In the order of the keys, so that the same seed gives the same figures.
    let mut epoch: Vec<_> = epoch.into_iter().collect();
    epoch.sort_unstable();
    let record = |(key, hits): (u64, u64)| {
        total += &counts(hits);
        let key = Key::new(name(key).as_bytes());
        Record {
            key,
            target: 0,
            counts: counts(hits),
            size: Some(SIZE),
            ttl: Ttl::Seconds(60),
            outcomes: Outcomes::default(),
        }
    };
    let records = epoch.into_iter().map(record).collect();
    let loss = Loss {
        untracked_calls: untracked,
        untracked_bytes: untracked * u64::from(SIZE),
        full_intervals: u64::from(untracked > 0),
        ..Loss::default()
    };
    let (start, end) = (Duration::from_secs(second), Duration::from_secs(second + 1));
    model.fold(&Interval { start, end, total, loss, ..Interval::default() }.with(records));
    model.snapshot(false)
}

fn name(key: u64) -> String {
    format!("pod{:03}:rails:NN::{key}", key % 1_000)
}

fn number(key: &Key) -> u64 {
    let name = key.as_str().unwrap_or_default();
    name.rsplit(':').next().and_then(|digits| digits.parse().ok()).unwrap_or_default()
}

/// SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014): the same numbers each time.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to 1.
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Draws by rejection-inversion (Hörmann and Derflinger, "Rejection-inversion to generate variates from monotone discrete
/// distributions", 1996), which needs no table of all keys.
struct Zipf {
    exponent: f64,
    population: u64,
    low: f64,
    high: f64,
}

impl Zipf {
    fn new(population: u64, exponent: f64) -> Self {
        let mut zipf = Self { exponent, population, low: 0.0, high: 0.0 };
        zipf.low = zipf.integral(1.5) - 1.0;
        zipf.high = zipf.integral(population as f64 + 0.5);
        zipf
    }

    /// Of x^-exponent, from 1.
    fn integral(&self, x: f64) -> f64 {
        let power = 1.0 - self.exponent;
        (x.powf(power) - 1.0) / power
    }

    fn inverse(&self, y: f64) -> f64 {
        let power = 1.0 - self.exponent;
        (1.0 + y * power).powf(1.0 / power)
    }

    fn draw(&self, random: &mut Random) -> u64 {
        loop {
            let y = self.high + random.unit() * (self.low - self.high);
            let rank = self.inverse(y).round().clamp(1.0, self.population as f64);
            if y >= self.integral(rank + 0.5) - rank.powf(-self.exponent) {
                return rank as u64;
            }
        }
    }
}
