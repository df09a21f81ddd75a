//! Terminals without a size, and ones that cannot place text.

use mctop_test_support::program::FLASH_SALE;
use mctop_test_support::terminal::{SIZE, Terminal, joined, mctop};

#[test]
fn without_a_size_there_is_no_width_to_keep_to() {
    let mut terminal = Terminal::start(mctop(&["report", FLASH_SALE, "-n", "1"]), "xterm-256color", (0, 0));
    assert_eq!(terminal.exit_code(), 0);
    let raw = || String::from_utf8(terminal.raw()).unwrap();
    terminal.wait("the end of the report", |_| raw().contains("more keys"));
    let headers = ["KEY", "CALLS", "HIT%", "TTL", "BYTES%"];
    let shown = raw();
    assert!(shown.lines().any(|line| headers.iter().all(|header| line.contains(header))), "{shown}");
}

#[test]
fn where_text_cannot_be_placed_there_is_no_table() {
    let mut terminal = Terminal::start(mctop(&["replay", FLASH_SALE]), "dumb", SIZE);
    assert_eq!(terminal.exit_code(), 2);
    terminal.wait("the reason", |terminal| joined(&terminal.text()).contains("TERM is `dumb`"));
    let raw = terminal.raw();
    assert!(!raw.contains(&0x1b), "{}", String::from_utf8_lossy(&raw));
}
