//! The detail of one key: its clients and latencies, through the library.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use mctop::internal::{KeyDetail, Peer};
use mctop::{Key, Live, ProbeSettings, Selection, Source};
use mctop_test_support::server::Server;

fn watch(server: &Server) -> Live {
    Live::attach(&Selection { pids: vec![server.pid()], ..Selection::default() }, &ProbeSettings::default()).unwrap()
}

/// What was observed so far.
fn seen(live: &mut Live) -> KeyDetail {
    live.next_recorded().unwrap().unwrap();
    live.key_detail().unwrap().clone()
}

fn calls_of(detail: &KeyDetail, peer: &Peer) -> Option<(u64, u32)> {
    detail.clients.iter().find(|client| client.peer == *peer).map(|client| (client.calls, client.connections))
}

#[test]
#[ignore = "needs root, eBPF and memcached"]
fn calls_are_attributed_to_clients_and_latencies_measured() {
    let server = Server::start(&[]);
    let mut live = watch(&server);
    let (hot, cold) = (Key::new(b"hot"), Key::new(b"cold"));
    server.connect().ask("set hot 0 0 5\r\nvalue\r\nset cold 0 0 5\r\nvalue\r\n");
    live.next_recorded().unwrap();
    live.watch_key(Some((0, &hot))).unwrap();
    let addresses = [2, 3, 4].map(|last| Ipv4Addr::new(127, 0, 0, last));
    for (address, rounds) in addresses.into_iter().zip([100, 200, 300]) {
        // Two connections, and other keys, which must not count.
        let mut clients = [server.connect_from(address), server.connect_from(address)];
        for round in 0..rounds {
            clients[round % 2].ask("get hot\r\nget cold\r\nget none\r\n");
        }
    }
    let detail = seen(&mut live);
    assert_eq!((detail.calls, detail.unknown_calls), (600, 0), "{detail:?}");
    for (address, calls) in addresses.into_iter().zip([100, 200, 300]) {
        assert_eq!(calls_of(&detail, &Peer::Tcp(IpAddr::V4(address))), Some((calls, 2)), "{detail:?}");
    }
    assert_eq!(detail.clients.len(), 3);
    assert_eq!((detail.latency.answered(), detail.latency.unanswered), (600, 0), "{detail:?}");
    assert!(detail.latency.quantile(0.5).unwrap() < Duration::from_millis(100), "{detail:?}");
    assert!(detail.notes.is_empty() && !detail.length.is_zero());

    // Several commands answered at once, one without an answer, and a command with several keys.
    let mut client = server.connect_from(Ipv4Addr::new(127, 0, 0, 5));
    client.ask(&"get hot\r\n".repeat(50));
    client.ask("set hot 0 0 1 noreply\r\nx\r\n");
    client.ask("get cold hot none\r\ndelete hot\r\nget hot\r\n");
    let detail = seen(&mut live);
    assert_eq!((detail.calls, detail.unknown_calls), (654, 0), "{detail:?}");
    assert_eq!(calls_of(&detail, &Peer::Tcp("127.0.0.5".parse().unwrap())), Some((54, 1)));
    assert_eq!(detail.latency.answered() + detail.latency.unanswered, 654, "{detail:?}");

    // Another key starts from zero.
    live.watch_key(Some((0, &cold))).unwrap();
    client.ask("get hot\r\nget cold\r\n");
    let detail = seen(&mut live);
    assert_eq!((detail.calls, detail.latency.answered(), &detail.key), (1, 1, &cold), "{detail:?}");
    live.watch_key(None).unwrap();
    client.ask("get cold\r\n");
    live.next_recorded().unwrap();
    assert!(live.key_detail().is_none());
}

#[test]
#[ignore = "needs root, eBPF and memcached"]
fn short_lived_connections_are_attributed() {
    let server = Server::start(&[]);
    let mut live = watch(&server);
    live.watch_key(Some((0, &Key::new(b"hot")))).unwrap();
    for _ in 0..3 {
        for _ in 0..100 {
            server.connect_from(Ipv4Addr::new(127, 0, 0, 2)).ask("get hot\r\n");
        }
        live.next_recorded().unwrap();
    }
    let detail = live.key_detail().unwrap();
    let calls = calls_of(detail, &Peer::Tcp("127.0.0.2".parse().unwrap()));
    assert_eq!((detail.calls, detail.unknown_calls, calls), (300, 0, Some((300, 300))), "{detail:?}");
    assert_eq!(detail.latency.answered(), 300);
}
