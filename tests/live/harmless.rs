//! A watched server is not harmed, however mctop ends.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

use mctop::internal::{load_bias, resolve};
use mctop::{Selection, discover};
use mctop_test_support::observer::Observer;
use mctop_test_support::server::Server;

/// The breakpoint instruction that a uprobe puts in place.
pub const INT3: u8 = 0xcc;

/// The bytes at the probed instructions in the server's memory.
pub fn probed_bytes(server: &Server) -> Vec<u8> {
    let process = discover(&Selection { pids: vec![server.pid()], ..Selection::default() }).unwrap().remove(0);
    let resolved = resolve(&process.image).unwrap();
    let bias = load_bias(&process).unwrap();
    let memory = File::open(format!("/proc/{}/mem", server.pid())).unwrap();
    resolved
        .lookups
        .iter()
        .map(|point| {
            let mut byte = [0];
            memory.read_exact_at(&mut byte, point.address.wrapping_add(bias)).unwrap();
            byte[0]
        })
        .collect()
}

pub fn assert_restored(server: &Server, before: &[u8]) {
    // The kernel removes breakpoints some time after the last reference to them has gone.
    let deadline = Instant::now() + Duration::from_secs(10);
    while probed_bytes(server) != before {
        assert!(Instant::now() < deadline, "the server's code is not what it was: {:x?}", probed_bytes(server));
        std::thread::sleep(Duration::from_millis(20));
    }
    let mut client = server.connect();
    assert_eq!(client.ask("set after 0 0 2\r\nok\r\nget after\r\n"), ["STORED", "VALUE after 0 2", "ok", "END"]);
}

#[test]
#[ignore = "needs root, eBPF and memcached"]
fn no_breakpoint_is_left() {
    let server = Server::start(&[]);
    let before = probed_bytes(&server);
    assert!(!before.is_empty() && !before.contains(&INT3), "{before:x?}");

    let observer = Observer::start(&server, &[]);
    assert!(probed_bytes(&server).iter().all(|byte| *byte == INT3), "mctop watches without probes");
    observer.finish();
    assert_restored(&server, &before);

    let observer = Observer::start(&server, &[]);
    server.connect().ask("get a\r\n");
    assert!(probed_bytes(&server).iter().all(|byte| *byte == INT3));
    observer.kill();
    assert_restored(&server, &before);
}

#[test]
#[ignore = "needs root, eBPF and memcached"]
fn two_observers_see_the_same() {
    let server = Server::start(&[]);
    let first = Observer::start(&server, &[]);
    let second = Observer::start(&server, &[]);
    server.connect().ask(&"get a\r\n".repeat(100));
    let (first, second) = (first.finish(), second.finish());
    assert_eq!((first.total("calls"), second.total("calls")), (100, 100));
}
