//! Many servers at once: each is counted, and they are attached, detached and followed together.

use std::thread::sleep;
use std::time::{Duration, Instant};

use mctop_test_support::observer::{Document, Observer};
use mctop_test_support::program::mctop;
use mctop_test_support::server::Server;

use crate::harmless::{INT3, assert_restored, probed_bytes};

/// Options of small servers, so that many fit.
const SMALL: [&str; 4] = ["-t", "1", "-m", "16"];

fn start(servers: usize) -> Vec<Server> {
    (0..servers).map(|_| Server::start(&SMALL)).collect()
}

fn watch(servers: &[Server], options: &[&str]) -> Observer {
    let pids: Vec<String> = servers.iter().map(|server| server.pid().to_string()).collect();
    let pids = pids.iter().flat_map(|pid| ["--pid", pid]);
    Observer::start_on(&pids.chain(options.iter().copied()).collect::<Vec<_>>())
}

/// Whether this kernel can detach probes together: since Linux 6.10 each is a link of its own.
fn detaches_together() -> bool {
    let release = rustix::system::uname();
    let release = release.release().to_string_lossy();
    let mut numbers =
        release.split(|character: char| !character.is_ascii_digit()).map(|number| number.parse().unwrap_or(0));
    (numbers.next(), numbers.next()) >= (Some(6_u32), Some(10))
}

/// The calls of a key at a server.
fn calls(document: &Document, pid: u32, key: &str) -> u64 {
    let targets = document.0["targets"].as_array().unwrap();
    let target = targets.iter().position(|target| target["pid"] == pid).unwrap();
    let of_it = |entry: &&serde_json::Value| entry["target"] == target && entry["key"] == key;
    document.keys().iter().find(of_it).map_or(0, |entry| entry["calls"].as_u64().unwrap())
}

#[test]
#[ignore = "needs root, eBPF and memcached"]
fn sixty_four_servers_are_each_counted() {
    let servers = start(64);
    // Only some, because resolving each takes a while.
    let some = [&servers[0], &servers[31], &servers[63]];
    let before = some.map(probed_bytes);
    let observer = watch(&servers, &[]);
    assert!(some.iter().all(|server| probed_bytes(server).contains(&INT3)), "a server is not watched");
    for (number, server) in (1..).zip(&servers) {
        server.connect().ask(&format!("{}get of-{number}\r\n", "get of-all\r\n".repeat(number)));
    }
    let asked = Instant::now();
    let document = observer.finish();
    let ending = asked.elapsed();
    document.assert_whole();
    assert_eq!(document.0["targets"].as_array().unwrap().len(), 64);
    for (number, server) in (1..).zip(&servers) {
        assert_eq!(calls(&document, server.pid(), "of-all"), number);
        assert_eq!(calls(&document, server.pid(), &format!("of-{number}")), 1);
    }
    assert_eq!(document.total("calls"), (1..=64).sum::<u64>() + 64);
    for (server, before) in some.iter().zip(&before) {
        assert_restored(server, before);
    }
    // Detaching one after the other takes 14 s.
    assert!(!detaches_together() || ending < Duration::from_secs(5), "it took {ending:?} to end");
}

#[test]
#[ignore = "needs root, eBPF and memcached"]
fn servers_that_restart_at_the_same_time_are_all_followed() {
    let mut servers = start(24);
    let observer = watch(&servers, &[]);
    let ask = |servers: &[Server]| servers.iter().for_each(|server| drop(server.connect().ask("get a\r\n")));
    ask(&servers);
    let before = observer.links();
    let (restarted, others) = servers.split_at_mut(16);
    restarted.iter_mut().for_each(Server::kill);
    restarted.iter_mut().for_each(Server::restart);
    let probes = before.len() / 24 * 16;
    let deadline = Instant::now() + Duration::from_secs(20);
    while observer.links().difference(&before).count() < probes {
        assert!(Instant::now() < deadline, "mctop has not noticed all servers");
        sleep(Duration::from_millis(20));
    }
    ask(restarted);
    ask(others);
    let document = observer.finish();
    document.assert_sums();
    assert_eq!(document.0["targets"].as_array().unwrap().len(), 24);
    assert!(servers.iter().all(|server| calls(&document, server.pid(), "a") == 2), "{:#}", document.0);
    let gaps = document.0["gaps"].as_array().unwrap();
    assert!(gaps.len() == 16 && gaps.iter().all(|gap| gap["to_s"].is_number()), "{gaps:?}");
}

#[test]
#[ignore = "needs root, eBPF and memcached"]
fn tables_grow_with_the_number_of_sites() {
    let mut servers = start(1);
    let options = ["--detail", "full"];
    let probes = Observer::start(&servers[0], &options).finish().probes().len();
    // More than mctop's tables of sites hold by default.
    servers.extend(start(256 / probes + 1));
    let observer = watch(&servers, &options);
    for server in &servers {
        server.connect().ask("get a\r\n");
    }
    let document = observer.finish();
    assert!(
        document.0["targets"]
            .as_array()
            .unwrap()
            .iter()
            .all(|target| target["probes"].as_array().unwrap().len() == probes)
    );
    assert!(servers.iter().all(|server| calls(&document, server.pid(), "a") == 1));
    document.assert_nothing_lost();
}

#[test]
#[ignore = "needs root, eBPF and memcached"]
fn both_kinds_of_attachment_count_the_same() {
    let servers = start(2);
    let before = probed_bytes(&servers[0]);
    let best = if detaches_together() { "uprobe_multi" } else { "perf" };
    for (links, kind) in [("", best), ("perf", "perf")] {
        let pids = servers.iter().map(|server| server.pid().to_string()).collect::<Vec<_>>();
        let arguments = ["dump", "--format", "json", "-d", "60s", "--pid", &pids[0], "--pid", &pids[1]];
        let observer = Observer::spawn(mctop(&arguments).env("MCTOP_PROBE_LINKS", links));
        // Kernels before 6.9 do not list those that are perf events.
        let kinds = observer.link_types();
        assert!(kinds.iter().all(|attached| attached == kind) && !kinds.is_empty(), "{kinds:?}");
        for (server, times) in servers.iter().zip([3, 5]) {
            server.connect().ask(&"get a\r\n".repeat(times));
        }
        let document = observer.finish();
        assert_eq!([0, 1].map(|index: usize| calls(&document, servers[index].pid(), "a")), [3, 5], "{kind}");
        document.assert_nothing_lost();
        assert_restored(&servers[0], &before);
    }
}
