//! The live table of a real server, with real probes.

use std::time::Instant;

use mctop_test_support::server::Server;
use mctop_test_support::terminal::Terminal;

use crate::load::Load;

const KEY: &str = "live:table:key";

#[test]
#[ignore = "needs root, eBPF and memcached"]
fn a_key_that_is_being_read_is_shown() {
    let server = Server::start(&[]);
    let load = Load::start(&server, KEY, 1_234, 0);
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
    terminal.quit();
    let gets = load.stop();
    assert!(gets >= 1_000, "{gets} gets");
    // It still answers.
    assert!(server.stats().contains_key("pid"));
}

/// A figure such as `12,345` or `12.5`.
fn figure(text: &str) -> Option<f64> {
    text.replace(',', "").parse().ok()
}

#[test]
#[ignore = "needs root, eBPF and memcached"]
fn the_first_screen_shows_rates_sizes_and_ttls_and_a_key_opens_its_details() {
    let server = Server::start(&[]);
    // Hours, so that the text of the TTL does not change during the test.
    let load = Load::start(&server, KEY, 2_345, 86_400);
    let pid = server.pid().to_string();
    let mut terminal = Terminal::run(&["--pid", &pid, "-i", "500ms"]);
    // Whether there is a trend depends on how full the sliding window is, so it is ignored.
    terminal.wait("rate, hit ratio, size, lifetime and bandwidth", |terminal| {
        let row = terminal.rows().into_iter().find(|row| row.starts_with(KEY)).unwrap_or_default();
        let cells: Vec<&str> = row.split_whitespace().rev().collect();
        let [unit, bandwidth, ttl, b, size, hit, rate, ..] = cells[..] else { return false };
        let rate = figure(rate).filter(|rate| *rate > 0.0);
        let bandwidth = figure(bandwidth).filter(|bandwidth| *bandwidth > 0.0);
        rate.is_some()
            && bandwidth.is_some()
            && (hit, size, b) == ("100.0%", "2,345", "B")
            && ttl.starts_with("23h")
            && unit.ends_with('B')
    });
    let headers = terminal.headers();
    assert!(headers.trim_end().ends_with("BYTES/S") && headers.contains("CALLS/S▼"), "{headers}");
    terminal.press("g\r");
    terminal.wait("the details", |terminal| {
        let text = terminal.text();
        ["hit ratio", "2,345 B", "23h", "calls/s over "].iter().all(|part| text.contains(part))
    });
    terminal.press("\x1b");
    terminal.wait_for_sort("CALLS/S▼");
    terminal.quit();
    assert!(load.stop() > 0);
    // It still answers.
    assert!(server.stats().contains_key("pid"));
}

#[test]
#[ignore = "needs root, eBPF and memcached"]
fn totals_can_be_reset() {
    let server = Server::start(&[]);
    let load = Load::start(&server, KEY, 10, 0);
    let pid = server.pid().to_string();
    let mut terminal = Terminal::run(&["--pid", &pid, "-i", "500ms"]);
    terminal.wait_for(KEY);
    terminal.press("\x12");
    terminal.wait_for("since the reset ");
    terminal.quit();
    load.stop();
}
