//! The victim: a function called in a loop, so that nothing but the probe is measured.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result};
use serde_json::Value;

use super::observer::Subject;
use super::tools::Tools;

/// A running victim; killed when dropped.
#[derive(Debug)]
pub struct Victim {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    subject: Subject,
    /// What is measured against: the same function once more.
    reference: Subject,
}

impl Victim {
    /// Starts it.
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
        let subject = Subject {
            pid: child.id(),
            binary: tools.devtools.clone(),
            address: None,
            lookup: 0,
            entry: None,
            arguments: ["arg1", "arg2"],
        };
        let mut victim = Self { child, to, from, reference: subject.clone(), subject };
        let told = victim.answer()?;
        let offset = |name| told.get(name).and_then(Value::as_u64).context("the victim tells no offset");
        (victim.subject.lookup, victim.reference.lookup) = (offset("offset")?, offset("reference")?);
        victim.subject.entry = told.get("symbol").and_then(Value::as_str).map(str::to_owned);
        Ok(victim)
    }

    /// What observers must know of it.
    #[must_use]
    pub const fn subject(&self) -> &Subject {
        &self.subject
    }

    /// What observers must know of the function that is measured against.
    #[must_use]
    pub const fn reference(&self) -> &Subject {
        &self.reference
    }

    /// CPU time of a call, and of one of the function that is measured against, in nanoseconds, over so many calls of each for so
    /// many keys. They take turns of a millisecond, so that both are slow when the machine is.
    ///
    /// # Errors
    /// When it has died.
    pub fn run_both(&mut self, keys: u32, calls: u64) -> Result<(f64, f64)> {
        writeln!(self.to, "{keys} {calls} both").context("the victim has ended")?;
        let told = self.answer()?;
        let time = |name| told.get(name).and_then(Value::as_f64).context("the victim tells no time");
        Ok((time("ns_per_call")?, time("ns_per_reference")?))
    }

    /// CPU time of a call, in nanoseconds, over so many calls for so many keys.
    ///
    /// # Errors
    /// When it has died.
    pub fn run(&mut self, keys: u32, calls: u64) -> Result<f64> {
        writeln!(self.to, "{keys} {calls}").context("the victim has ended")?;
        self.answer()?.get("ns_per_call").and_then(Value::as_f64).context("the victim tells no time")
    }

    fn answer(&mut self) -> Result<Value> {
        let mut line = String::new();
        self.from.read_line(&mut line).context("the victim no longer answers")?;
        serde_json::from_str(&line).context("the victim has ended")
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        // Both fail only when it has ended and been waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
