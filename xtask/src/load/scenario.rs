//! The incidents that a load reproduces, each a table of key families, and the seeded stream of operations drawn from one.

use std::fmt::Write;

use anyhow::{Context, Result};
use clap::ValueEnum;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::protocol::{Operation, Verb};
use super::zipf::{Ranks, Skew};

/// Weights of a scenario's families add up to this.
const WEIGHTS: u32 = 10_000;

/// The key that overloads the cache ring in [`Scenario::FlashSale`].
pub const FLASH_SALE_KEY: &str = "podYYY:rails:NN::feature_rollout:percentages";

/// Bytes of its value.
pub const FLASH_SALE_VALUE: usize = 13_961;

/// Its seconds to live.
pub const FLASH_SALE_TTL: i32 = 30;

/// Which incident to reproduce.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Scenario {
    /// One key of 14 kB takes 99 % of the calls and saturates the link
    FlashSale,
    /// Thousands of keys of one family, none of them hot by itself
    FeatureFamily,
    /// A cache whose entries are stored empty and expired: reads never hit
    NeverHits,
    /// Values of 3 MB read rarely, among many small ones
    BigValue,
    /// All keys equally popular
    Uniform,
}

/// Keys that are used in the same way.
struct Family {
    /// Share of the operations, of [`WEIGHTS`].
    weight: u32,
    verb: Verb,
    /// Appends the key of a rank.
    key: fn(u64, &mut String),
    population: u64,
    skew: Skew,
    value_len: usize,
    flags: u32,
    ttl: i32,
    /// Whether the keys are stored before the load starts.
    stored: Stored,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stored {
    No,
    All,
    /// All but every n-th.
    AllButEvery(u64),
}

/// What most families have in common.
const READ: Family = Family {
    weight: 0,
    verb: Verb::Get,
    key: |_, _| {},
    population: 1,
    skew: Skew::Uniform,
    value_len: 0,
    flags: 0,
    ttl: 0,
    stored: Stored::All,
};

/// Appends formatted text to a string, which cannot fail.
macro_rules! key {
    ($($format:tt)*) => { |rank, key| { let _ = write!(key, $($format)*, rank = rank); } };
}

/// The proportions that a one-line uprobe script counted during the sale, the rare families somewhat enlarged so that a few
/// seconds show them.
const FLASH_SALE: &[Family] = &[
    Family {
        weight: 9_930,
        verb: Verb::Gets,
        key: |_, key| key.push_str(FLASH_SALE_KEY),
        value_len: FLASH_SALE_VALUE,
        flags: 1,
        ttl: FLASH_SALE_TTL,
        ..READ
    },
    Family {
        weight: 45,
        verb: Verb::Gets,
        key: key!("podYYY:rails:NN::shop-{rank}"),
        population: 5_000,
        skew: Skew::Zipf(0.99),
        value_len: 620,
        stored: Stored::AllButEvery(20),
        ..READ
    },
    Family {
        weight: 11,
        verb: Verb::Delete,
        key: key!("podYYY:rails:NN::jobs-{rank}"),
        population: 2_000,
        skew: Skew::Zipf(0.99),
        stored: Stored::No,
        ..READ
    },
    Family {
        weight: 14,
        verb: Verb::Set,
        key: |_, key| key.push_str(FLASH_SALE_KEY),
        value_len: FLASH_SALE_VALUE,
        flags: 1,
        ttl: FLASH_SALE_TTL,
        stored: Stored::No,
        ..READ
    },
];

const FEATURE_FAMILY: &[Family] = &[
    Family {
        weight: 9_500,
        verb: Verb::Gets,
        key: |rank, key| {
            let _ = write!(key, "podXXX::M:blob:Feature:{}:{}", rank % 40, rank / 40);
        },
        population: 10_000,
        value_len: 180,
        ..READ
    },
    Family {
        weight: 500,
        verb: Verb::Gets,
        key: key!("podXXX::M:blob:Shop:{rank}"),
        population: 5_000,
        skew: Skew::Zipf(0.99),
        value_len: 620,
        ..READ
    },
];

const NEVER_HITS: &[Family] = &[
    Family {
        weight: 8_000,
        key: key!("product:{rank}"),
        population: 50_000,
        skew: Skew::Zipf(0.99),
        stored: Stored::No,
        ..READ
    },
    Family {
        weight: 1_000,
        verb: Verb::Set,
        key: key!("product:{rank}"),
        population: 50_000,
        skew: Skew::Zipf(0.99),
        ttl: -1,
        stored: Stored::No,
        ..READ
    },
    Family { weight: 1_000, key: key!("session:{rank}"), population: 5_000, value_len: 200, ..READ },
];

const BIG_VALUE: &[Family] = &[
    Family { weight: 10, key: key!("menu:restaurant:{rank}"), population: 4, value_len: 3_000_000, ..READ },
    Family {
        weight: 9_890,
        key: key!("user:{rank}"),
        population: 20_000,
        skew: Skew::Zipf(0.99),
        value_len: 300,
        ..READ
    },
    Family {
        weight: 100,
        verb: Verb::Set,
        key: key!("user:{rank}"),
        population: 20_000,
        skew: Skew::Zipf(0.99),
        value_len: 300,
        stored: Stored::No,
        ..READ
    },
];

const UNIFORM: &[Family] = &[
    Family { weight: 9_000, key: key!("key:{rank}"), population: 100_000, value_len: 100, ..READ },
    Family {
        weight: 1_000,
        verb: Verb::Set,
        key: key!("key:{rank}"),
        population: 100_000,
        value_len: 100,
        stored: Stored::No,
        ..READ
    },
];

impl Scenario {
    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    const fn families(self) -> &'static [Family] {
        match self {
            Self::FlashSale => FLASH_SALE,
            Self::FeatureFamily => FEATURE_FAMILY,
            Self::NeverHits => NEVER_HITS,
            Self::BigValue => BIG_VALUE,
            Self::Uniform => UNIFORM,
        }
    }

    /// The stores that must precede the load, in a fixed order.
    pub fn preparation(self) -> impl Iterator<Item = Operation> {
        let stored = self.families().iter().filter(|family| family.stored != Stored::No);
        stored.flat_map(|family| {
            let ranks = (1..=family.population).filter(|rank| match family.stored {
                Stored::AllButEvery(n) => !rank.is_multiple_of(n),
                _ => true,
            });
            ranks.map(|rank| family.store(rank))
        })
    }

    /// Stores again what would expire, to be sent well within every time to live (see [`REFRESH_SECONDS`]).
    pub fn refresh(self) -> impl Iterator<Item = Operation> {
        let expiring = self.families().iter().filter(|family| family.stored != Stored::No && family.ttl > 0);
        expiring.flat_map(|family| (1..=family.population).map(|rank| family.store(rank)))
    }
}

/// How often [`Scenario::refresh`] is due; a third of the shortest time to live.
pub const REFRESH_SECONDS: u64 = FLASH_SALE_TTL as u64 / 3;

impl Family {
    fn describe(&self, rank: u64, operation: &mut Operation) {
        operation.verb = self.verb;
        operation.key.clear();
        (self.key)(rank, &mut operation.key);
        operation.value_len = self.value_len;
        operation.flags = self.flags;
        operation.ttl = self.ttl;
    }

    fn store(&self, rank: u64) -> Operation {
        let mut operation = Operation::empty();
        self.describe(rank, &mut operation);
        operation.verb = Verb::Set;
        operation
    }
}

/// The endless stream of operations of one connection; the same for the same scenario, seed and connection.
#[derive(Debug)]
pub struct Generator {
    scenario: Scenario,
    ranks: Vec<Ranks>,
    random: ChaCha8Rng,
}

impl Generator {
    /// The stream of connection number `connection`.
    pub fn new(scenario: Scenario, seed: u64, connection: u64) -> Result<Self> {
        let ranks = scenario.families().iter().map(|family| Ranks::new(family.skew, family.population));
        let ranks = ranks.collect::<Option<Vec<_>>>().context("a family of the scenario has no keys")?;
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        // Streams of one seed never overlap, unlike neighbouring seeds, of which one may be another load's.
        random.set_stream(connection);
        Ok(Self { scenario, ranks, random })
    }

    /// Replaces `operation` by the next one, reusing its memory.
    pub fn next(&mut self, operation: &mut Operation) {
        let mut drawn = self.random.random_range(0..WEIGHTS);
        for (family, ranks) in self.scenario.families().iter().zip(&self.ranks) {
            if drawn < family.weight {
                let rank = ranks.draw(&mut self.random);
                family.describe(rank, operation);
                return;
            }
            drawn -= family.weight;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn draw(scenario: Scenario, seed: u64, connection: u64, count: usize) -> Vec<Operation> {
        let mut generator = Generator::new(scenario, seed, connection).unwrap();
        let next = || {
            let mut operation = Operation::empty();
            generator.next(&mut operation);
            operation
        };
        std::iter::repeat_with(next).take(count).collect()
    }

    #[test]
    fn weights_and_keys_of_every_scenario_are_sound() {
        for &scenario in Scenario::value_variants() {
            let weight: u32 = scenario.families().iter().map(|family| family.weight).sum();
            assert_eq!(weight, WEIGHTS, "{scenario:?}");
            for operation in draw(scenario, 1, 0, 2_000).into_iter().chain(scenario.preparation()) {
                assert!((1..=250).contains(&operation.key.len()), "{operation:?}");
                assert!(operation.key.bytes().all(|byte| byte.is_ascii_graphic()), "{operation:?}");
            }
            assert!(scenario.refresh().all(|store| u64::from(store.ttl.unsigned_abs()) >= 3 * REFRESH_SECONDS));
        }
    }

    #[test]
    fn streams_are_reproducible_and_differ_by_connection_and_seed() {
        let stream = draw(Scenario::FeatureFamily, 7, 1, 100);
        assert_eq!(stream, draw(Scenario::FeatureFamily, 7, 1, 100));
        assert_ne!(stream, draw(Scenario::FeatureFamily, 7, 2, 100));
        assert_ne!(stream, draw(Scenario::FeatureFamily, 8, 1, 100));
    }

    #[test]
    fn the_flash_sale_has_the_incident_s_shape() {
        let operations = draw(Scenario::FlashSale, 1, 0, 200_000);
        let mut calls: HashMap<(&str, bool), u32> = HashMap::new();
        for operation in &operations {
            let hot = operation.key == FLASH_SALE_KEY;
            let verb = match operation.verb {
                Verb::Get | Verb::Gets => "gets",
                Verb::Set => "set",
                Verb::Delete => "delete",
            };
            *calls.entry((verb, hot)).or_default() += 1;
            if hot {
                assert_eq!((operation.value_len, operation.flags, operation.ttl), (13_961, 1, 30));
            }
        }
        assert!((198_000..199_200).contains(&calls[&("gets", true)]), "{calls:?}");
        assert!(calls[&("gets", false)] > 500 && calls[&("delete", false)] > 100 && calls[&("set", true)] > 100);
        assert_eq!(Scenario::FlashSale.preparation().filter(|store| store.key == FLASH_SALE_KEY).count(), 1);
        assert_eq!(Scenario::FlashSale.refresh().map(|store| store.key).collect::<Vec<_>>(), [FLASH_SALE_KEY]);
    }

    #[test]
    fn a_cache_that_never_hits_stores_nothing_that_is_read() {
        let stored = draw(Scenario::NeverHits, 1, 0, 10_000).into_iter().chain(Scenario::NeverHits.preparation());
        for operation in stored.filter(|operation| operation.verb == Verb::Set && operation.key.starts_with("product:"))
        {
            assert_eq!((operation.value_len, operation.ttl), (0, -1));
        }
    }
}
