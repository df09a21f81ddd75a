//! A virtual machine and its output.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::kernel::BootableKernel;
use crate::matrix::live::TestOutcome;
use crate::process;

/// A machine is killed after this many seconds; emulated, it takes some minutes.
const TIME: &str = "1800";

/// The start of lines that the machine's first process writes.
const GUEST: &str = "guest: ";

/// mctop's exit code when a kernel feature is missing.
const REFUSED: &str = "3";

/// The findings on one kernel.
#[derive(Clone, Debug, Default)]
pub struct KernelFindings {
    /// Where the kernel is from.
    pub origin: String,
    /// Its release.
    pub release: String,
    /// Whether it has what mctop needs. This is declared, because mctop's own finding is what is tested.
    pub is_supported: bool,
    /// The eBPF programs with the number of instructions that the verifier processed, which kernels report since 5.16.
    pub programs: Vec<(String, Option<u64>)>,
    /// The outcome of the live tests, none of which run where mctop must refuse.
    pub tests: TestOutcome,
    /// The exit code and message of mctop's refusal.
    pub refusal: Option<(String, String)>,
    /// Whether the machine ran to its end.
    pub ended: bool,
}

impl KernelFindings {
    /// All failures, one line each.
    #[must_use]
    pub fn failures(&self) -> Vec<String> {
        let mut failures = Vec::new();
        if !self.ended {
            failures.push("the machine did not run to its end".to_owned());
        }
        match (&self.refusal, self.is_supported) {
            (None, false) => failures.push("it is not known whether mctop refuses".into()),
            (Some((code, _)), _) if code != REFUSED => failures.push(format!("mctop refused with exit code {code}")),
            (Some(_), false) => {}
            (_, true) => {
                if self.programs.is_empty() {
                    failures.push("the eBPF programs do not load".into());
                }
                if self.tests.passed == 0 {
                    failures.push("no live test passed".into());
                }
                failures.extend(self.tests.failed.iter().map(|test| format!("live test {test} failed")));
            }
        }
        failures.into_iter().map(|failure| format!("Linux {}: {failure}", self.release)).collect()
    }

    /// Reads a line of the machine.
    fn read(&mut self, line: &str) -> Result<()> {
        let Some(line) = line.strip_prefix(GUEST) else {
            self.tests.read(line);
            return Ok(());
        };
        match line.split_once(' ').unwrap_or((line, "")) {
            ("release", release) => release.clone_into(&mut self.release),
            ("doctor", json) => {
                let doctor: Value = serde_json::from_str(json).context("cannot read what `mctop doctor` says")?;
                let programs = doctor["programs"]["load"]["programs"].as_array().cloned().unwrap_or_default();
                self.programs = programs.iter().filter_map(program).collect();
            }
            ("refusal", said) => {
                let (code, message) = said.split_once(' ').unwrap_or((said, ""));
                self.refusal = Some((code.to_owned(), message.trim().to_owned()));
            }
            ("end", _) => self.ended = true,
            _ => bail!("the machine printed an unknown line: {line}"),
        }
        Ok(())
    }
}

fn program(described: &Value) -> Option<(String, Option<u64>)> {
    Some((described["name"].as_str()?.to_owned(), described["verified_instructions"].as_u64()))
}

/// Boots a kernel with the tests' disk, and writes the machine's output to a log.
pub fn boot(kernel: &BootableKernel, disk: &Path, log: &Path) -> Result<KernelFindings> {
    eprintln!("kernels: booting {}", kernel.origin);
    let mut machine = Command::new("timeout");
    // Emulated, because nested KVM does not always work, and fails late. By one
    // thread: with more, a processor may still execute a breakpoint that the kernel has removed from its own code.
    // Without cmpxchg16b, after which QEMU 7.2 sometimes leaves wrong flags: kernels use it, and crashed.
    machine.args([TIME, "qemu-system-x86_64", "-accel", "tcg,thread=single", "-cpu", "max,cx16=off"]);
    machine.args(["-smp", "2", "-m", "3072", "-nodefaults", "-display", "none", "-serial", "stdio", "-no-reboot"]);
    machine.arg("-kernel").arg(&kernel.file).arg("-initrd").arg(disk);
    machine.args(["-append", "console=ttyS0 quiet panic=-1 rdinit=/init"]).stdin(Stdio::null());
    let (origin, is_supported) = (kernel.origin.clone(), kernel.is_supported);
    let mut findings = KernelFindings { origin, is_supported, ..KernelFindings::default() };
    let (mut said, mut wrong) = (String::new(), Ok(()));
    process::lines(&mut machine, |line| {
        said.push_str(line);
        said.push('\n');
        if line.starts_with("test ") {
            eprintln!("kernels: {}: {line}", findings.release);
        }
        if wrong.is_ok() {
            wrong = findings.read(line);
        }
    })?;
    fs::write(log, said).with_context(|| format!("cannot write {}", log.display()))?;
    wrong.map(|()| findings)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(is_supported: bool, lines: &[&str]) -> KernelFindings {
        let mut findings = KernelFindings { is_supported, ..KernelFindings::default() };
        for line in lines {
            findings.read(line).unwrap();
        }
        findings
    }

    const DOCTOR: &str = r#"guest: doctor {"kernel": {"attach_cookies": true}, "programs": {"load": {"outcome": "done",
        "programs": [{"name": "lookup", "verified_instructions": 33038}, {"name": "store", "verified_instructions": null}]}}}"#;

    #[test]
    fn a_supported_kernel_without_failures() {
        let lines = ["guest: release 6.1.0", DOCTOR, "running 1 test", "test a::b ... ok", "guest: end"];
        let findings = read(true, &lines);
        assert_eq!(findings.release, "6.1.0");
        assert_eq!(findings.programs, [("lookup".to_owned(), Some(33038)), ("store".to_owned(), None)]);
        assert_eq!(findings.failures(), [""; 0]);
        assert_eq!(read(true, &lines[..4]).failures(), ["Linux 6.1.0: the machine did not run to its end"]);
    }

    #[test]
    fn failures_are_listed() {
        let failed = read(true, &["guest: release 6.1.0", DOCTOR, "test a::b ... FAILED", "guest: end"]);
        assert_eq!(failed.failures(), ["Linux 6.1.0: no live test passed", "Linux 6.1.0: live test a::b failed"]);
        let doctor =
            r#"guest: doctor {"kernel": {"attach_cookies": true}, "programs": {"load": {"outcome": "failed"}}}"#;
        let unloaded = read(true, &["guest: release 6.1.0", doctor, "test a::b ... ok", "guest: end"]);
        assert_eq!(unloaded.failures(), ["Linux 6.1.0: the eBPF programs do not load"]);
        // A kernel that mctop should not refuse.
        let refused = read(true, &["guest: release 6.1.0", "guest: refusal 3 mctop: no", "guest: end"]);
        assert_eq!(refused.failures().len(), 2, "{:?}", refused.failures());
    }

    #[test]
    fn a_kernel_that_is_too_old_is_refused() {
        let old = r#"guest: doctor {"kernel": {"attach_cookies": false}}"#;
        let refusal = |code| format!("guest: refusal {code} mctop: Linux 5.10.0 is too old ");
        let findings = |code| read(false, &["guest: release 5.10.0", old, &refusal(code), "guest: end"]);
        assert_eq!(findings(3).failures(), [""; 0]);
        assert_eq!(findings(3).refusal, Some(("3".into(), "mctop: Linux 5.10.0 is too old".into())));
        assert_eq!(findings(1).failures(), ["Linux 5.10.0: mctop refused with exit code 1"]);
        assert_eq!(read(false, &["guest: release 5.10.0", old, "guest: end"]).failures().len(), 1);
    }
}
