//! All counts are exact and agree with memcached's own, however requests arrive.

use std::collections::HashMap;
use std::thread;
use std::time::Duration;

use mctop_test_support::observer::Observer;
use mctop_test_support::server::Server;

/// By how much each of memcached's counters has grown.
pub fn growth(before: &HashMap<String, u64>, after: &HashMap<String, u64>) -> impl Fn(&str) -> u64 {
    let growth: HashMap<String, u64> =
        after.iter().map(|(name, count)| (name.clone(), count - before.get(name).unwrap_or(&0).min(count))).collect();
    move |name| growth[name]
}

#[test]
#[ignore = "needs root, eBPF and memcached"]
fn a_million_pipelined_operations() {
    const CLIENTS: u64 = 4;
    const ROUNDS: u64 = 1_000;
    let server = Server::start(&[]);
    let observer = Observer::start(&server, &[]);
    let before = server.stats();
    thread::scope(|scope| {
        for client in 0..CLIENTS {
            let server = &server;
            scope.spawn(move || {
                let mut connection = server.connect();
                // 250 operations: 200 reads of one hot key, 40 of a multi-get, 9 storage commands, 1 delete.
                let mut batch = "get hot\r\n".repeat(200);
                let keys: Vec<String> = (0..40).map(|i| format!("cold-{client}-{i}")).collect();
                batch += &format!("get {}\r\n", keys.join(" "));
                for i in 0..9 {
                    batch += &format!("set cold-{client}-{i} 0 0 4\r\nabcd\r\n");
                }
                batch += &format!("delete cold-{client}-0\r\n");
                for _ in 0..ROUNDS {
                    connection.ask(&batch);
                }
            });
        }
    });
    let after = server.stats();
    let document = observer.finish();
    document.assert_whole();
    assert_eq!(document.total("calls"), CLIENTS * ROUNDS * 250);
    assert_eq!(document.total("calls"), 1_000_000);
    assert_eq!(document.key("hot")["calls"], CLIENTS * ROUNDS * 200);
    assert_eq!(document.key("hot")["misses"], CLIENTS * ROUNDS * 200);
    assert_eq!(document.key("cold-3-8")["sets"], ROUNDS);
    assert_eq!(document.keys().len() as u64, 1 + CLIENTS * 40);
    let growth = growth(&before, &after);
    assert_eq!((document.total("hits"), document.total("misses")), (growth("get_hits"), growth("get_misses")));
    assert_eq!((document.total("gets"), document.total("sets")), (growth("cmd_get"), growth("cmd_set")));
}

#[test]
#[ignore = "needs root, eBPF and memcached"]
fn a_thousand_pipelined_commands_of_mixed_verbs() {
    const ROUNDS: u64 = 125;
    let server = Server::start(&[]);
    let observer = Observer::start(&server, &[]);
    let round = "set k 0 0 5\r\nhello\r\nget k\r\nappend k 0 0 1\r\n!\r\ngets k other\r\nincr n 1\r\ntouch k 0\r\n\
                 add k 0 0 2 noreply\r\nhi\r\ndelete k\r\n";
    let answers = server.connect().ask(&round.repeat(ROUNDS as usize));
    assert_eq!(answers.len() as u64, ROUNDS * 11);
    let document = observer.finish();
    document.assert_whole();
    let of = |key: &str| {
        ["hits", "misses", "sets", "deletes", "other", "bytes_out", "bytes_in"]
            .map(|field| document.key(key)[field].as_u64().unwrap() / ROUNDS)
    };
    assert_eq!(of("k"), [2, 0, 3, 1, 1, 5 + 6, 5 + 1 + 2]);
    assert_eq!((of("other"), of("n")), ([0, 1, 0, 0, 0, 0, 0], [0, 0, 0, 0, 1, 0, 0]));
    assert_eq!(document.total("calls"), ROUNDS * 9);
}

#[test]
#[ignore = "needs root, eBPF and memcached"]
fn requests_split_at_any_byte_are_counted() {
    let server = Server::start(&[]);
    let observer = Observer::start(&server, &[]);
    let requests = ["get k other\r\n", "set k 0 300 5\r\nhello\r\n", "delete k\r\n", "touch k 0\r\n"];
    let mut client = server.connect();
    let mut times = [0; 4];
    for (request, times) in requests.iter().zip(&mut times) {
        for at in 1..request.len() {
            let (first, second) = request.split_at(at);
            client.send(first.as_bytes());
            // So that the server receives both parts one by one; the counts are the same if it does not.
            thread::sleep(Duration::from_millis(5));
            client.ask(second);
            *times += 1;
        }
    }
    let document = observer.finish();
    document.assert_whole();
    let counted = document.counts("k", ["gets", "sets", "deletes", "other"]);
    assert_eq!(counted, times);
    assert_eq!(document.key("other")["misses"], times[0]);
    assert_eq!(document.key("k")["bytes_in"], 5 * times[1]);
}

/// Items are validated until enough were right; from then on an item and its key are read in one step.
#[test]
#[ignore = "needs root, eBPF and memcached"]
fn keys_of_any_length_are_counted_after_validation() {
    // Without CAS numbers, keys are at another place in their items.
    for options in [&[][..], &["-C"]] {
        let server = Server::start(options);
        let observer = Observer::start(&server, &[]);
        let mut client = server.connect();
        client.ask("set hot 0 0 3\r\nhot\r\n");
        client.ask(&"get hot\r\n".repeat(100));
        // The first interval is over.
        thread::sleep(Duration::from_millis(1_500));
        let lengths = [1, 7, 8, 9, 23, 24, 25, 31, 32, 33, 63, 64, 65, 128, 249, 250];
        let keys = lengths.map(|len| "k".repeat(len - 1) + "!");
        for (key, len) in keys.iter().zip(lengths) {
            client.ask(&format!("set {key} 0 0 {len}\r\n{}\r\nget {key}\r\nget hot {key} hot\r\n", "v".repeat(len)));
        }
        client.ask(&format!("get {}\r\ngets none {}\r\n", keys.join(" "), keys.join(" ")));
        for key in &keys {
            client.ask(&format!("delete {key}\r\ndelete {key}\r\nget {key}\r\n"));
        }
        let document = observer.finish();
        document.assert_whole();
        for (key, len) in keys.iter().zip(lengths) {
            let shown = document.key(key);
            let counts = ["hits", "misses", "sets", "deletes", "delete_hits", "other", "bytes_in", "bytes_out", "size"]
                .map(|field| shown[field].as_u64().unwrap());
            assert_eq!(counts, [4, 1, 1, 2, 1, 0, len as u64, 4 * len as u64, len as u64], "{options:?}: {key}");
        }
        assert_eq!((&document.key("hot")["hits"], &document.key("none")["misses"]), (&132.into(), &1.into()));
        assert_eq!(document.keys().len(), lengths.len() + 2, "{options:?}");
    }
}

/// Without CAS numbers, the bytes in front of a new item's key may look as if there were one: an expiry with a bit where the flag
/// would be, and a size whose second byte is the key's length.
#[test]
#[ignore = "needs root, eBPF and memcached"]
fn sizes_are_right_without_cas_numbers() {
    let server = Server::start(&["-C"]);
    let observer = Observer::start(&server, &[]);
    let (key, size, ttl) = ("a-key-of-20-bytes-xx", 5_200, 0x2_0000 + 2_000);
    assert_eq!((size + 2) >> 8, key.len());
    server.connect().ask(&format!("set {key} 0 {ttl} {size}\r\n{}\r\n", "v".repeat(size)));
    let document = observer.finish();
    document.assert_nothing_lost();
    let shown = document.key(key);
    assert_eq!(["sets", "bytes_in", "size"].map(|field| shown[field].as_u64().unwrap()), [1, size as u64, size as u64]);
    assert!(shown["ttl"].as_u64().is_some_and(|left| left.abs_diff(ttl) < 60), "{shown}");
}
