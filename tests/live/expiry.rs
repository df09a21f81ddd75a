//! Items that expire or are flushed while they are read: hits and misses are memcached's own, and say why.

use std::thread;
use std::time::{Duration, Instant};

use crate::exact::growth;
use crate::observer::Observer;
use crate::server::{self, Server};

const CLIENTS: u64 = 4;
const KEYS: u64 = 500;
/// Reads of each client at least.
const READS: u64 = 60_000;
/// How long they go on at least: some lifetimes of a second.
const TIME: Duration = Duration::from_millis(4_500);

/// Stores items that live for a second, and reads them all the time; those that are missed are stored anew at times.
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
        // Then long enough that all of them have expired when they are read last: memcached counts what a store finds expired
        // as a read that does.
        if round % 40 >= 35 {
            thread::sleep(Duration::from_millis(300));
        }
        if round * KEYS >= READS && began.elapsed() > TIME {
            return;
        }
    }
}

#[test]
fn expiring_and_flushed_items_under_load() {
    if !server::possible() {
        return;
    }
    let server = Server::start_without_crawler();
    let observer = Observer::start(&server, &[]);
    let before = server.stats();
    thread::scope(|scope| {
        for client in 0..CLIENTS {
            let server = &server;
            scope.spawn(move || read_what_expires(server, client));
        }
        // At once, and later: what is flushed must be told from what has expired. The last item is larger than the others,
        // which would have memcached reclaim it when they are stored.
        let mut connection = server.connect();
        connection.ask("flush_all\r\n");
        thread::sleep(Duration::from_millis(1_500));
        connection.ask(&format!("set lasting 0 0 1000\r\n{}\r\nflush_all 2\r\nget lasting\r\n", "v".repeat(1000)));
        thread::sleep(Duration::from_millis(4_000));
        connection.ask("get lasting\r\nget lasting\r\n");
    });
    let after = server.stats();
    let document = observer.finish();
    document.assert_nothing_lost();
    document.assert_sums();
    if document.lookup_site() == "early" {
        println!("LEFT OUT on {}: misses of what has expired or was flushed, hits at the early site", server.version());
        return;
    }
    let growth = growth(&before, &after);
    assert!(document.total("gets") >= CLIENTS * READS);
    assert_eq!((document.total("hits"), document.total("misses")), (growth("get_hits"), growth("get_misses")));
    if document.lookup_site() != "exact" {
        println!("LEFT OUT on {}: why lookups miss, at the {} site", server.version(), document.lookup_site());
        return;
    }
    assert_eq!((document.total("expired"), document.total("flushed")), (growth("get_expired"), growth("get_flushed")));
    assert!(document.total("expired") > 0 && document.total("flushed") > 0, "{}", document.0["totals"]);
    let lasting =
        ["hits", "misses", "flushed", "expired"].map(|field| document.key("lasting")[field].as_u64().unwrap());
    assert_eq!(lasting, [1, 2, 1, 0]);
}
