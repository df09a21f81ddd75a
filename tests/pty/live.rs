//! The live table over a real server, with real probes.

use std::time::Instant;

use crate::memcached::Memcached;
use crate::requirement::{Need, is_met};
use crate::terminal::Terminal;

const KEY: &str = "live:table:key";

#[test]
fn a_key_that_is_read_now_is_shown_now() {
    if !is_met(Need::Probes) {
        return;
    }
    let server = Memcached::start();
    let load = server.load(KEY, 1_234);
    let started = Instant::now();
    let pid = server.pid().to_string();
    let mut terminal = Terminal::run(&["--pid", &pid, "-i", "500ms"]);
    terminal.wait("the key and its size", |terminal| {
        terminal.rows().iter().any(|row| row.starts_with(KEY) && row.contains("1,234 B"))
    });
    println!("shown after {:?}", started.elapsed());
    let text = terminal.text();
    assert!(
        terminal.is_taken() && text.starts_with("mctop · memcached ") && text.contains(&format!("pid {pid}")),
        "{text}"
    );
    terminal.press("C");
    terminal.wait_for_sort("CALLS▼");
    terminal.press("q");
    terminal.ended();
    let gets = load.stop();
    assert!(gets >= 1_000, "{gets} gets");
    assert!(server.ask("version").starts_with("VERSION "));
}
