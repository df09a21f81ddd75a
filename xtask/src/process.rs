//! Child processes: run with inherited output, captured, or line by line, and ended when xtask is interrupted.

use std::io::{BufRead, BufReader};
use std::ops::{Deref, DerefMut};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::interrupt;

/// A terminal sends ^C to the child, too; only a child that still runs after this long is sent SIGINT.
const FORWARD_AFTER: Duration = Duration::from_secs(1);

/// A child that still runs after this long is killed.
const KILL_AFTER: Duration = Duration::from_secs(10);

/// A child that is killed when this is dropped, unless it has been waited for.
#[derive(Debug)]
pub struct KillOnDrop(pub Child);

impl Deref for KillOnDrop {
    type Target = Child;

    fn deref(&self) -> &Child {
        &self.0
    }
}

impl DerefMut for KillOnDrop {
    fn deref_mut(&mut self) -> &mut Child {
        &mut self.0
    }
}

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        // Both fail only after the child has been waited for.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The command as a user would type it, for messages.
#[must_use]
pub fn display(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// Runs to the end with inherited standard streams.
///
/// # Errors
/// When it cannot be started, or xtask was interrupted meanwhile; not for a failing exit status.
pub fn status(command: &mut Command) -> Result<ExitStatus> {
    let mut child = command.spawn().with_context(|| format!("cannot start `{}`", display(command)))?;
    wait(&mut child)
}

/// Runs to the end with inherited standard streams; the exit status must be success.
///
/// # Errors
/// As [`status`], and when the command fails.
pub fn succeed(command: &mut Command) -> Result<()> {
    let status = status(command)?;
    if !status.success() {
        bail!("`{}` failed ({status})", display(command));
    }
    Ok(())
}

/// Runs to the end and returns its standard output; standard error is inherited.
pub fn output(command: &mut Command) -> Result<String> {
    let shown = display(command);
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot start `{shown}`"))?;
    interrupt::check()?;
    if !output.status.success() {
        bail!("`{shown}` failed ({})", output.status);
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{shown}` wrote something that is not UTF-8"))
}

/// Like [`output`], but silent, and `None` when the command is missing or fails: to find out what is installed.
#[must_use]
pub fn probe(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs to the end and calls `line` with each line of its standard output as it comes, without the newline.
///
/// # Errors
/// When it cannot be started, or xtask was interrupted meanwhile; not for a failing exit status.
pub fn lines(command: &mut Command, mut line: impl FnMut(&str)) -> Result<ExitStatus> {
    let mut child =
        command.stdout(Stdio::piped()).spawn().with_context(|| format!("cannot start `{}`", display(command)))?;
    let stdout = child.stdout.take().context("the child has no standard output")?;
    let (sender, receiver) = mpsc::sync_channel::<String>(1024);
    let reader = thread::spawn(move || {
        let mut lines = BufReader::new(stdout);
        let mut raw = Vec::new();
        while lines.read_until(b'\n', &mut raw).is_ok_and(|read| read > 0) {
            let text = String::from_utf8_lossy(&raw).trim_end_matches(['\r', '\n']).to_owned();
            raw.clear();
            if sender.send(text).is_err() {
                break;
            }
        }
    });
    loop {
        match receiver.recv_timeout(interrupt::POLL) {
            Ok(text) => line(&text),
            Err(RecvTimeoutError::Timeout) if interrupt::requested() => break,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    drop(receiver);
    // A process that the child started may keep the pipe open; an interrupted xtask does not wait for it.
    let status = wait(&mut child)?;
    if reader.join().is_err() {
        bail!("the thread that read `{}` panicked", display(command));
    }
    Ok(status)
}

/// Waits for a child; after an interruption it is sent SIGINT, then killed.
fn wait(child: &mut Child) -> Result<ExitStatus> {
    loop {
        if let Some(status) = child.try_wait().context("cannot wait for a child process")? {
            interrupt::check()?;
            return Ok(status);
        }
        if interrupt::requested() {
            end(child, FORWARD_AFTER)?;
            return Err(interrupt::Interrupted.into());
        }
        thread::sleep(interrupt::POLL);
    }
}

/// Ends a child: waits `grace` for it to end by itself, then sends SIGINT, and finally kills it.
fn end(child: &mut Child, grace: Duration) -> Result<()> {
    let start = Instant::now();
    let mut asked = false;
    while child.try_wait().context("cannot wait for a child process")?.is_none() {
        let waited = start.elapsed();
        if waited > KILL_AFTER {
            child.kill().context("cannot kill a child process")?;
            child.wait().context("cannot wait for a child process")?;
            break;
        }
        if !asked && waited > grace {
            asked = true;
            if let Some(pid) = Pid::from_raw(child.id().cast_signed()) {
                // It may have ended since; then the next try_wait says so.
                let _ = kill_process(pid, Signal::INT);
            }
        }
        thread::sleep(interrupt::POLL);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_passed_on_in_order_and_the_status_returned() {
        let mut seen = Vec::new();
        let status =
            lines(Command::new("sh").args(["-c", "printf 'one\\ntwo'; exit 3"]), |line| seen.push(line.to_owned()))
                .unwrap();
        assert_eq!((seen, status.code()), (vec!["one".to_owned(), "two".to_owned()], Some(3)));
    }

    #[test]
    fn a_failing_command_is_named() {
        let error = succeed(Command::new("sh").args(["-c", "exit 7"])).unwrap_err().to_string();
        assert!(error.contains("sh -c exit 7") && error.contains('7'), "{error}");
        assert_eq!(probe(Command::new("sh").args(["-c", "exit 7"])), None);
    }
}
