//! Where a server stands: what a process that takes its place has in common with it.

use super::Process;
use super::cgroup::Place;

/// Where a server listens, and in which network.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stand {
    listen: Vec<String>,
    binary: String,
    /// Its network namespace.
    network: Option<u64>,
    /// Whether that is ours.
    is_ours: bool,
    place: Place,
}

impl Stand {
    /// That of a process.
    #[must_use]
    pub fn of(process: &Process) -> Self {
        Self {
            listen: process.listen.clone(),
            binary: process.binary.clone(),
            network: process.network,
            is_ours: process.is_in_our_network(),
            place: process.place.clone(),
        }
    }

    /// Whether it is the same one: the same addresses in the same network, or the same binary where neither tells where it
    /// listens.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.listen == other.listen
            && (!self.listen.is_empty() || self.binary == other.binary)
            && self.is_same_network(other)
    }

    /// Whether this one will be the same as `other` once it listens at more addresses.
    #[must_use]
    pub fn is_begin_of(&self, other: &Self) -> bool {
        self.listen.len() < other.listen.len()
            && self.listen.iter().all(|address| other.listen.contains(address))
            && self.is_same_network(other)
    }

    /// Whether no two servers of both could listen at the same address. The namespace does not tell where it goes with its
    /// processes: another gets its number at once. In containers nearly all servers have the same addresses.
    fn is_same_network(&self, other: &Self) -> bool {
        if self.is_ours || other.is_ours {
            return self.is_ours && other.is_ours;
        }
        match (&self.place.container, &other.place.container) {
            (None, None) => self.network == other.network || self.place.is_same_service(&other.place),
            (Some(ours), Some(theirs)) => ours == theirs || self.place.is_same_pod(&other.place),
            _ => false,
        }
    }
}

#[cfg(test)]
impl Stand {
    /// One in our network, for tests.
    pub fn listening(addresses: &[&str]) -> Self {
        let listen = addresses.iter().map(|&address| address.to_owned()).collect();
        Self { listen, is_ours: true, ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::super::cgroup;
    use super::*;

    fn stand(listen: &[&str], network: u64, cgroup: &str) -> Stand {
        Stand {
            listen: listen.iter().map(|&address| address.to_owned()).collect(),
            binary: "/usr/bin/memcached".to_owned(),
            network: Some(network),
            is_ours: network == 1,
            place: cgroup::parse(&format!("0::{cgroup}\n")),
        }
    }

    const ANY: &[&str] = &["0.0.0.0:11211"];
    const SERVICE: &str = "/system.slice/memcached.service";

    #[test]
    fn in_our_network_addresses_tell() {
        let server = stand(&["127.0.0.1:1", "[::1]:1"], 1, SERVICE);
        assert!(server.is_same(&stand(&["127.0.0.1:1", "[::1]:1"], 1, "/user.slice/session-1.scope")));
        let begun = stand(&["127.0.0.1:1"], 1, SERVICE);
        assert!(begun.is_begin_of(&server) && !begun.is_same(&server));
        assert!(!server.is_begin_of(&server) && !server.is_begin_of(&begun));
        assert!(!stand(&["127.0.0.1:2"], 1, SERVICE).is_begin_of(&server));
        assert!(!server.is_same(&stand(&["127.0.0.1:1", "[::1]:1"], 2, SERVICE)));
    }

    #[test]
    fn where_nothing_is_known_of_addresses_binaries_tell() {
        let server = stand(&[], 1, SERVICE);
        assert!(server.is_same(&server.clone()));
        assert!(!server.is_same(&Stand { binary: "/opt/memcached".into(), ..server.clone() }));
    }

    #[test]
    fn containers_with_the_same_addresses_are_different_servers() {
        let docker = |letter: &str, network| stand(ANY, network, &format!("/docker/{}", letter.repeat(64)));
        let pod = |pod: &str, letter: &str, network| {
            stand(ANY, network, &format!("/kubepods/burstable/pod{pod}/{}", letter.repeat(64)))
        };
        // Restarted: the same container, with a new network.
        assert!(docker("a", 5).is_same(&docker("a", 6)));
        // Another one, which got the number of the network that is gone.
        assert!(!docker("a", 5).is_same(&docker("b", 5)));
        assert!(pod("x", "a", 5).is_same(&pod("x", "b", 5)), "restarted inside of its pod");
        assert!(!pod("x", "a", 5).is_same(&pod("y", "b", 5)));
        assert!(!docker("a", 5).is_same(&stand(ANY, 5, SERVICE)));
    }

    #[test]
    fn networks_of_services_and_of_none() {
        assert!(stand(ANY, 5, SERVICE).is_same(&stand(ANY, 6, SERVICE)));
        assert!(!stand(ANY, 5, SERVICE).is_same(&stand(ANY, 6, "/system.slice/other.service")));
        let session = "/user.slice/session-1.scope";
        assert!(stand(ANY, 5, session).is_same(&stand(ANY, 5, session)));
        assert!(!stand(ANY, 5, session).is_same(&stand(ANY, 6, session)));
    }
}
