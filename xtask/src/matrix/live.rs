//! The live tests on one memcached.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use mctop_test_support::expected::{self, Expected};
use mctop_test_support::server::{COMMAND_VARIABLE, SECOND_COMMAND_VARIABLE};
use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;

use crate::process;
use crate::workspace::Workspace;

/// The tests that are run: those of counts and of harm to the server, which depend on the server's code.
const MODULES: [&str; 12] = [
    "binary::",
    "evictions::",
    "exact::",
    "expiry::",
    "fallbacks::",
    "harmless::",
    "loss::",
    "misled::",
    "operations::",
    "proxy::",
    "transports::",
    "versions::",
];

/// The start of a line with what a test leaves out because this memcached does not have it.
const LEFT_OUT: &str = "LEFT OUT on ";

/// The outcome of the tests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TestOutcome {
    /// Tests that passed.
    pub passed: u64,
    /// Names of those that failed.
    pub failed: Vec<String>,
    /// What was left out because this memcached does not have it.
    pub left_out: Vec<String>,
}

impl TestOutcome {
    /// Whether all tests ran and passed.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.failed.is_empty() && self.passed > 0
    }

    /// Reads a line of the test program.
    pub fn read(&mut self, line: &str) {
        if let Some(test) = line.strip_prefix("test ") {
            if let Some(name) = test.strip_suffix(" ... FAILED") {
                self.failed.push(name.to_owned());
            } else if test.ends_with(" ... ok") {
                self.passed += 1;
            }
        } else if let Some(what) = line.strip_prefix(LEFT_OUT)
            && !self.left_out.iter().any(|known| known == what)
        {
            self.left_out.push(what.to_owned());
        }
    }
}

/// A memcached that tests can start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Memcached {
    /// The words of the command that starts it.
    pub start: Vec<String>,
    /// The program that this command executes.
    pub file: PathBuf,
}

impl Memcached {
    /// Its help.
    pub fn help(&self) -> Result<String> {
        let (program, arguments) = self.start.split_first().context("there is no command that starts memcached")?;
        process::output(Command::new(program).args(arguments).arg("-h"))
    }

    /// The command as the tests take it.
    fn words(&self) -> Result<String> {
        if self.start.iter().any(|word| word.is_empty() || word.contains(char::is_whitespace)) {
            bail!("the live tests take words separated by spaces, so there must be none in {:?}", self.start);
        }
        Ok(self.start.join(" "))
    }
}

/// The built live tests.
#[derive(Debug)]
pub struct Tests {
    program: PathBuf,
}

/// A line of `cargo --message-format=json`.
#[derive(Deserialize)]
struct Message {
    target: Option<CargoTarget>,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct CargoTarget {
    name: String,
}

impl Tests {
    /// Builds them.
    pub fn build(workspace: &Workspace) -> Result<Self> {
        let mut build = workspace.cargo();
        build.args(["test", "--locked", "--package", "mctop", "--test", "live", "--no-run"]);
        build.arg("--message-format=json-render-diagnostics");
        let messages = process::output(&mut build)?;
        let messages = messages.lines().filter_map(|line| serde_json::from_str::<Message>(line).ok());
        let program = messages
            .filter(|message| message.target.as_ref().is_some_and(|target| target.name == "live"))
            .find_map(|message| message.executable);
        let tests = Self { program: program.context("cargo does not print where the live tests are")? };
        tests.demand(&MODULES)?;
        Ok(tests)
    }

    /// The test program.
    #[must_use]
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Fails unless each filter names a test.
    ///
    /// # Errors
    /// Which one does not, or that the tests cannot be listed.
    pub fn demand(&self, filters: &[&str]) -> Result<()> {
        let list = process::output(Command::new(&self.program).arg("--list"))?;
        match filters.iter().find(|filter| !list.lines().any(|test| test.starts_with(**filter))) {
            Some(filter) => bail!("there is no live test {filter}"),
            None => Ok(()),
        }
    }

    /// Runs those of [`MODULES`] on a memcached that must offer what is expected, with another beside it where two are needed, and
    /// writes their output to a log.
    pub fn run(
        &self,
        memcached: &Memcached,
        second: Option<&Memcached>,
        expected: &Expected,
        log: &Path,
    ) -> Result<TestOutcome> {
        let mut command = Command::new(&self.program);
        command.args(MODULES).args(["--include-ignored", "--show-output"]);
        command.env("RUST_BACKTRACE", "0").env(expected::VARIABLE, serde_json::to_string(expected)?);
        command.env(COMMAND_VARIABLE, memcached.words()?).env_remove(SECOND_COMMAND_VARIABLE);
        if let Some(second) = second {
            command.env(SECOND_COMMAND_VARIABLE, second.words()?);
        }
        let mut outcome = TestOutcome::default();
        let mut said = String::new();
        let status = process::lines(&mut command, |line| {
            outcome.read(line);
            said.push_str(line);
            said.push('\n');
        });
        // Interrupted tests have not stopped their servers.
        let status = status.inspect_err(|_| {
            for memcached in [Some(memcached), second].into_iter().flatten() {
                kill_all(&memcached.file);
            }
        })?;
        fs::write(log, said).with_context(|| format!("cannot write {}", log.display()))?;
        if !status.success() && outcome.failed.is_empty() {
            outcome.failed.push(format!("the test program ended with {status}"));
        }
        Ok(outcome)
    }
}

/// Kills the processes that execute a file of the build directory, which only the tests start.
fn kill_all(file: &Path) {
    let Ok(entries) = fs::read_dir("/proc") else { return };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    for pid in pids.filter(|pid: &i32| fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe == file)) {
        if let Some(pid) = Pid::from_raw(pid) {
            // It may have ended by itself.
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes() {
        let mut outcome = TestOutcome::default();
        assert!(!outcome.is_good());
        for line in ["running 3 tests", "test a::b ... ok", "LEFT OUT on 1.4.34: gat", "LEFT OUT on 1.4.34: gat"] {
            outcome.read(line);
        }
        assert!(outcome.is_good());
        outcome.read("test c ... FAILED");
        assert!(!outcome.is_good());
        let expected = TestOutcome { passed: 1, failed: vec!["c".into()], left_out: vec!["1.4.34: gat".into()] };
        assert_eq!(outcome, expected);
    }
}
