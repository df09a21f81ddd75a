//! A server's process, and memcached's own clock in it, by which items expire.
//!
//! memcached counts seconds from a moment 62 s before it started (`ITEM_UPDATE_INTERVAL` of 60 s, plus 2), so that an
//! `exptime` of 0 can mean never. Where its `current_time` is known, it is read from its memory; otherwise it is computed
//! from the time the process started, which can be off by two seconds.

use super::memory_of;
use crate::model::snapshot::Ttl;
use crate::target::discover::namespaces::running_for;
use crate::target::discover::process;

/// Seconds by which memcached's clock is ahead of its uptime.
const AHEAD: u64 = 62;

/// How to read one server's clock.
#[derive(Clone, Debug)]
pub struct Clock {
    /// Its process.
    pub pid: u32,
    /// Address of `current_time` in its memory.
    pub address: Option<u64>,
    /// When it started, in clock ticks since boot.
    pub start_ticks: u64,
}

impl Clock {
    /// Whether the process still runs; another one that got its number does not count.
    #[must_use]
    pub fn runs(&self) -> bool {
        process::is_running(self.pid, self.start_ticks)
    }

    /// Seconds on the server's clock now; `None` when the process is gone.
    #[must_use]
    pub fn now(&self) -> Option<u32> {
        if let Some(address) = self.address
            && let Ok(now) = memory_of::read(self.pid, address)
        {
            return Some(u32::from_ne_bytes(now));
        }
        u32::try_from(running_for(self.start_ticks)? + AHEAD).ok()
    }
}

/// The time an item has left.
#[must_use]
pub(crate) fn ttl(exptime: u32, now: Option<u32>) -> Ttl {
    match (exptime, now) {
        (0, _) => Ttl::Never,
        (_, None) => Ttl::Unknown,
        (exptime, Some(now)) => Ttl::Seconds(exptime.saturating_sub(now)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_soon_and_past() {
        assert_eq!(ttl(0, Some(5)), Ttl::Never);
        assert_eq!(ttl(35, Some(5)), Ttl::Seconds(30));
        assert_eq!(ttl(3, Some(5)), Ttl::Seconds(0));
        assert_eq!(ttl(3, None), Ttl::Unknown);
    }
}
