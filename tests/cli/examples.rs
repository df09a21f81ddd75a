//! The library's examples, which `cargo test` builds beside the program.

use std::path::Path;
use std::process::Stdio;

use mctop_test_support::program::{FLASH_SALE, HOT_KEY, mctop_path, output, prepared};
use mctop_test_support::server::Server;

fn example(name: &str) -> std::process::Command {
    let path = Path::new(mctop_path()).with_file_name("examples").join(name);
    assert!(path.exists(), "{name} is not built: run cargo build --examples");
    prepared(path)
}

#[test]
fn read_capture_prints_the_hottest_key_of_each_interval() {
    let printed = output(example("read_capture").arg(FLASH_SALE));
    let lines = std::fs::read_to_string(FLASH_SALE).unwrap().lines().count();
    // The header and the footer are no intervals.
    assert_eq!(printed.lines().count(), lines - 2, "{printed}");
    assert!(printed.lines().all(|line| line.contains(HOT_KEY) && line.ends_with(" calls")), "{printed}");
}

#[test]
#[ignore = "needs root, eBPF and memcached"]
fn hottest_key_prints_that_of_a_running_server() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    let mut running = example("hottest_key").stdout(Stdio::piped()).spawn().unwrap();
    while running.try_wait().unwrap().is_none() {
        client.ask(&format!("get cold\r\n{}", "get hot\r\n".repeat(10)));
    }
    let printed = String::from_utf8(running.wait_with_output().unwrap().stdout).unwrap();
    let start = format!("memcached {} at 127.0.0.1:{}: hot ", server.pid(), server.port());
    assert!(printed.lines().any(|line| line.starts_with(&start) && line.contains(" calls, ")), "{printed}");
}
