//! What identifies a server across restarts: its addresses, its binary, its network and its control group.

use super::Process;
use super::cgroup::CgroupInfo;

/// What a restarted server has in common with the process that it replaces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerIdentity {
    listen: Vec<String>,
    binary: String,
    /// Inode of its network namespace.
    network: Option<u64>,
    /// Whether mctop is in that namespace, too.
    is_in_our_network: bool,
    cgroup: CgroupInfo,
}

impl ServerIdentity {
    /// The identity of a running process.
    #[must_use]
    pub fn of(process: &Process) -> Self {
        Self {
            listen: process.listen.clone(),
            binary: process.binary.clone(),
            network: process.network,
            is_in_our_network: process.is_in_our_network(),
            cgroup: process.cgroup.clone(),
        }
    }

    /// Whether both are the same server: they listen at the same addresses of the same network. If no addresses are known,
    /// the binary decides.
    #[must_use]
    pub fn is_same_server(&self, other: &Self) -> bool {
        self.listen == other.listen
            && (!self.listen.is_empty() || self.binary == other.binary)
            && self.is_same_network(other)
    }

    /// Whether this server may become `other` once it has opened its remaining addresses.
    #[must_use]
    pub fn may_become(&self, other: &Self) -> bool {
        self.listen.len() < other.listen.len()
            && self.listen.iter().all(|address| other.listen.contains(address))
            && self.is_same_network(other)
    }

    /// Whether both belong to one network, in which two servers cannot share an address. The namespace number alone does not
    /// decide, because the kernel reuses it as soon as the namespace is gone. Neither do addresses: those of containers are
    /// nearly always the same.
    fn is_same_network(&self, other: &Self) -> bool {
        if self.is_in_our_network || other.is_in_our_network {
            return self.is_in_our_network && other.is_in_our_network;
        }
        match (&self.cgroup.container, &other.cgroup.container) {
            (None, None) => self.network == other.network || self.cgroup.is_same_service(&other.cgroup),
            (Some(ours), Some(theirs)) => ours == theirs || self.cgroup.is_same_pod(&other.cgroup),
            _ => false,
        }
    }
}

#[cfg(test)]
impl ServerIdentity {
    /// A server in our network, for tests.
    pub fn listening(addresses: &[&str]) -> Self {
        let listen = addresses.iter().map(|&address| address.to_owned()).collect();
        Self { listen, is_in_our_network: true, ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::super::cgroup;
    use super::*;

    fn identity(listen: &[&str], network: u64, cgroup: &str) -> ServerIdentity {
        ServerIdentity {
            listen: listen.iter().map(|&address| address.to_owned()).collect(),
            binary: "/usr/bin/memcached".to_owned(),
            network: Some(network),
            is_in_our_network: network == 1,
            cgroup: cgroup::parse(&format!("0::{cgroup}\n")),
        }
    }

    const ANY: &[&str] = &["0.0.0.0:11211"];
    const SERVICE: &str = "/system.slice/memcached.service";

    #[test]
    fn addresses_identify_servers_in_our_network() {
        let server = identity(&["127.0.0.1:1", "[::1]:1"], 1, SERVICE);
        assert!(server.is_same_server(&identity(&["127.0.0.1:1", "[::1]:1"], 1, "/user.slice/session-1.scope")));
        let starting = identity(&["127.0.0.1:1"], 1, SERVICE);
        assert!(starting.may_become(&server) && !starting.is_same_server(&server));
        assert!(!server.may_become(&server) && !server.may_become(&starting));
        assert!(!identity(&["127.0.0.1:2"], 1, SERVICE).may_become(&server));
        assert!(!server.is_same_server(&identity(&["127.0.0.1:1", "[::1]:1"], 2, SERVICE)));
    }

    #[test]
    fn binaries_identify_servers_without_known_addresses() {
        let server = identity(&[], 1, SERVICE);
        assert!(server.is_same_server(&server.clone()));
        assert!(!server.is_same_server(&ServerIdentity { binary: "/opt/memcached".into(), ..server.clone() }));
    }

    #[test]
    fn containers_with_the_same_addresses_are_different_servers() {
        let docker = |letter: &str, network| identity(ANY, network, &format!("/docker/{}", letter.repeat(64)));
        let pod = |pod: &str, letter: &str, network| {
            identity(ANY, network, &format!("/kubepods/burstable/pod{pod}/{}", letter.repeat(64)))
        };
        // Restarted: the same container, with a new network.
        assert!(docker("a", 5).is_same_server(&docker("a", 6)));
        // A different container that was given the number of a namespace that is gone.
        assert!(!docker("a", 5).is_same_server(&docker("b", 5)));
        assert!(pod("x", "a", 5).is_same_server(&pod("x", "b", 5)), "restarted inside its pod");
        assert!(!pod("x", "a", 5).is_same_server(&pod("y", "b", 5)));
        assert!(!docker("a", 5).is_same_server(&identity(ANY, 5, SERVICE)));
    }

    #[test]
    fn services_keep_their_identity_in_a_new_network() {
        assert!(identity(ANY, 5, SERVICE).is_same_server(&identity(ANY, 6, SERVICE)));
        assert!(!identity(ANY, 5, SERVICE).is_same_server(&identity(ANY, 6, "/system.slice/other.service")));
        let session = "/user.slice/session-1.scope";
        assert!(identity(ANY, 5, session).is_same_server(&identity(ANY, 5, session)));
        assert!(!identity(ANY, 5, session).is_same_server(&identity(ANY, 6, session)));
    }
}
