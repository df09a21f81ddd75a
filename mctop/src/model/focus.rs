//! One key looked at closely: who calls it, and how long memcached takes to answer.

use std::net::IpAddr;
use std::time::Duration;

use super::key::Key;

/// Powers of two of a [`Latency`]: the last holds everything from 2^39 ns, 9 minutes.
pub const POWERS: usize = 40;

/// What was seen of one key while it was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Focus {
    /// Index of its server, as in the snapshot.
    pub target: u32,
    /// The key.
    pub key: Key,
    /// For how long it has been looked at; what is counted here is of that time.
    pub length: Duration,
    /// Operations on the key.
    pub calls: u64,
    /// Who made them, most calls first.
    pub clients: Vec<Client>,
    /// Operations whose client is not known: the connection was closed before it could be looked up, or there were too many.
    pub unknown_calls: u64,
    /// How long they took.
    pub latency: Latency,
    /// What cannot be told on this server and why, one sentence each.
    pub notes: Vec<String>,
    /// Why the look has ended, if it could not go on: all else is as it was then.
    pub ended: Option<String>,
}

/// Who calls a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// The other end of its connections.
    pub peer: Peer,
    /// Its connections that called the key.
    pub connections: u32,
    /// Operations.
    pub calls: u64,
}

/// The other end of a connection.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Peer {
    /// TCP from an address; an IPv4 address is one also where the socket is IPv6.
    Tcp(IpAddr),
    /// Datagrams, whose senders share one socket.
    Udp,
    /// A unix socket, by the process that connected it.
    Unix {
        /// Its process id as seen from here; none when it lives where it cannot be seen from here.
        pid: Option<u32>,
    },
}

/// How long operations took, from the lookup of the key to the answer's hand-over to the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Latency {
    /// Operations by the power of two of their nanoseconds: number `n` counts those of 2^n up to 2^(n+1) ns.
    pub powers: [u64; POWERS],
    /// Operations that nothing was sent for before the thread turned elsewhere (`noreply`, quiet ones, a client that does not
    /// read), or that waited for it together with too many others.
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

    /// What a share of the answered operations, 0 to 1, took at most: the upper end of the power of two that holds the
    /// operation of that rank. None without any.
    #[must_use]
    pub fn at_most(&self, share: f64) -> Option<Duration> {
        let answered = self.answered();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "from 0 to the number answered, and that stays below 2^53"
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
    fn shares() {
        let mut latency = Latency::default();
        assert_eq!(latency.at_most(0.5), None);
        latency.powers[10] = 98;
        latency.powers[20] = 2;
        assert_eq!(latency.answered(), 100);
        assert_eq!(latency.at_most(0.5), Some(Duration::from_nanos(1 << 11)));
        assert_eq!(latency.at_most(0.98), Some(Duration::from_nanos(1 << 11)));
        assert_eq!(latency.at_most(0.99), Some(Duration::from_nanos(1 << 21)));
        assert_eq!(latency.at_most(1.0), Some(Duration::from_nanos(1 << 21)));
    }
}
