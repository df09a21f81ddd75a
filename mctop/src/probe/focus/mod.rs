//! One key looked at closely: probes of their own, attached only meanwhile, tell who calls it and how long answers take.

mod offsets;
mod sight;

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, Instant};

use anyhow::Context;
use aya::Ebpf;
use aya::maps::{Array, HashMap as BpfHashMap, MapData};
use aya::programs::RawTracePoint;
use aya::programs::raw_trace_point::RawTracePointLinkId;
use mctop_common::focus::{
    CALLS, Client as Connection, FAMILY_IPV4, FAMILY_UNIX, Focus as Switch, Offsets, POWERS, UNANSWERED, Waiting,
};

use super::attach::Attached;
use super::detach;
use super::object::Object;
use super::privilege::{self, Namespace};
use super::uprobe::Link;
use crate::error::with_causes;
use crate::model::key::Key;
use crate::model::key_detail::{Client, KeyDetail, Latency, Peer};

pub(crate) use sight::Sight;

/// The program at the lookups.
const LOOKUPS: &str = "focus";
/// The program at the ends of system calls.
const SYSTEM_CALLS: &str = "system_call";
/// Both: they are attached only while a key is looked at.
pub(super) const PROGRAMS: [&str; 2] = [LOOKUPS, SYSTEM_CALLS];
/// What is said where a site does not tell which connection a lookup is for.
const UNTOLD: &str = "lookups of this build of memcached do not tell their connection";
/// The tracepoint where system calls of all processes end.
const TRACEPOINT: &str = "sys_exit";
/// The maps of what is looked at.
pub(crate) struct Maps {
    switch: Array<MapData, Switch>,
    clients: BpfHashMap<MapData, Connection, u64>,
    waiting: BpfHashMap<MapData, u32, Waiting>,
    counts: Array<MapData, u64>,
    /// When so many connections are known, those that are quiet make room.
    crowded: usize,
    /// Once they were needed.
    offsets: Option<Offsets>,
}

impl Maps {
    /// Takes them from the loaded object, whose map of connections has room for so many `clients`.
    ///
    /// # Errors
    /// When they are not there.
    pub(crate) fn take(ebpf: &mut Ebpf, clients: u32) -> anyhow::Result<Self> {
        let mut take =
            |name: &'static str| ebpf.take_map(name).with_context(|| format!("the eBPF object has no map {name}"));
        Ok(Self {
            switch: take("FOCUS")?.try_into()?,
            clients: take("CLIENTS")?.try_into()?,
            waiting: take("WAITING")?.try_into()?,
            counts: take("COUNTS")?.try_into()?,
            crowded: clients as usize / 2,
            offsets: None,
        })
    }

    fn clear(&mut self) -> anyhow::Result<()> {
        for connection in self.clients.keys().collect::<Result<Vec<_>, _>>()? {
            self.clients.remove(&connection)?;
        }
        for thread in self.waiting.keys().collect::<Result<Vec<_>, _>>()? {
            self.waiting.remove(&thread)?;
        }
        for counter in 0..self.counts.len() {
            self.counts.set(counter, 0, 0)?;
        }
        Ok(())
    }
}

/// What a client has called over connections that made room.
#[derive(Clone, Copy, Debug, Default)]
struct Past {
    calls: u64,
    connections: u32,
}

/// A look under way.
pub(super) struct Look {
    /// Whether process ids are the same here as in the kernel.
    knows_ids: bool,
    lookups: Vec<Link>,
    system_calls: Option<RawTracePointLinkId>,
    since: Instant,
    /// Each connection's calls when it was last read.
    known: HashMap<Connection, u64>,
    past: HashMap<Peer, Past>,
    /// What was seen up to the last reading.
    pub focus: KeyDetail,
}

impl Look {
    /// Attaches the probes for a key of the server number `target`, of which `attached` are the usual ones.
    ///
    /// # Errors
    /// A [`crate::error::Failure`] that names what the kernel refused.
    pub(super) fn begin(object: &mut Object, target: u32, key: &Key, attached: &Attached) -> anyhow::Result<Self> {
        let mut notes = Vec::new();
        let tells_descriptors = attached.tells_descriptors();
        if !tells_descriptors {
            notes.push(format!("Clients are not known: {UNTOLD}."));
        }
        let offsets = match object.focus.offsets {
            None if tells_descriptors => offsets::of_kernel()
                .inspect_err(|error| notes.push(format!("Clients are not known: {}.", with_causes(error))))
                .ok(),
            known => known,
        };
        object.focus.offsets = offsets;
        object.focus.clear().context("cannot clear what was seen of another key")?;
        let switch = Switch {
            hash: object.hash(target, key),
            process: attached.process.get(),
            offsets: offsets.unwrap_or_default(),
        };
        object.focus.switch.set(0, switch, 0).context("cannot tell the probes which key to look at")?;
        let mut look = Self {
            knows_ids: privilege::is_in_initial(Namespace::Pid) == Some(true),
            lookups: Vec::new(),
            system_calls: None,
            since: Instant::now(),
            known: HashMap::new(),
            past: HashMap::new(),
            focus: KeyDetail {
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
        };
        // First: an answer must not be missed because it came before the probe on answers.
        let system_calls = match (tells_descriptors, look.knows_ids) {
            (true, true) => attach_system_calls(object),
            // An answer would not be known for that of the lookup.
            (false, _) => Err(anyhow::anyhow!(UNTOLD)),
            (true, false) => Err(anyhow::anyhow!(
                "mctop runs in a process namespace of its own, in which the server has another number"
            )),
        };
        match system_calls {
            Ok(link) => look.system_calls = Some(link),
            Err(error) => look.focus.notes.push(format!("Latencies are not known: {}.", with_causes(&error))),
        }
        if let Err(error) = look.attach_lookups(object, attached) {
            look.end(object)?;
            return Err(error);
        }
        look.since = Instant::now();
        Ok(look)
    }

    fn attach_lookups(&mut self, object: &mut Object, attached: &Attached) -> anyhow::Result<()> {
        for location in attached.lookups() {
            let link = object
                .attach(LOOKUPS, &location)
                .map_err(|error| privilege::explain(error, "attach the probe for a key that is looked at"))?;
            self.lookups.push(link);
        }
        Ok(())
    }

    /// Takes the probes off.
    ///
    /// # Errors
    /// What the kernel says.
    pub(super) fn end(self, object: &mut Object) -> anyhow::Result<KeyDetail> {
        detach::gently(object, self.lookups);
        if let Some(link) = self.system_calls {
            let system_calls: &mut RawTracePoint = object.program(SYSTEM_CALLS)?.try_into()?;
            system_calls.detach(link).context("cannot detach from the tracepoint of system calls")?;
        }
        object.focus.switch.set(0, Switch::default(), 0).context("cannot tell the probes to look at no key")?;
        Ok(self.focus)
    }

    /// Reads what was seen so far.
    ///
    /// # Errors
    /// What the kernel says.
    pub(super) fn read(&mut self, object: &mut Object) -> anyhow::Result<()> {
        let Maps { clients, counts, crowded, .. } = &mut object.focus;
        // Connections first: what is counted meanwhile must not be more than the calls.
        let mut now = HashMap::new();
        for connection in clients.keys() {
            let connection = connection.context("cannot list the connections that call a key")?;
            if let Ok(calls) = clients.get(&connection, 0) {
                now.insert(connection, calls);
            }
        }
        if now.len() > *crowded {
            now.retain(|connection, calls| {
                let is_quiet = self.known.get(connection) == Some(calls);
                // Should it call again at this very moment, that call is one of an unknown client.
                let made_room = is_quiet && clients.remove(connection).is_ok();
                if made_room {
                    let past = self.past.entry(peer(connection, self.knows_ids)).or_default();
                    past.calls += *calls;
                    past.connections += 1;
                }
                !made_room
            });
        }
        self.known = now;
        let mut by_peer = self.past.clone();
        for (connection, calls) in &self.known {
            let sum = by_peer.entry(peer(connection, self.knows_ids)).or_default();
            sum.calls += calls;
            sum.connections += 1;
        }
        let count = |counter: u32| counts.get(&counter, 0).context("cannot read what was counted of a key");
        let mut latency = Latency::default();
        for (power, counter) in latency.powers.iter_mut().zip(0..POWERS) {
            *power = count(counter)?;
        }
        latency.unanswered = count(UNANSWERED)?;
        self.focus.calls = count(CALLS)?;
        self.focus.length = self.since.elapsed();
        self.focus.latency = latency;
        self.focus.clients = by_peer
            .into_iter()
            .map(|(peer, sum)| Client { peer, connections: sum.connections, calls: sum.calls })
            .collect();
        self.focus.clients.sort_by(|a, b| b.calls.cmp(&a.calls).then_with(|| a.peer.cmp(&b.peer)));
        let known: u64 = self.focus.clients.iter().map(|client| client.calls).sum();
        self.focus.unknown_calls = self.focus.calls.saturating_sub(known);
        Ok(())
    }
}

fn attach_system_calls(object: &mut Object) -> anyhow::Result<RawTracePointLinkId> {
    let program: &mut RawTracePoint = object.program(SYSTEM_CALLS)?.try_into()?;
    program
        .attach(TRACEPOINT)
        .map_err(|error| privilege::explain(error.into(), "attach to the tracepoint of system calls"))
}

/// Who is at the other end.
fn peer(connection: &Connection, knows_ids: bool) -> Peer {
    let [a, b, c, d, ..] = connection.address;
    match connection.family {
        FAMILY_UNIX => Peer::Unix { pid: Some(connection.process).filter(|pid| *pid != 0 && knows_ids) },
        _ if connection.port == 0 => Peer::Udp,
        FAMILY_IPV4 => Peer::Tcp(IpAddr::V4(Ipv4Addr::new(a, b, c, d))),
        _ => Peer::Tcp(IpAddr::V6(Ipv6Addr::from(connection.address)).to_canonical()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers() {
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
