//! Installing Debian packages, without starting the services in them.

use std::fs;
use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use anyhow::{Context, Result, bail};

use crate::process;

/// Asked by package scripts whether a service may be started (Debian policy, invoke-rc.d(8)).
const POLICY: &str = "/usr/sbin/policy-rc.d";

/// Whether packages can be installed here: a system with apt, as root.
#[must_use]
pub fn is_usable() -> bool {
    Path::new("/usr/bin/apt-get").is_file() && rustix::process::geteuid().is_root()
}

/// Installs missing packages, without recommended ones. The package lists are refreshed at most once per run, and only when
/// the existing lists do not suffice.
pub fn install(packages: &[&str]) -> Result<()> {
    let missing: Vec<&str> = packages.iter().copied().filter(|package| !is_installed(package)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    if !is_usable() {
        bail!("the packages {} are missing, and only root on a system with apt can install them", missing.join(" "));
    }
    eprintln!("setup: installing {}", missing.join(" "));
    let _policy = NoServices::declare()?;
    let attempt = || process::succeed(apt_get(&["install", "--yes", "--no-install-recommends"])?.args(&missing));
    if missing.iter().all(|package| has_candidate(package)) && attempt().is_ok() {
        return Ok(());
    }
    refresh()?;
    attempt()
}

fn is_installed(package: &str) -> bool {
    process::probe(Command::new("dpkg-query").args(["--show", "--showformat=${db:Status-Status}", package]))
        .is_some_and(|status| status == "installed")
}

/// Whether the package lists have a version of a package.
fn has_candidate(package: &str) -> bool {
    process::probe(Command::new("apt-cache").args(["policy", package]))
        .is_some_and(|policy| policy.lines().any(|line| line.contains("Candidate:") && !line.contains("(none)")))
}

/// Refreshes the package lists, once per run.
pub fn refresh() -> Result<()> {
    static OUTCOME: OnceLock<Result<(), String>> = OnceLock::new();
    let outcome = OUTCOME.get_or_init(|| {
        apt_get(&["update"]).and_then(|mut update| process::succeed(&mut update)).map_err(|error| format!("{error:#}"))
    });
    outcome.clone().map_err(anyhow::Error::msg)
}

fn apt_get(args: &[&str]) -> Result<Command> {
    // Its progress is not the output of the command that needed it.
    let stderr = std::io::stderr().as_fd().try_clone_to_owned().context("cannot share standard error with apt-get")?;
    let mut command = Command::new("apt-get");
    command.args(["--quiet", "-o", "DPkg::Lock::Timeout=120"]).args(args);
    command.env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null()).stdout(stderr);
    Ok(command)
}

/// While this exists, packages do not start their services; an existing policy of the machine is left unchanged.
struct NoServices {
    created: bool,
}

impl NoServices {
    fn declare() -> Result<Self> {
        let opened = fs::OpenOptions::new().write(true).create_new(true).mode(0o755).open(POLICY);
        match opened {
            Ok(mut file) => {
                let policy = Self { created: true };
                // 101: "action forbidden by policy".
                file.write_all(b"#!/bin/sh\nexit 101\n").with_context(|| format!("cannot write {POLICY}"))?;
                Ok(policy)
            }
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(Self { created: false }),
            Err(error) => Err(error).with_context(|| format!("cannot create {POLICY}")),
        }
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if self.created
            && let Err(error) = fs::remove_file(POLICY)
        {
            eprintln!("setup: cannot remove {POLICY}, which keeps services from starting: {error}; remove it yourself");
        }
    }
}
