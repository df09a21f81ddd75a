//! Startup and exit times of the live table in a terminal.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use mctop_test_support::terminal::{CommandBuilder, LEAVE, Terminal};

use super::tools::Tools;
use crate::interrupt;

/// Limit for the first row and for the exit.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Times from start and from `q`.
#[derive(Clone, Copy, Debug)]
pub struct ScreenTimes {
    /// Until the first row of a key is on the screen.
    pub first_row: Duration,
    /// Until the terminal is restored.
    pub restored: Duration,
    /// Until the process has ended.
    pub exited: Duration,
}

/// Runs mctop on a server, waits for a row with `text`, and quits.
pub fn time(tools: &Tools, pid: u32, text: &str) -> Result<ScreenTimes> {
    let mut command = CommandBuilder::new(&tools.mctop);
    command.args(["--pid", &pid.to_string()]);
    let started = Instant::now();
    let mut terminal = Terminal::start(command, "xterm-256color", (40, 140));
    let first_row = wait_for(&terminal, text.as_bytes())? - started;
    // Let it work for a while, so that quitting is measured in its steady state.
    interrupt::sleep(Duration::from_millis(1_300))?;
    let quit = Instant::now();
    terminal.press("q");
    let restored = wait_for(&terminal, LEAVE)? - quit;
    while terminal.is_running() {
        if quit.elapsed() > TIMEOUT {
            bail!("mctop did not exit within {} s", TIMEOUT.as_secs());
        }
        thread::sleep(Duration::from_millis(1));
    }
    Ok(ScreenTimes { first_row, restored, exited: quit.elapsed() })
}

/// When `text` was first written to the terminal.
fn wait_for(terminal: &Terminal, text: &[u8]) -> Result<Instant> {
    let start = Instant::now();
    loop {
        interrupt::check()?;
        thread::sleep(Duration::from_millis(1));
        match terminal.came(text) {
            Some(at) => return Ok(at),
            None if start.elapsed() > TIMEOUT => bail!("mctop did not show `{}`", text.escape_ascii()),
            None => {}
        }
    }
}
