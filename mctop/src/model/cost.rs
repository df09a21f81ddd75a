//! What the probes take of the servers' time.

use std::ops::AddAssign;
use std::time::Duration;

/// An estimate of what the probes took, over some time: the traps as calibrated, the programs as the kernel measured them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// How often a probe was hit.
    pub hits: u64,
    /// Time the hits took on the servers' threads.
    pub probes: Duration,
    /// CPU time of the servers, the probes included.
    pub servers: Duration,
}

impl Cost {
    /// Nanoseconds a hit; none without hits.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "nanoseconds and counts below 2^53")]
    pub fn per_hit(&self) -> Option<f64> {
        (self.hits > 0).then(|| self.probes.as_nanos() as f64 / self.hits as f64)
    }

    /// The probes' share of the servers' CPU time, 0 to 1; none when the servers took no time.
    #[must_use]
    pub fn share(&self) -> Option<f64> {
        (!self.servers.is_zero()).then(|| (self.probes.as_secs_f64() / self.servers.as_secs_f64()).min(1.0))
    }
}

impl AddAssign<&Self> for Cost {
    fn add_assign(&mut self, other: &Self) {
        self.hits += other.hits;
        self.probes += other.probes;
        self.servers += other.servers;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares() {
        let mut cost = Cost::default();
        assert_eq!((cost.per_hit(), cost.share()), (None, None));
        let one = Cost { hits: 1000, probes: Duration::from_micros(875), servers: Duration::from_millis(7) };
        cost += &one;
        cost += &one;
        assert_eq!((cost.hits, cost.per_hit(), cost.share()), (2000, Some(875.0), Some(0.125)));
        // An estimate may exceed what was measured.
        assert_eq!(Cost { servers: Duration::from_micros(1), ..one }.share(), Some(1.0));
    }
}
