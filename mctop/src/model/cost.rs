//! The CPU time that probes cost the servers.

use std::ops::AddAssign;
use std::time::Duration;

/// The estimated cost of the probes over some time. The cost of a trap is calibrated, that of the programs is measured by the
/// kernel. The probes for the detail of one key are not included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Number of probe hits.
    pub hits: u64,
    /// Time that the hits took on the servers' threads.
    pub probes: Duration,
    /// CPU time of the servers, including the probes.
    pub servers: Duration,
}

impl Cost {
    /// Nanoseconds per hit; `None` without hits.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "nanoseconds and counts below 2^53")]
    pub fn per_hit(&self) -> Option<f64> {
        (self.hits > 0).then(|| self.probes.as_nanos() as f64 / self.hits as f64)
    }

    /// The probes' share of the servers' CPU time, 0 to 1; `None` if the servers used no CPU time.
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
