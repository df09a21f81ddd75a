//! A child process that observes during a measurement.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::interrupt;
use crate::process::KillOnDrop;

/// How long a child may take until it is ready.
const READY_TIMEOUT: Duration = Duration::from_secs(60);

/// How long a child may take to exit and write its report.
const END_TIMEOUT: Duration = Duration::from_secs(120);

/// The stream on which a child reports that it is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadyOn {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// A running child; killed when dropped.
#[derive(Debug)]
pub struct Watcher {
    child: KillOnDrop,
    name: String,
    started: Instant,
    ready_at: Instant,
    out: Option<JoinHandle<String>>,
    error: Option<JoinHandle<String>>,
}

/// The output of a child that has exited.
#[derive(Clone, Debug)]
pub struct Ended {
    /// Its standard output.
    pub out: String,
    /// Its standard error.
    pub error: String,
}

impl Watcher {
    /// Starts a child and waits for a line that contains `ready`.
    pub fn start(command: &mut Command, ready_on: ReadyOn, ready: &str) -> Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        let started = Instant::now();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Out of the terminal's foreground group: ^C is for xtask, which ends its children itself.
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start `{name}`"))?;
        let (sender, ready_lines) = mpsc::channel();
        let stdout = child.stdout.take().context("a child has no standard output")?;
        let stderr = child.stderr.take().context("a child has no standard error")?;
        let wanted = ready.to_owned();
        let matcher = move |line: &str| line.contains(&wanted);
        let (out, error) = match ready_on {
            ReadyOn::Stdout => {
                (collect(stdout, Some((matcher, sender))), collect(stderr, None::<(fn(&str) -> bool, _)>))
            }
            ReadyOn::Stderr => {
                (collect(stdout, None::<(fn(&str) -> bool, _)>), collect(stderr, Some((matcher, sender))))
            }
        };
        let mut watcher =
            Self { child: KillOnDrop(child), name, started, ready_at: started, out: Some(out), error: Some(error) };
        watcher.wait_until_ready(&ready_lines)?;
        Ok(watcher)
    }

    fn wait_until_ready(&mut self, lines: &Receiver<Instant>) -> Result<()> {
        loop {
            interrupt::check()?;
            match lines.recv_timeout(interrupt::POLL) {
                Ok(at) => {
                    self.ready_at = at;
                    return Ok(());
                }
                Err(RecvTimeoutError::Timeout) if self.started.elapsed() < READY_TIMEOUT => {}
                Err(_) => {
                    let _ = self.child.kill();
                    let status = self.child.wait().context("cannot wait for a child")?;
                    let (out, error) = self.output();
                    bail!("`{}` did not become ready ({status}): {} {}", self.name, error.trim(), out.trim());
                }
            }
        }
    }

    /// When the child reported that it was ready.
    #[must_use]
    pub const fn ready_at(&self) -> Instant {
        self.ready_at
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Stops the child with SIGINT.
    pub fn end(mut self) -> Result<Ended> {
        let start = Instant::now();
        if let Some(pid) = Pid::from_raw(self.pid().cast_signed()) {
            // It may have exited already; the wait below finds out.
            let _ = kill_process(pid, Signal::INT);
        }
        while self.child.try_wait().context("cannot wait for a child")?.is_none() {
            if start.elapsed() > END_TIMEOUT {
                bail!("`{}` did not exit after SIGINT", self.name);
            }
            thread::sleep(Duration::from_millis(1));
        }
        let (out, error) = self.output();
        Ok(Ended { out, error })
    }

    fn output(&mut self) -> (String, String) {
        let join =
            |thread: Option<JoinHandle<String>>| thread.and_then(|thread| thread.join().ok()).unwrap_or_default();
        (join(self.out.take()), join(self.error.take()))
    }
}

/// Collects a stream and reports the time of the first matching line.
fn collect(
    stream: impl Read + Send + 'static,
    report: Option<(impl Fn(&str) -> bool + Send + 'static, mpsc::Sender<Instant>)>,
) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut stream = BufReader::new(stream);
        let mut text = Vec::new();
        let mut report = report;
        loop {
            let line_start = text.len();
            match stream.read_until(b'\n', &mut text) {
                Ok(0) | Err(_) => break,
                Ok(_) => {}
            }
            if let Some((matches, sender)) = &report
                && matches(&String::from_utf8_lossy(&text[line_start..]))
            {
                // The receiver may have given up.
                let _ = sender.send(Instant::now());
                report = None;
            }
        }
        String::from_utf8_lossy(&text).into_owned()
    })
}
