//! What happened to a key's items: storage commands that stored nothing, and evictions.

use super::counters::{counters, kernel_counters};
use super::probe_point::ProbeKind;

kernel_counters! {
    /// Storage commands that stored nothing, and evictions, over some span of time. They are 0 for servers without the probes
    /// for them ([`super::snapshot::Snapshot::watches`]).
    pub struct Outcomes, with PROBES: ProbeKind {
        /// Storage commands that stored nothing: add of an existing key; replace, append, prepend or cas of a missing key; or
        /// out of memory.
        not_stored from extra, ProbeKind::Store;
        /// Storage commands that stored nothing because the item's CAS number had changed.
        exists from extra, ProbeKind::Store;
        /// Live items that were evicted to make room for others.
        evicted from extra, ProbeKind::Eviction;
    }
}
