//! How requests are read at the lookups of a running server. The binary has several variables that may point to its table of connections;
//! the server's memory shows which one does.

use std::fs;

use mctop_common::version::{LOOKUPS_BY_THREAD, ONE_PARSER, Version};

use super::process_memory;
use crate::error::with_causes;
use crate::target::accuracy;
use crate::target::discover::Process;
use crate::target::discover::options::Protocol;
use crate::target::points::{ConnectionSource, Resolved};

/// Offset of the file descriptor in a connection.
const CONNECTION_DESCRIPTOR: u64 = 8;

/// What the lookup probe needs to know to read requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestSite {
    /// Address of the table of connections; 0 if the connection is an operand of the lookup.
    pub connections: u64,
    /// Offset in a connection of the address of its unread input.
    pub input: u64,
    /// Whether text requests are split into tokens in place.
    pub cut: bool,
}

/// How a server's requests are read at lookups, given the load bias of its binary. `None` if that is not proved; the notes then state the
/// consequences, one sentence each.
pub(crate) fn locate(
    process: &Process,
    resolved: &Resolved,
    bias: &anyhow::Result<u64>,
) -> (Option<RequestSite>, Vec<String>) {
    if !keeps_connection(process, resolved) {
        return (None, vec![proxy_note()]);
    }
    let (site, mut notes) = through_connection(process.pid, resolved, bias);
    // Without commands, another note covers all clients.
    if site.is_none() && !resolved.commands.is_empty() && process.options.protocol != Protocol::Ascii {
        notes.push(accuracy::binary_requests());
    }
    (site, notes)
}

fn through_connection(pid: u32, resolved: &Resolved, bias: &anyhow::Result<u64>) -> (Option<RequestSite>, Vec<String>) {
    let Some(requests) = &resolved.requests else { return (None, resolved.command_notes.clone()) };
    let connections = match &requests.connection {
        ConnectionSource::AtLookup => Ok(0),
        ConnectionSource::ByDescriptor(variables) => {
            bias.as_ref().map_err(with_causes).and_then(|bias| table(pid, variables, *bias))
        }
    };
    match connections {
        Ok(connections) => {
            (Some(RequestSite { connections, input: requests.input.into(), cut: requests.cut }), Vec::new())
        }
        Err(reason) => {
            let consequence =
                if resolved.commands.is_empty() { "are not read at lookups" } else { "need a probe of their own" };
            let mut notes = vec![format!(
                "Requests {consequence}, because memcached's table of connections was not found: {reason}."
            )];
            notes.extend(resolved.command_notes.iter().cloned());
            (None, notes)
        }
    }
}

/// The note on a proxy whose lookups do not know their connection.
fn proxy_note() -> String {
    let wrong = accuracy::WRONG;
    format!(
        "For requests that it answers from its own cache, {wrong}: their lookups, except for stores, count as OTHER, because this \
         version does not know the connection at a lookup. Their clients are unknown, too."
    )
}

/// Whether lookups have the connection of their request.
pub(crate) fn keeps_connection(process: &Process, resolved: &Resolved) -> bool {
    let version = resolved.version.as_deref().and_then(Version::parse);
    !process.options.proxy || version.is_none_or(|version| !(LOOKUPS_BY_THREAD..ONE_PARSER).contains(&version))
}

/// The table among those that the variables point to in which the entry of a socket is a connection with that socket, if there is exactly
/// one.
fn table(pid: u32, variables: &[u64], bias: u64) -> Result<u64, String> {
    let sockets = sockets(pid).map_err(|error| format!("its descriptors cannot be listed: {error}"))?;
    let mut tables = variables.iter().filter_map(|variable| {
        let table = pointer(pid, variable.wrapping_add(bias))?;
        sockets.iter().any(|socket| is_connection(pid, table, *socket)).then_some(table)
    });
    match (tables.next(), tables.next()) {
        (Some(table), None) => Ok(table),
        (None, _) => Err(format!("no candidate has a connection of one of its {} sockets", sockets.len())),
        _ => Err("several candidates have connections of its sockets".into()),
    }
}

fn is_connection(pid: u32, table: u64, descriptor: u32) -> bool {
    pointer(pid, table.wrapping_add(8 * u64::from(descriptor)))
        .and_then(|connection| process_memory::read(pid, connection.wrapping_add(CONNECTION_DESCRIPTOR)).ok())
        .is_some_and(|own| u32::from_ne_bytes(own) == descriptor)
}

/// Reads a pointer from a process's memory; `None` if it is NULL or cannot be read.
fn pointer(pid: u32, address: u64) -> Option<u64> {
    process_memory::read(pid, address).ok().map(u64::from_ne_bytes).filter(|pointer| *pointer != 0)
}

fn sockets(pid: u32) -> std::io::Result<Vec<u32>> {
    let mut sockets = Vec::new();
    for entry in fs::read_dir(format!("/proc/{pid}/fd"))? {
        let entry = entry?;
        // The descriptor may have been closed.
        let is_socket =
            fs::read_link(entry.path()).is_ok_and(|link| link.as_os_str().as_encoded_bytes().starts_with(b"socket:"));
        if is_socket {
            sockets.extend(entry.file_name().to_str().and_then(|number| number.parse::<u32>().ok()));
        }
    }
    Ok(sockets)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::bench_support;
    use crate::target::points::RequestSource;
    use std::net::TcpListener;
    use std::os::fd::AsRawFd;

    #[test]
    fn notes_state_what_is_not_proved() {
        let resolved = Resolved {
            command_notes: vec!["Commands are not seen.".into()],
            ..bench_support::sample_target().resolved
        };
        let (pid, bias) = (std::process::id(), Ok(0));
        assert_eq!(through_connection(pid, &resolved, &bias), (None, resolved.command_notes.clone()));
        let by_table = RequestSource {
            connection: ConnectionSource::ByDescriptor(vec![0]),
            input: 8,
            cut: false,
            proof: Vec::new(),
        };
        let resolved = Resolved { requests: Some(by_table), ..resolved };
        let (site, notes) = through_connection(pid, &resolved, &bias);
        assert_eq!((site, notes.len(), &notes[1]), (None, 2, &resolved.command_notes[0]), "{notes:?}");
        assert!(notes[0].contains("are not read at lookups"), "{notes:?}");
        let known = RequestSource { connection: ConnectionSource::AtLookup, ..resolved.requests.clone().unwrap() };
        let resolved = Resolved { requests: Some(known), ..resolved };
        let site = RequestSite { connections: 0, input: 8, cut: false };
        assert_eq!(through_connection(pid, &resolved, &bias), (Some(site), Vec::new()));
    }

    #[test]
    fn the_table_is_recognised_by_its_connections() {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let descriptor = socket.as_raw_fd();
        // A connection, a table that has it at the index of its socket, a table with a connection of another socket, and variables.
        let (own, other) = ([0, descriptor as u64], [0, descriptor as u64 + 1]);
        let table_of = |connection: &[u64; 2]| vec![connection.as_ptr() as u64; descriptor as usize + 1];
        let (right, wrong) = (table_of(&own), table_of(&other));
        let variables = [right.as_ptr() as u64, wrong.as_ptr() as u64, 0];
        let address = |index: usize| &raw const variables[index] as u64;
        let pid = std::process::id();
        assert_eq!(table(pid, &[address(0), address(1), address(2)], 0), Ok(variables[0]));
        assert_eq!(table(pid, &[address(0) - 4096], 4096), Ok(variables[0]));
        assert!(table(pid, &[address(1), address(2)], 0).is_err());
        assert!(table(pid, &[address(0), address(0)], 0).is_err());
    }
}
