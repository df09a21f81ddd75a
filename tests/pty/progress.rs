//! The progress line of an observation: on a terminal only, and gone at its end.

use mctop_test_support::server::Server;
use mctop_test_support::terminal::Terminal;

use crate::load::Load;

const KEY: &str = "progress:key";

#[test]
#[ignore = "needs root, eBPF and memcached"]
fn a_dump_shows_its_progress_and_then_only_its_table() {
    let server = Server::start(&[]);
    let load = Load::start(&server, KEY, 10, 0);
    let pid = server.pid().to_string();
    let mut terminal = Terminal::run(&["dump", "--pid", &pid, "-d", "3s", "--symbols", "ascii", "-v"]);
    terminal.wait("the line with the operations so far", |terminal| {
        let text = terminal.text();
        text.contains(" of 3s [") && text.contains(" calls, lost: nothing")
    });
    assert_eq!(terminal.exit_code(), 0);
    terminal.wait_for(KEY);
    let text = terminal.text();
    assert!(text.contains("\nmctop 0.1.0 | ") && !text.contains(" of 3s ["), "{text}");
    assert!(terminal.raw().is_ascii(), "{}", String::from_utf8_lossy(&terminal.raw()));
    load.stop();
}

#[test]
#[ignore = "needs root, eBPF and memcached"]
fn a_failure_is_printed_on_a_line_of_its_own() {
    let server = Server::start(&[]);
    let pid = server.pid().to_string();
    let mut terminal = Terminal::run(&["dump", "--pid", &pid, "-d", "1500ms", "--wait-for", "/never/"]);
    terminal.wait_for(" of 1s 500ms [");
    assert_eq!(terminal.exit_code(), 1);
    terminal.wait_for("No key matched /never/");
    let text = terminal.text();
    assert!(!text.contains(" of 1s 500ms ["), "{text}");
    assert!(text.lines().any(|line| line.starts_with("mctop: No key matched")), "{text}");
}
