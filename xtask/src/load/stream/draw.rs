//! The sequence of keys of a stream.

use std::time::Duration;

use anyhow::{Context, Result};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::load::zipf::{Ranks, Skew};

/// Keys by popularity, number 0 being the most popular, and optionally a scan and a newcomer.
#[derive(Clone, Debug)]
pub struct Shape {
    /// Popularity of the keys.
    pub skew: Skew,
    /// Number of keys.
    pub keys: u32,
    /// Keys that are read one after the other, over and over.
    pub scan: Option<Scan>,
    /// A key that is not requested at first.
    pub newcomer: Option<HotNewcomer>,
}

/// A scan of the keys numbered from [`Shape::keys`] on.
#[derive(Clone, Copy, Debug)]
pub struct Scan {
    /// Number of keys.
    pub keys: u32,
    /// Their share of all operations, 0 to 1.
    pub share: f64,
}

/// The key with the last number.
#[derive(Clone, Copy, Debug)]
pub struct HotNewcomer {
    /// Its share of all operations from then on, 0 to 1.
    pub share: f64,
    /// When it turns hot, after the start.
    pub after: Duration,
}

impl Shape {
    /// Keys without a scan or a newcomer.
    #[must_use]
    pub const fn of(skew: Skew, keys: u32) -> Self {
        Self { skew, keys, scan: None, newcomer: None }
    }

    /// One more than the highest number.
    #[must_use]
    pub fn population(&self) -> u32 {
        self.keys + self.scan.map_or(0, |scan| scan.keys) + u32::from(self.newcomer.is_some())
    }

    /// The newcomer's number.
    #[must_use]
    pub fn newcomer_key(&self) -> u32 {
        self.population().saturating_sub(1)
    }
}

/// One connection's endless sequence.
#[derive(Debug)]
pub struct Draw {
    shape: Shape,
    ranks: Ranks,
    random: ChaCha8Rng,
    /// Position and step of the scan, which connections share.
    position: u32,
    step: u32,
}

impl Draw {
    /// The sequence of connection `number` of `connections`.
    pub fn new(shape: &Shape, seed: u64, number: u32, connections: u32) -> Result<Self> {
        let ranks = Ranks::new(shape.skew, u64::from(shape.keys)).context("a load needs keys")?;
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(u64::from(number));
        Ok(Self { shape: shape.clone(), ranks, random, position: number, step: connections })
    }

    /// The next key's number, a given time after the start.
    pub fn next(&mut self, since: Duration) -> u32 {
        if let Some(newcomer) = self.shape.newcomer
            && since >= newcomer.after
            && self.random.random::<f64>() < newcomer.share
        {
            return self.shape.newcomer_key();
        }
        if let Some(scan) = self.shape.scan
            && (scan.share >= 1.0 || self.random.random::<f64>() < scan.share)
        {
            let key = self.position % scan.keys.max(1);
            self.position = self.position.wrapping_add(self.step) % scan.keys.max(1);
            return self.shape.keys + key;
        }
        self.ranks.draw(&mut self.random).saturating_sub(1) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scan_shared_by_connections_touches_every_key_once() {
        let shape = Shape { scan: Some(Scan { keys: 1_000, share: 1.0 }), ..Shape::of(Skew::Uniform, 1) };
        let mut seen = vec![0; 1_001];
        for number in 0..4 {
            let mut draw = Draw::new(&shape, 1, number, 4).unwrap();
            for _ in 0..250 {
                seen[draw.next(Duration::ZERO) as usize] += 1;
            }
        }
        assert_eq!(seen[0], 0);
        assert!(seen[1..].iter().all(|&times| times == 1));
    }

    #[test]
    fn a_newcomer_comes_when_it_is_due() {
        let newcomer = HotNewcomer { share: 0.25, after: Duration::from_secs(3) };
        let shape = Shape { newcomer: Some(newcomer), ..Shape::of(Skew::Zipf(1.0), 1_000) };
        let mut draw = Draw::new(&shape, 1, 0, 1).unwrap();
        let mut times = |since| (0..10_000).filter(|_| draw.next(since) == shape.newcomer_key()).count();
        assert_eq!(times(Duration::from_secs(2)), 0);
        assert!((2_300..2_700).contains(&times(Duration::from_secs(3))));
    }
}
