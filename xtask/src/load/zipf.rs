//! Popularity of the keys of a family.

use rand::{Rng, RngExt};
use rand_distr::{Distribution, Zipf};

/// The shape of a family's popularity.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Skew {
    /// All keys equally popular.
    Uniform,
    /// The key of rank k in proportion to k to the power of minus this exponent; web caches show 0.6 to 1.2 (Breslau et
    /// al., "Web Caching and Zipf-like Distributions", 1999).
    Zipf(f64),
}

/// Draws ranks.
#[derive(Clone, Copy, Debug)]
pub enum Ranks {
    /// See [`Skew::Uniform`].
    Uniform(u64),
    /// See [`Skew::Zipf`]; by rejection-inversion (Hörmann and Derflinger, 1996), so without a table.
    Zipf(Zipf<f64>),
}

impl Ranks {
    /// Ranks 1 to `population`, or `None` when that is empty or the exponent is not a number of 0 or more.
    #[must_use]
    pub fn new(skew: Skew, population: u64) -> Option<Self> {
        match skew {
            _ if population == 0 => None,
            Skew::Uniform => Some(Self::Uniform(population)),
            Skew::Zipf(exponent) => Zipf::new(population as f64, exponent).ok().map(Self::Zipf),
        }
    }

    /// The next rank, 1 for the most popular key.
    pub fn draw(&self, random: &mut impl Rng) -> u64 {
        match self {
            Self::Uniform(population) => random.random_range(1..=*population),
            Self::Zipf(zipf) => zipf.sample(random) as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    const DRAWS: u64 = 200_000;

    fn counts(skew: Skew, population: u64) -> Vec<u64> {
        let ranks = Ranks::new(skew, population).unwrap();
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let mut counts = vec![0; population as usize + 1];
        for _ in 0..DRAWS {
            counts[ranks.draw(&mut random) as usize] += 1;
        }
        counts
    }

    /// Whether a count is within five standard deviations of the binomial expectation.
    fn is_near(count: u64, probability: f64) -> bool {
        let expected = DRAWS as f64 * probability;
        (count as f64 - expected).abs() < 5.0 * (expected * (1.0 - probability)).sqrt()
    }

    #[test]
    fn zipf_ranks_come_in_the_proportions_of_the_law() {
        for exponent in [0.8, 0.99, 1.2] {
            let counts = counts(Skew::Zipf(exponent), 1000);
            let norm: f64 = (1..=1000).map(|rank| f64::from(rank).powf(-exponent)).sum();
            for rank in [1, 2, 10, 100] {
                let probability = (rank as f64).powf(-exponent) / norm;
                assert!(is_near(counts[rank], probability), "exponent {exponent}, rank {rank}: {}", counts[rank]);
            }
            assert_eq!(counts[0], 0);
        }
    }

    #[test]
    fn uniform_ranks_are_alike() {
        let counts = counts(Skew::Uniform, 10);
        assert!(counts[1..].iter().all(|&count| is_near(count, 0.1)), "{counts:?}");
    }

    #[test]
    fn impossible_populations_are_refused() {
        assert!(Ranks::new(Skew::Uniform, 0).is_none());
        assert!(Ranks::new(Skew::Zipf(f64::NAN), 5).is_none());
    }
}
