//! Items that expire or are flushed while they are read: hits, misses and their reasons agree with memcached's counters.

use std::thread;
use std::time::{Duration, Instant};

use mctop_test_support::expected::{Expected, Site};
use mctop_test_support::observer::Observer;
use mctop_test_support::server::Server;

use crate::exact::growth;

const CLIENTS: u64 = 4;
const KEYS: u64 = 500;
/// Fewest reads of a client.
const READS: u64 = 60_000;
/// Shortest time that they take: several TTLs of one second.
const TIME: Duration = Duration::from_millis(4_500);

/// Stores items with a TTL of one second and reads them all the time; now and then, all are stored again.
fn read_what_expires(server: &Server, client: u64) {
    let mut connection = server.connect();
    let stores: String = (0..KEYS).map(|key| format!("set {client}-{key} 0 1 4\r\nabcd\r\n")).collect();
    let reads: String = (0..KEYS).map(|key| format!("get {client}-{key}\r\n")).collect();
    let began = Instant::now();
    for round in 0.. {
        if round % 40 == 0 {
            connection.ask(&stores);
        }
        connection.ask(&reads);
        // Towards the end of a cycle all of them expire before their last read: memcached counts an expired item that a store finds
        // like one that a read finds.
        if round % 40 >= 35 {
            thread::sleep(Duration::from_millis(300));
        }
        if round * KEYS >= READS && began.elapsed() > TIME {
            return;
        }
    }
}

#[test]
#[ignore = "needs root, eBPF and memcached"]
fn expired_and_flushed_items_are_counted_under_load() {
    let server = Server::start_without_crawler();
    let observer = Observer::start(&server, &[]);
    let before = server.stats();
    thread::scope(|scope| {
        for client in 0..CLIENTS {
            let server = &server;
            scope.spawn(move || read_what_expires(server, client));
        }
        // Flushes at once and after a delay; flushed items must be distinguished from expired ones. The last item is larger than the
        // others, so that memcached does not reclaim it for them.
        let mut connection = server.connect();
        connection.ask("flush_all\r\n");
        thread::sleep(Duration::from_millis(1_500));
        connection.ask(&format!("set lasting 0 0 1000\r\n{}\r\nflush_all 2\r\nget lasting\r\n", "v".repeat(1000)));
        thread::sleep(Duration::from_millis(4_000));
        connection.ask("get lasting\r\nget lasting\r\n");
    });
    let after = server.stats();
    let document = observer.finish();
    document.assert_whole();
    let site = document.lookup_site();
    if !Expected::has(site != Site::Early, "misses of what has expired or was flushed, hits at the early site") {
        return;
    }
    let growth = growth(&before, &after);
    assert!(document.total("gets") >= CLIENTS * READS);
    assert_eq!((document.total("hits"), document.total("misses")), (growth("get_hits"), growth("get_misses")));
    if !Expected::has(site == Site::Exact, "why lookups miss, which only the exact site tells") {
        return;
    }
    assert_eq!((document.total("expired"), document.total("flushed")), (growth("get_expired"), growth("get_flushed")));
    assert!(document.total("expired") > 0 && document.total("flushed") > 0, "{}", document.0["totals"]);
    let lasting = document.counts("lasting", ["hits", "misses", "flushed", "expired"]);
    assert_eq!(lasting, [1, 2, 1, 0]);
}
