//! What does not fit is counted as lost.

use mctop_test_support::observer::Observer;
use mctop_test_support::server::Server;

#[test]
#[ignore = "needs root, eBPF and memcached"]
fn totals_hold_when_the_table_overflows() {
    let server = Server::start(&[]);
    let observer = Observer::start(&server, &["--memory", "1M"]);
    let mut client = server.connect();
    for round in 0..20 {
        let requests: String =
            (0..1_000).map(|i| format!("set key-{round}-{i} 0 0 5\r\nhello\r\nget key-{round}-{i}\r\n")).collect();
        client.ask(&requests);
    }
    let document = observer.finish();
    document.assert_sums();
    assert_eq!(document.total("calls"), 40_000);
    assert_eq!(document.total("bytes"), 200_000);
    assert_eq!((document.total("hits"), document.total("sets")), (20_000, 20_000));
    assert!(document.lost("untracked_calls") > 0, "{:#}", document.0["loss"]);
    assert!(document.lost("full_intervals") > 0, "{:#}", document.0["loss"]);
    assert!(document.keys().len() >= 100);
}

#[test]
#[ignore = "needs root, eBPF and memcached"]
fn keys_of_any_bytes_and_lengths_are_shown() {
    let server = Server::start(&[]);
    let observer = Observer::start(&server, &[]);
    let mut client = server.connect();
    let longest = "k".repeat(250);
    client.ask(&format!("get {longest}\r\nget {longest}k\r\nget k\r\n"));
    client.ask_bytes(b"get \x1b[31mred\r\nget \xff\xfe\xfd\r\nget \xe2\x80\xaeevil\r\n");
    let document = observer.finish();
    document.assert_nothing_lost();
    assert_eq!(document.key(&longest)["calls"], 1);
    assert_eq!(document.key("k")["calls"], 1);
    assert_eq!(document.key("\u{1b}[31mred")["calls"], 1);
    assert_eq!(document.key("\u{202e}evil")["calls"], 1);
    let bytes = document.keys().iter().find(|entry| entry.get("key_b64").is_some()).unwrap();
    assert_eq!((&bytes["key_b64"], &bytes["key"]), (&"//79".into(), &"\\xff\\xfe\\xfd".into()));
    // The key of 251 bytes is refused by memcached before it is looked up.
    assert_eq!(document.total("calls"), 5);
}
