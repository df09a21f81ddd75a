//! Detaches uprobes quickly and without delaying the servers.
//!
//! While the kernel removes a probe, a thread that hits it may wait for the lock under which it is removed (`handler_chain` in
//! `kernel/events/uprobes.c`: if no consumer wants the process any more, the thread is to remove the breakpoint itself; before Linux 6.12
//! each trap takes that lock). The holder of that lock waits for an RCU grace period (`percpu_down_write` in `register_for_each_vma`),
//! so that the server's threads stop for 7 to 15 ms. A thread that takes the lock within a grace period after another one, for any probe,
//! does not wait (`kernel/rcu/sync.c`). So before probes are detached, a decoy probe is attached to mctop's own code and waits instead of
//! the servers. If the others are too late nevertheless, nothing is lost.
//!
//! After that, the detaching thread waits for more grace periods, but without the lock, so that many threads can detach many probes.

use super::cost::trap;
use super::programs::EbpfPrograms;
use super::uprobe::Link;
use crate::parallel;

/// Maximum number of threads that detach probes. They wait nearly all the time.
const THREADS: usize = 64;

/// Detaches probes from running servers. Returns once they are detached.
pub(super) fn from_running(programs: &mut EbpfPrograms, mut links: Vec<Link>) {
    if links.is_empty() {
        return;
    }
    if programs.detaches_concurrently() {
        links.extend(decoy(programs));
        from_exited(links);
        return;
    }
    // Each one takes longer than a grace period, so it needs a decoy of its own.
    let mut decoys = Vec::new();
    for link in links {
        decoys.extend(decoy(programs));
        drop(link);
    }
}

/// Detaches probes from processes that have exited or do not hit them. Returns once they are detached.
pub(super) fn from_exited(links: Vec<Link>) {
    parallel::map(links, THREADS, drop);
}

/// A probe on mctop's own code. If that fails, the servers' probes are detached without it.
fn decoy(programs: &mut EbpfPrograms) -> Option<Link> {
    trap::on_own_code(programs).inspect_err(|error| log::debug!("Cannot attach a decoy probe: {error:#}.")).ok()
}
