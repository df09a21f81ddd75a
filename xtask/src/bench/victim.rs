//! The victim: a function called in a loop, to measure the probe alone.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::process::{ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result};
use serde_json::Value;

use super::observer::WatchedProcess;
use super::tools::Tools;
use crate::process::KillOnDrop;

/// A running victim; killed when dropped.
#[derive(Debug)]
pub struct Victim {
    _child: KillOnDrop,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    subject: WatchedProcess,
    /// A copy of the function, to compare with.
    reference: WatchedProcess,
}

impl Victim {
    /// Starts the victim.
    ///
    /// # Errors
    /// When `mctop-devtools` fails.
    pub fn start(tools: &Tools) -> Result<Self> {
        let mut child = Command::new(&tools.devtools)
            .arg("victim")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .context("cannot start the victim")?;
        let to = child.stdin.take().context("the victim has no standard input")?;
        let from = BufReader::new(child.stdout.take().context("the victim has no standard output")?);
        let subject = WatchedProcess {
            pid: child.id(),
            binary: tools.devtools.clone(),
            address: None,
            lookup: 0,
            entry: None,
            arguments: ["arg1", "arg2"],
        };
        let mut victim = Self { _child: KillOnDrop(child), to, from, reference: subject.clone(), subject };
        let reply = victim.answer()?;
        let offset = |name| reply.get(name).and_then(Value::as_u64).context("the victim reported no offset");
        (victim.subject.lookup, victim.reference.lookup) = (offset("offset")?, offset("reference")?);
        victim.subject.entry = reply.get("symbol").and_then(Value::as_str).map(str::to_owned);
        Ok(victim)
    }

    /// The measured function as observers see it.
    #[must_use]
    pub const fn subject(&self) -> &WatchedProcess {
        &self.subject
    }

    /// The reference function as observers see it.
    #[must_use]
    pub const fn reference(&self) -> &WatchedProcess {
        &self.reference
    }

    /// CPU time of a call and of a call of the reference function, in nanoseconds, over `calls` calls of each with `keys` keys.
    /// They alternate every millisecond, so that both are slow when the machine is.
    pub fn run_both(&mut self, keys: u32, calls: u64) -> Result<(f64, f64)> {
        writeln!(self.to, "{keys} {calls} both").context("the victim has ended")?;
        let reply = self.answer()?;
        let time = |name| reply.get(name).and_then(Value::as_f64).context("the victim reported no time");
        Ok((time("ns_per_call")?, time("ns_per_reference")?))
    }

    /// CPU time of a call, in nanoseconds, over `calls` calls with `keys` keys.
    pub fn run(&mut self, keys: u32, calls: u64) -> Result<f64> {
        writeln!(self.to, "{keys} {calls}").context("the victim has ended")?;
        self.answer()?.get("ns_per_call").and_then(Value::as_f64).context("the victim reported no time")
    }

    fn answer(&mut self) -> Result<Value> {
        let mut line = String::new();
        self.from.read_line(&mut line).context("the victim no longer answers")?;
        serde_json::from_str(&line).context("the victim has ended")
    }
}
