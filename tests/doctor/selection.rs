//! Selecting servers.

use std::net::{Ipv4Addr, TcpListener};

use mctop_test_support::program::run;
use mctop_test_support::server::Server;

use crate::dump_and_doctor;

#[test]
#[ignore = "needs root, eBPF and memcached"]
fn servers_are_selected_by_port() {
    let (first, second) = (Server::start(&[]), Server::start(&[]));
    let [a, b] = [&first, &second].map(|server| server.port().to_string());
    let pids = |arguments: &[&str]| {
        let document = run(&[&["doctor", "--json"], arguments].concat()).document();
        let servers = document["servers"].as_array().unwrap();
        servers.iter().map(|server| server["pid"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    let mut both = [u64::from(first.pid()), u64::from(second.pid())];
    assert_eq!(pids(&["--port", &a]), both[..1]);
    assert_eq!(pids(&["--port", &b]), both[1..]);
    both.sort_unstable();
    assert_eq!(pids(&["--port", &b, "--port", &a]), both);
    let all = pids(&["--all"]);
    assert!(both.iter().all(|pid| all.contains(pid)), "{all:?}");

    let document = run(&["dump", "-d", "100ms", "--format", "json", "--port", &a]).json();
    assert_eq!(document["targets"].as_array().unwrap().len(), 1);
    assert_eq!(document["targets"][0]["pid"], first.pid());
}

#[test]
#[ignore = "needs root, eBPF and memcached"]
fn a_port_without_memcached_is_refused_with_the_ports_that_have_one() {
    let server = Server::start(&[]);
    // A process listens there that is no memcached.
    let other = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = other.local_addr().unwrap().port().to_string();
    for said in dump_and_doctor(&["--port", &port]) {
        assert_eq!(said.code, 4, "{said:?}");
        let this = format!("process {} (", std::process::id());
        for part in [&port, &server.port().to_string(), &this] {
            assert!(said.paragraph().contains(part), "{part} is not in {said:?}");
        }
    }
    drop(other);
    for said in dump_and_doctor(&["--port", &port]) {
        assert_eq!(said.code, 4, "{said:?}");
        for part in [&*format!("Nothing listens on TCP or UDP port {port}."), &server.port().to_string()] {
            assert!(said.paragraph().contains(part), "{part} is not in {said:?}");
        }
        assert!(!said.err.contains("examined,") && !said.err.contains("security module"), "{said:?}");
    }
    let gone = run(&["doctor", "--json", "--pid", "4294967295"]);
    assert_eq!(gone.document()["exit_code"], 4);
}
