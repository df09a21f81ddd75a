//! The live table in a terminal of its own, timed as whoever waits for it would.

use std::io::{Read, Write};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use portable_pty::{CommandBuilder, PtySize, native_pty_system};

use super::tools::Tools;
use crate::interrupt;

/// How long the first row and the end may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What leaves the alternate screen (xterm's control sequences, DECRST 1049).
const RESTORED: &[u8] = b"\x1b[?1049l";

/// Times from start and from `q`.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// Until the first row of a key is on the screen.
    pub first_row: Duration,
    /// Until the terminal is the user's again.
    pub restored: Duration,
    /// Until the process has ended.
    pub exited: Duration,
}

/// Runs mctop on a server, waits for a row with `text`, and quits.
///
/// # Errors
/// When it shows no row, or does not end.
pub fn time(tools: &Tools, pid: u32, text: &str) -> Result<Times> {
    let size = PtySize { rows: 40, cols: 140, pixel_width: 0, pixel_height: 0 };
    let terminal = native_pty_system().openpty(size).context("cannot open a terminal")?;
    let mut command = CommandBuilder::new(&tools.mctop);
    command.args(["--pid", &pid.to_string()]);
    command.env("TERM", "xterm-256color");
    let mut output = terminal.master.try_clone_reader().context("cannot read the terminal")?;
    let mut input = terminal.master.take_writer().context("cannot type into the terminal")?;
    let started = Instant::now();
    let mut child = terminal.slave.spawn_command(command).context("cannot start mctop")?;
    drop(terminal.slave);
    let (sender, chunks) = mpsc::channel();
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(read) = output.read(&mut buffer) {
            if read == 0 || sender.send((Instant::now(), buffer[..read].to_vec())).is_err() {
                break;
            }
        }
    });
    let outcome = (|| {
        let first_row = wait_for(&chunks, text.as_bytes())? - started;
        // A moment, so that quitting is measured in the midst of its work.
        interrupt::sleep(Duration::from_millis(1_300))?;
        let quit = Instant::now();
        input.write_all(b"q").context("cannot type into the terminal")?;
        input.flush()?;
        let restored = wait_for(&chunks, RESTORED)? - quit;
        while child.try_wait().context("cannot wait for mctop")?.is_none() {
            if quit.elapsed() > TIMEOUT {
                bail!("mctop does not end");
            }
            thread::sleep(Duration::from_millis(1));
        }
        Ok(Times { first_row, restored, exited: quit.elapsed() })
    })();
    if outcome.is_err() {
        // Fails only when it has ended.
        let _ = child.kill();
        let _ = child.wait();
    }
    outcome
}

/// When a text was first on the way to the screen.
fn wait_for(chunks: &Receiver<(Instant, Vec<u8>)>, text: &[u8]) -> Result<Instant> {
    let begin = Instant::now();
    let mut seen = Vec::new();
    loop {
        interrupt::check()?;
        match chunks.recv_timeout(interrupt::POLL) {
            Ok((at, chunk)) => {
                seen.extend_from_slice(&chunk);
                if seen.windows(text.len()).any(|window| window == text) {
                    return Ok(at);
                }
                // Only the end can complete a text.
                seen.drain(..seen.len().saturating_sub(text.len()));
            }
            Err(RecvTimeoutError::Timeout) if begin.elapsed() < TIMEOUT => {}
            Err(_) => bail!("mctop did not show `{}`", text.escape_ascii()),
        }
    }
}
