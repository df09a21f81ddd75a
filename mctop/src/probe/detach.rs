//! Taking uprobes off quickly, and without holding up the servers.
//!
//! From the moment that a probe goes, a thread that hits it may wait for the lock under which the kernel takes it off
//! (`handler_chain` in `kernel/events/uprobes.c`: where no consumer wants the process any more, the thread is to take the breakpoint
//! off itself; before Linux 6.12 each hit takes that lock). And whoever holds that lock waits for a grace period of RCU
//! (`percpu_down_write` in `register_for_each_vma`): for 7 to 15 ms a server's threads do nothing. Who comes within a grace period
//! after another, with whatever probe, does not wait (`kernel/rcu/sync.c`). So before probes go, one on mctop's own code is attached,
//! and waits instead of the servers. Where the others then come too late all the same, it is as without.
//!
//! What a thread that takes a probe off waits for after that, other grace periods, is its own affair, so that many take off many.

use super::cost::trap;
use super::object::Object;
use super::uprobe::Link;
use crate::parallel;

/// Most threads that take probes off at the same time. They wait nearly all the time.
const THREADS: usize = 64;

/// Takes probes off servers that run. Returns when they are off.
pub(super) fn gently(object: &mut Object, mut links: Vec<Link>) {
    if links.is_empty() {
        return;
    }
    if object.detaches_together() {
        links.extend(wait_first(object));
        at_once(links);
        return;
    }
    // One takes longer than a grace period, so that each needs one of its own to wait first.
    let mut waited = Vec::new();
    for link in links {
        waited.extend(wait_first(object));
        drop(link);
    }
}

/// Takes probes off processes that have exited, or that do not run into them. Returns when they are off.
pub(super) fn at_once(links: Vec<Link>) {
    parallel::map(links, THREADS, drop);
}

/// A probe on mctop's own code. What cannot be spared the servers is no reason to leave the probes on.
fn wait_first(object: &mut Object) -> Option<Link> {
    trap::on_ourselves(object).inspect_err(|error| log::debug!("Nothing waits instead of the servers: {error:#}.")).ok()
}
