//! Evictions, which `--detail full` shows: here those of a server that is much too small.

use mctop_test_support::expected::Expected;
use mctop_test_support::observer::Observer;
use mctop_test_support::server::Server;
use serde_json::Value;

use crate::exact::growth;

/// Items of 1 kB: several times as many as fit.
const ITEMS: usize = 12_000;

#[test]
#[ignore = "needs root, eBPF and memcached"]
fn evictions_are_as_many_as_the_server_counts() {
    let server = Server::start(&["-m", "2"]);
    let observer = Observer::start(&server, &["--detail", "full"]);
    let before = server.stats();
    let mut client = server.connect();
    let value = "v".repeat(1_000);
    for number in 0..ITEMS {
        client.ask(&format!("set item-{number} 0 0 1000\r\n{value}\r\n"));
    }
    // Each key has at most one item to evict.
    let after = server.stats();
    let document = observer.finish();
    document.assert_whole();
    if !document.has_probe("eviction", Expected::here().evictions) {
        assert!(document.0["targets"][0]["notes"].to_string().contains("Evictions are not seen"), "{:#}", document.0);
        return;
    }
    let evictions = growth(&before, &after)("evictions");
    assert!(evictions > ITEMS as u64 / 4, "{evictions} evictions of {ITEMS} items");
    assert_eq!(document.0["outcomes"]["evicted"], evictions);
    let evicted: Vec<u64> = document.keys().iter().map(|key| key["evicted"].as_u64().unwrap()).collect();
    assert_eq!((evicted.iter().sum::<u64>(), evicted.iter().max()), (evictions, Some(&1)));
}

#[test]
#[ignore = "needs root, eBPF and memcached"]
fn other_levels_of_detail_show_no_evictions_and_outcomes() {
    let server = Server::start(&[]);
    for level in ["lookup", "verbs"] {
        let observer = Observer::start(&server, &["--detail", level]);
        server.connect().ask("add a 0 0 1\r\nx\r\nadd a 0 0 1\r\nx\r\n");
        let document = observer.finish();
        assert_eq!(document.key("a")["sets"], 2, "{level}");
        assert_eq!((document.0.get("outcomes"), document.key("a").get("not_stored")), (None, None), "{level}");
        let probes: Vec<&Value> = document.probes().iter().map(|probe| &probe["name"]).collect();
        assert!(probes.iter().all(|name| *name != "store" && *name != "eviction"), "{level}: {probes:?}");
        assert!(level == "verbs" || probes.iter().all(|name| *name != "command"), "{level}: {probes:?}");
    }
}
