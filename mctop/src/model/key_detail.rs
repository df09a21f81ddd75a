//! Detail of one key: its clients, and how long memcached takes to answer them.

use std::net::IpAddr;
use std::time::Duration;

use super::key::Key;

/// Buckets of a [`Latency`]. The last has everything from 2^39 ns, which is 9 minutes.
pub(crate) const POWERS: usize = 40;

/// What was observed of one key while its detail was watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyDetail {
    /// Index of its server, as in the snapshot.
    pub target: u32,
    /// The key.
    pub key: Key,
    /// For how long its detail has been watched. All counts here are from that time.
    pub length: Duration,
    /// Operations on the key.
    pub calls: u64,
    /// Its clients, most calls first.
    pub clients: Vec<Client>,
    /// Operations of unknown clients: the connection was closed before it could be looked up, or there were too many.
    pub unknown_calls: u64,
    /// How long the operations took.
    pub latency: Latency,
    /// What is not available on this server and why, one sentence each.
    pub notes: Vec<String>,
    /// Why watching the detail ended, if it failed. The other fields are from that time.
    pub ended: Option<String>,
}

/// A client of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// The peer of its connections.
    pub peer: Peer,
    /// Connections that called the key.
    pub connections: u32,
    /// Operations.
    pub calls: u64,
}

/// The peer of a connection.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Peer {
    /// TCP from an address. An IPv4-mapped IPv6 address is given as IPv4.
    Tcp(IpAddr),
    /// UDP, where all clients share one socket.
    Udp,
    /// A Unix socket, identified by the process that connected it.
    Unix {
        /// Its process id in the PID namespace of mctop; `None` if it is not visible there.
        pid: Option<u32>,
    },
}

/// How long operations took, from the lookup of the key until the response was handed to the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Latency {
    /// Histogram: bucket `n` counts the operations that took from 2^n to 2^(n+1) ns.
    pub powers: [u64; POWERS],
    /// Operations without a response before the thread went on (`noreply`, quiet commands, a client that does not read), or
    /// that waited for their response together with too many others.
    pub unanswered: u64,
}

impl Default for Latency {
    fn default() -> Self {
        Self { powers: [0; POWERS], unanswered: 0 }
    }
}

impl Latency {
    /// Operations that were answered.
    #[must_use]
    pub fn answered(&self) -> u64 {
        self.powers.iter().sum()
    }

    /// The latency that a share of the answered operations, 0 to 1, did not exceed: the upper end of the bucket that contains
    /// this quantile. `None` without answered operations.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        let answered = self.answered();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "between 0 and the number of answered operations, which is below 2^53"
        )]
        let rank = ((answered as f64 * share.clamp(0.0, 1.0)).ceil() as u64).max(1);
        let mut below = 0;
        self.powers.iter().zip(1..).find_map(|(&count, power)| {
            below += count;
            (below >= rank).then(|| Duration::from_nanos(1 << power))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles() {
        let mut latency = Latency::default();
        assert_eq!(latency.quantile(0.5), None);
        latency.powers[10] = 98;
        latency.powers[20] = 2;
        assert_eq!(latency.answered(), 100);
        assert_eq!(latency.quantile(0.5), Some(Duration::from_nanos(1 << 11)));
        assert_eq!(latency.quantile(0.98), Some(Duration::from_nanos(1 << 11)));
        assert_eq!(latency.quantile(0.99), Some(Duration::from_nanos(1 << 21)));
        assert_eq!(latency.quantile(1.0), Some(Duration::from_nanos(1 << 21)));
    }
}
