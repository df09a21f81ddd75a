//! memcached's own clock, by which items expire.
//!
//! memcached counts the seconds since 62 s before its start (`ITEM_UPDATE_INTERVAL` of 60 s, plus 2), so that an `exptime` of 0 can
//! mean never. If the address of its `current_time` is known, it is read from the server's memory. Otherwise it is computed from the
//! start time of the process, which may be off by two seconds.

use super::process_memory;
use crate::model::snapshot::Ttl;
use crate::target::discover::namespaces::running_for;
use crate::target::discover::process;

/// memcached's clock minus its uptime, in seconds.
const AHEAD: u64 = 62;

/// A server's process and its clock.
#[derive(Clone, Debug)]
pub struct Clock {
    /// Process id.
    pub pid: u32,
    /// Address of `current_time` in its memory, if known.
    pub address: Option<u64>,
    /// Start time of the process in clock ticks since boot.
    pub start_ticks: u64,
}

impl Clock {
    /// Whether the process is running. Another process with the same id does not count.
    #[must_use]
    pub fn is_running(&self) -> bool {
        process::is_running(self.pid, self.start_ticks)
    }

    /// The current time in seconds on the server's clock; `None` if the process has exited.
    #[must_use]
    pub fn now(&self) -> Option<u32> {
        if let Some(address) = self.address
            && let Ok(now) = process_memory::read(self.pid, address)
        {
            return Some(u32::from_ne_bytes(now));
        }
        u32::try_from(running_for(self.start_ticks)? + AHEAD).ok()
    }
}

/// The remaining lifetime of an item, given the time on the server's clock.
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
    fn the_lifetime_is_the_difference_to_the_servers_clock() {
        assert_eq!(ttl(0, Some(5)), Ttl::Never);
        assert_eq!(ttl(35, Some(5)), Ttl::Seconds(30));
        assert_eq!(ttl(3, Some(5)), Ttl::Seconds(0));
        assert_eq!(ttl(3, None), Ttl::Unknown);
    }
}
