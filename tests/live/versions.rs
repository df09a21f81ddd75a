//! Two servers of different files that are watched at once; of two versions where `cargo xtask matrix` gives two.

use std::process::Command;

use mctop_test_support::observer::Observer;
use mctop_test_support::server::{self, Server};

/// Requests of two keys.
const REQUESTS: &str = "set k 0 0 5\r\nhello\r\nget k\r\nget k absent\r\ndelete absent\r\nincr absent 1\r\n";

#[test]
#[ignore = "needs root, eBPF and memcached"]
fn two_builds_are_counted_apart() {
    let copy = tempfile::tempdir().unwrap();
    let second = server::second_command().unwrap_or_else(|| {
        println!(
            "LEFT OUT: two versions at once, for which `cargo xtask matrix` runs this test; here it is another file"
        );
        let path = copy.path().join("another");
        // By another process: a file that is still open for writing in a child of this one could not be executed.
        assert!(Command::new("cp").arg(server::program()).arg(&path).status().unwrap().success());
        vec![path.to_str().unwrap().to_owned()]
    });
    let servers = [Server::start(&[]), Server::run(&second, &[])];
    let observer = Observer::start_on(&["--all"]);
    for (server, times) in servers.iter().zip([300, 700]) {
        server.connect().ask(&REQUESTS.repeat(times));
    }
    let document = observer.finish();
    document.assert_whole();
    for (server, times) in servers.iter().zip([300, 700]) {
        let targets = document.0["targets"].as_array().unwrap();
        let index = targets.iter().position(|target| target["pid"] == server.pid()).unwrap();
        assert_eq!(targets[index]["version"].as_str().unwrap().split('+').next(), Some(&*server.version().to_string()));
        let counts = |key: &str| {
            let of_both = document.keys().iter().filter(|entry| entry["key"] == key);
            let mut own = of_both.filter(|entry| entry["target"].as_u64() == Some(index as u64));
            let entry = own.next().unwrap_or_else(|| panic!("no {key} of process {}", server.pid()));
            assert!(own.next().is_none(), "{key} twice");
            ["hits", "misses", "sets", "deletes", "other", "bytes"].map(|field| entry[field].as_u64().unwrap())
        };
        assert_eq!(counts("k"), [2 * times as u64, 0, times as u64, 0, 0, 15 * times as u64]);
        assert_eq!(counts("absent"), [0, times as u64, 0, times as u64, times as u64, 0]);
    }
}
