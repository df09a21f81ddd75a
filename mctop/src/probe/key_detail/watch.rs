//! The probes and maps for one key.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, Instant};

use anyhow::Context;
use aya::maps::{Array, HashMap as BpfHashMap, MapData};
use aya::programs::RawTracePoint;
use aya::programs::raw_trace_point::RawTracePointLinkId;
use mctop_common::key_detail::{
    CALLS, Connection, FAMILY_IPV4, FAMILY_UNIX, KernelOffsets, LATENCY_BUCKETS, PendingReplies, UNANSWERED, WatchedKey,
};

use super::offsets;
use crate::error::with_causes;
use crate::model::key::Key;
use crate::model::key_detail::{Client, KeyDetail, Latency, Peer};
use crate::probe::attach::AttachedProbes;
use crate::probe::detach;
use crate::probe::object::Object;
use crate::probe::privilege::{self, NamespaceKind};
use crate::probe::programs::EbpfPrograms;
use crate::probe::uprobe::Link;

/// The program at the lookups.
const LOOKUPS: &str = "key_detail";
/// The program at the returns of system calls.
const SYSTEM_CALLS: &str = "system_call";
/// The tracepoint where system calls of all processes return.
const TRACEPOINT: &str = "sys_exit";
/// Why clients and latencies are unknown on some builds.
const NO_DESCRIPTOR: &str = "in this build of memcached, the connection is not known at a lookup";

/// The maps of the detail of a key.
pub(super) struct Maps {
    watched: Array<MapData, WatchedKey>,
    connections: BpfHashMap<MapData, Connection, u64>,
    pending: BpfHashMap<MapData, u32, PendingReplies>,
    counts: Array<MapData, u64>,
    /// If there are more connections, quiet ones are removed.
    connections_max: usize,
    /// Known once they were needed.
    offsets: Option<KernelOffsets>,
}

impl Maps {
    /// Takes the maps out of the loaded object. The map of connections has `connections` entries.
    pub(super) fn take(object: &mut Object, connections: u32) -> anyhow::Result<Self> {
        Ok(Self {
            watched: object.take_map("WATCHED_KEY")?,
            connections: object.take_map("CONNECTIONS")?,
            pending: object.take_map("PENDING_REPLIES")?,
            counts: object.take_map("KEY_COUNTS")?,
            connections_max: connections as usize / 2,
            offsets: None,
        })
    }

    fn clear(&mut self) -> anyhow::Result<()> {
        for connection in self.connections.keys().collect::<Result<Vec<_>, _>>()? {
            self.connections.remove(&connection)?;
        }
        for thread in self.pending.keys().collect::<Result<Vec<_>, _>>()? {
            self.pending.remove(&thread)?;
        }
        for counter in 0..self.counts.len() {
            self.counts.set(counter, 0, 0)?;
        }
        Ok(())
    }
}

/// Calls of a client over connections that were removed from the map.
#[derive(Clone, Copy, Debug, Default)]
struct PastCalls {
    calls: u64,
    connections: u32,
}

/// A key that is being watched.
pub(super) struct Watch {
    /// Whether mctop sees the same process ids as the kernel.
    has_initial_ids: bool,
    lookups: Vec<Link>,
    system_calls: Option<RawTracePointLinkId>,
    since: Instant,
    /// Calls of each connection at the last reading.
    known: HashMap<Connection, u64>,
    past: HashMap<Peer, PastCalls>,
    /// What was observed until the last reading.
    pub detail: KeyDetail,
}

impl Watch {
    /// Nothing is attached or observed yet.
    pub(super) fn new(target: u32, key: &Key, notes: Vec<String>) -> Self {
        Self {
            has_initial_ids: privilege::is_in_initial(NamespaceKind::Pid) == Some(true),
            lookups: Vec::new(),
            system_calls: None,
            since: Instant::now(),
            known: HashMap::new(),
            past: HashMap::new(),
            detail: KeyDetail {
                target,
                key: key.clone(),
                length: Duration::ZERO,
                calls: 0,
                clients: Vec::new(),
                unknown_calls: 0,
                latency: Latency::default(),
                notes,
                ended: None,
            },
        }
    }

    /// Attaches the probes for a key of server `target`, whose usual probes are `attached`.
    ///
    /// # Errors
    /// A [`crate::error::Failure`] that names what the kernel refused.
    pub(super) fn start(
        maps: &mut Maps,
        object: &mut Object,
        target: u32,
        key: &Key,
        attached: &AttachedProbes,
    ) -> anyhow::Result<Self> {
        let mut notes = Vec::new();
        let knows_descriptors = attached.knows_descriptors();
        if !knows_descriptors {
            notes.push(format!("Clients are unknown: {NO_DESCRIPTOR}."));
        } else if maps.offsets.is_none() {
            match offsets::of_kernel() {
                Ok(offsets) => maps.offsets = Some(offsets),
                Err(error) => notes.push(format!("Clients are unknown: {}.", with_causes(&error))),
            }
        }
        maps.clear().context("cannot clear the maps of the previous key")?;
        let watched = WatchedKey {
            hash: object.hash(target, key),
            process: attached.process.get(),
            offsets: maps.offsets.unwrap_or_default(),
        };
        maps.watched.set(0, watched, 0).context("cannot set the key to watch")?;
        let mut watch = Self::new(target, key, notes);
        // Attached first, so that no reply is missed.
        let system_calls = match (knows_descriptors, watch.has_initial_ids) {
            (true, true) => attach_system_calls(&mut object.programs),
            // Without a descriptor, replies cannot be matched to lookups.
            (false, _) => Err(anyhow::anyhow!(NO_DESCRIPTOR)),
            (true, false) => Err(anyhow::anyhow!(
                "mctop runs in a PID namespace of its own, in which the server has another process id"
            )),
        };
        match system_calls {
            Ok(link) => watch.system_calls = Some(link),
            Err(error) => watch.detail.notes.push(format!("Latencies are unknown: {}.", with_causes(&error))),
        }
        if let Err(error) = watch.attach_lookups(&mut object.programs, attached) {
            watch.stop(maps, &mut object.programs)?;
            return Err(error);
        }
        watch.since = Instant::now();
        Ok(watch)
    }

    fn attach_lookups(&mut self, programs: &mut EbpfPrograms, attached: &AttachedProbes) -> anyhow::Result<()> {
        for location in attached.lookups() {
            let link = programs
                .attach(LOOKUPS, &location)
                .map_err(|error| privilege::explain(error, "attach the probe for the detail of a key"))?;
            self.lookups.push(link);
        }
        Ok(())
    }

    /// Detaches the probes.
    pub(super) fn stop(self, maps: &mut Maps, programs: &mut EbpfPrograms) -> anyhow::Result<()> {
        detach::from_running(programs, self.lookups);
        if let Some(link) = self.system_calls {
            let system_calls: &mut RawTracePoint = programs.get(SYSTEM_CALLS)?.try_into()?;
            system_calls.detach(link).context("cannot detach from the tracepoint of system calls")?;
        }
        maps.watched.set(0, WatchedKey::default(), 0).context("cannot unset the key to watch")
    }

    /// Reads what was observed so far.
    pub(super) fn read(&mut self, maps: &mut Maps) -> anyhow::Result<()> {
        let Maps { connections, counts, connections_max, .. } = maps;
        // Connections are read before the calls, so that their sum does not exceed the calls.
        let mut now = HashMap::new();
        for connection in connections.keys() {
            let connection = connection.context("cannot list the connections that call the key")?;
            if let Ok(calls) = connections.get(&connection, 0) {
                now.insert(connection, calls);
            }
        }
        if now.len() > *connections_max {
            now.retain(|connection, calls| {
                let is_quiet = self.known.get(connection) == Some(calls);
                // A call between the reading and the removal is counted as one of an unknown client.
                let is_removed = is_quiet && connections.remove(connection).is_ok();
                if is_removed {
                    let past = self.past.entry(peer(connection, self.has_initial_ids)).or_default();
                    past.calls += *calls;
                    past.connections += 1;
                }
                !is_removed
            });
        }
        self.known = now;
        let mut by_peer = self.past.clone();
        for (connection, calls) in &self.known {
            let sum = by_peer.entry(peer(connection, self.has_initial_ids)).or_default();
            sum.calls += calls;
            sum.connections += 1;
        }
        let count = |counter: u32| counts.get(&counter, 0).context("cannot read the counters of the key");
        let mut latency = Latency::default();
        for (bucket, counter) in latency.powers.iter_mut().zip(0..LATENCY_BUCKETS) {
            *bucket = count(counter)?;
        }
        latency.unanswered = count(UNANSWERED)?;
        self.detail.calls = count(CALLS)?;
        self.detail.length = self.since.elapsed();
        self.detail.latency = latency;
        self.detail.clients = by_peer
            .into_iter()
            .map(|(peer, sum)| Client { peer, connections: sum.connections, calls: sum.calls })
            .collect();
        self.detail.clients.sort_by(|a, b| b.calls.cmp(&a.calls).then_with(|| a.peer.cmp(&b.peer)));
        let known: u64 = self.detail.clients.iter().map(|client| client.calls).sum();
        self.detail.unknown_calls = self.detail.calls.saturating_sub(known);
        Ok(())
    }
}

fn attach_system_calls(programs: &mut EbpfPrograms) -> anyhow::Result<RawTracePointLinkId> {
    let program: &mut RawTracePoint = programs.get(SYSTEM_CALLS)?.try_into()?;
    program
        .attach(TRACEPOINT)
        .map_err(|error| privilege::explain(error.into(), "attach to the tracepoint of system calls"))
}

/// The remote end of a connection.
fn peer(connection: &Connection, has_initial_ids: bool) -> Peer {
    let [a, b, c, d, ..] = connection.address;
    match connection.family {
        FAMILY_UNIX => Peer::Unix { pid: Some(connection.process).filter(|pid| *pid != 0 && has_initial_ids) },
        _ if connection.port == 0 => Peer::Udp,
        FAMILY_IPV4 => Peer::Tcp(IpAddr::V4(Ipv4Addr::new(a, b, c, d))),
        _ => Peer::Tcp(IpAddr::V6(Ipv6Addr::from(connection.address)).to_canonical()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_are_attributed_to_their_remote_ends() {
        let mut address = [0; 16];
        address[..4].copy_from_slice(&[10, 0, 0, 7]);
        let ipv4 = Connection { address, family: FAMILY_IPV4, port: 5, process: 0 };
        assert_eq!(peer(&ipv4, true), Peer::Tcp("10.0.0.7".parse().unwrap()));
        assert_eq!(peer(&Connection { port: 0, ..ipv4 }, true), Peer::Udp);
        let mapped = Ipv4Addr::new(10, 0, 0, 7).to_ipv6_mapped().octets();
        assert_eq!(peer(&Connection { address: mapped, family: 10, ..ipv4 }, true), peer(&ipv4, true));
        let unix = Connection { family: FAMILY_UNIX, process: 7, ..Connection::default() };
        assert_eq!(peer(&unix, true), Peer::Unix { pid: Some(7) });
        assert_eq!(peer(&unix, false), Peer::Unix { pid: None });
        assert_eq!(peer(&Connection { process: 0, ..unix }, true), Peer::Unix { pid: None });
    }
}
