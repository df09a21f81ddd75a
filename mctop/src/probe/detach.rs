//! Taking uprobes off without holding up the servers.
//!
//! From the moment that a probe's perf event goes, a thread that hits the probe waits for the lock under which the kernel takes it
//! off (`handler_chain` in `kernel/events/uprobes.c`: no consumer wants the process any more, so the thread is to take the
//! breakpoint off itself). And whoever holds that lock waits for a grace period of RCU (`percpu_down_write` in
//! `register_for_each_vma`): for 7 to 15 ms a server's threads do nothing. Who comes within a grace period after another, with
//! whatever probe, does not wait (`kernel/rcu/sync.c`). So before each probe goes, one on mctop's own code is attached, and waits in
//! the servers' stead. Where the other then comes too late all the same, it is as without.

use aya::programs::uprobe::UProbeLink;

use super::cost::trap;
use super::object::Object;

/// Takes probes off servers that run. Returns when they are off.
pub fn gently(object: &mut Object, links: Vec<UProbeLink>) {
    let mut waited = Vec::new();
    for link in links {
        // What cannot be spared the servers is no reason to leave the probes on.
        match trap::on_ourselves(object) {
            Ok(probe) => waited.push(probe),
            Err(error) => log::debug!("Nothing waits in the servers' stead: {error:#}."),
        }
        drop(link);
    }
}
