//! Servers that exit, restart or start while others are watched.

use std::collections::BTreeSet;
use std::process::{Child, Command};
use std::sync::PoisonError;
use std::thread::sleep;
use std::time::{Duration, Instant};

use mctop_test_support::observer::Observer;
use mctop_test_support::server::{self, Server};

use crate::misled::REFUSED_SERVERS;

/// Waits until mctop has attached as many more probes as it had `before`. Breakpoints in the new server would not show that,
/// because other tests watch every server.
fn await_probes(observer: &Observer, before: &BTreeSet<u64>) {
    assert!(!before.is_empty());
    let deadline = Instant::now() + Duration::from_secs(20);
    while observer.links().difference(before).count() < before.len() {
        assert!(Instant::now() < deadline, "mctop has not noticed the server");
        sleep(Duration::from_millis(20));
    }
}

#[test]
#[ignore = "needs root, eBPF and memcached"]
fn counts_continue_after_a_restart_and_the_gap_is_shown() {
    let mut server = Server::start(&[]);
    let first = server.pid();
    let observer = Observer::start(&server, &[]);
    server.connect().ask(&"get a\r\n".repeat(10));
    let probes = observer.links();
    server.restart();
    await_probes(&observer, &probes);
    server.connect().ask(&"get a\r\n".repeat(7));
    let document = observer.finish();
    document.assert_sums();
    assert_eq!(document.key("a")["calls"], 17);
    let targets = document.0["targets"].as_array().unwrap();
    assert_eq!((targets.len(), &targets[0]["pid"]), (1, &server.pid().into()));
    let gaps = document.0["gaps"].as_array().unwrap();
    assert_eq!((gaps.len(), &gaps[0]["exited_pid"]), (1, &first.into()));
    let (from, to) = (gaps[0]["from_s"].as_f64().unwrap(), gaps[0]["to_s"].as_f64().unwrap());
    assert!(0.0 < from && from < to && to < document.0["duration_s"].as_f64().unwrap(), "{gaps:?}");
}

/// At different moments of an interval.
#[test]
#[ignore = "needs root, eBPF and memcached"]
fn many_restarts_are_gaps_of_one_server() {
    let mut server = Server::start(&[]);
    let observer = Observer::start(&server, &[]);
    for times in 1..=8 {
        let probes = observer.links();
        server.restart();
        await_probes(&observer, &probes);
        server.connect().ask(&"get a\r\n".repeat(times));
        sleep(Duration::from_millis(130 * times as u64));
    }
    let document = observer.finish();
    document.assert_sums();
    assert_eq!(document.key("a")["calls"], 36);
    assert_eq!(document.0["targets"].as_array().unwrap().len(), 1);
    let gaps = document.0["gaps"].as_array().unwrap();
    assert!(gaps.len() == 8 && gaps.iter().all(|gap| gap["to_s"].is_number()), "{gaps:?}");
    // Each process followed the previous one, also those that have exited since.
    assert!(gaps.windows(2).all(|pair| pair[0]["new_pid"] == pair[1]["exited_pid"]), "{gaps:?}");
    assert_eq!(gaps[7]["new_pid"], server.pid());
}

/// A server in its own network namespace, with a common address.
fn start_elsewhere() -> Child {
    let child = Command::new("unshare")
        .arg("--net")
        .args(server::command())
        .args(["-u", "nobody", "-U", "0", "-l", "0.0.0.0", "-p", "11211"])
        .spawn()
        .unwrap();
    // By now it listens.
    sleep(Duration::from_millis(500));
    child
}

/// As in containers, where nearly all servers listen at the same addresses.
#[test]
#[ignore = "needs root, eBPF and memcached"]
fn a_server_in_another_network_namespace_is_no_successor() {
    let mut named = start_elsewhere();
    let observer = Observer::start_on(&["--pid", &named.id().to_string()]);
    named.kill().unwrap();
    named.wait().unwrap();
    let mut other = start_elsewhere();
    // Longer than intervals, within which it would be noticed.
    sleep(Duration::from_millis(2_500));
    assert!(other.try_wait().unwrap().is_none(), "it has ended");
    other.kill().unwrap();
    other.wait().unwrap();
    let document = observer.finish();
    let (targets, gaps) = (document.0["targets"].as_array().unwrap(), document.0["gaps"].as_array().unwrap());
    assert_eq!((targets.len(), &targets[0]["pid"]), (1, &named.id().into()));
    assert_eq!(targets[0]["listen"], serde_json::json!(["0.0.0.0:11211"]));
    assert!(gaps.len() == 1 && gaps[0]["to_s"].is_null(), "{gaps:?}");
}

#[test]
#[ignore = "needs root, eBPF and memcached"]
fn the_gap_of_a_server_that_does_not_return_is_open() {
    let mut server = Server::start(&[]);
    let observer = Observer::start(&server, &[]);
    server.connect().ask("get a\r\nget a\r\n");
    server.kill();
    // Longer than an interval, within which it is noticed.
    sleep(Duration::from_millis(2_500));
    let document = observer.finish();
    assert_eq!(document.key("a")["calls"], 2);
    let gap = &document.0["gaps"][0];
    assert!(gap["exited_pid"] == server.pid() && gap["to_s"].is_null(), "{gap}");
}

#[test]
#[ignore = "needs root, eBPF and memcached"]
fn a_server_that_appears_later_is_watched() {
    let _guard = REFUSED_SERVERS.write().unwrap_or_else(PoisonError::into_inner);
    let early = Server::start(&[]);
    let observer = Observer::start_on(&[]);
    early.connect().ask("get of-the-early-one\r\n");
    let late = Server::start(&[]);
    let mut client = late.connect();
    // Longer than the intervals within which it is noticed. From then on, everything is counted.
    for number in 0..100 {
        client.ask(&format!("get {number}-of-the-late-one\r\n"));
        sleep(Duration::from_millis(100));
    }
    let document = observer.finish();
    let pid_of = |key: &str| {
        let target = document.key(key)["target"].as_u64().unwrap();
        document.0["targets"][target as usize]["pid"].as_u64().unwrap()
    };
    let counted = |number: &usize| document.keys().iter().any(|key| key["key"] == format!("{number}-of-the-late-one"));
    let first = (0..100).find(counted).expect("the server was not noticed");
    assert!((first..100).all(|number| counted(&number)), "from {first} on not all were counted");
    assert_eq!(pid_of("99-of-the-late-one"), u64::from(late.pid()));
    assert_eq!(pid_of("of-the-early-one"), u64::from(early.pid()));
}

#[test]
#[ignore = "needs root, eBPF and memcached"]
fn a_server_at_another_address_is_no_successor() {
    let mut named = Server::start(&[]);
    let observer = Observer::start(&named, &[]);
    let other = Server::start(&[]);
    named.kill();
    // Longer than an interval, within which it would be noticed. Breakpoints in it would not show that, because other tests watch every
    // server.
    sleep(Duration::from_millis(2_500));
    other.connect().ask("get of-the-other-one\r\n");
    let document = observer.finish();
    assert_eq!(document.0["targets"].as_array().unwrap().len(), 1);
    assert_eq!(document.total("calls"), 0);
}
