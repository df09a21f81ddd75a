//! `cargo xtask kernels`: the live tests on kernels of Debian and Ubuntu, each in a virtual machine.
//!
//! Verifiers and maps differ from release to release, so that each kernel has to be tried.

mod disk;
mod guest;
mod kernel;
mod report;

use std::fs;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use anyhow::{Context, Result, anyhow, bail};

use crate::debian::{Apt, Archive, Suite};
use crate::interrupt;
use crate::matrix::live::Tests;
use crate::workspace::Workspace;
use crate::{apt, memcached};
use guest::KernelFindings;
use kernel::BootableKernel;

/// Where the report is kept.
const DOCUMENT: &str = "docs/kernels.md";

/// Packages that boot kernels, or that their first file system is made of.
const PACKAGES: [&str; 4] = ["qemu-system-x86", "busybox-static", "cpio", "binutils"];

/// In the order of their kernels: 5.10, which is too old, 5.15, 6.1, 6.12, and the newest.
const SUITES: [Suite; 5] = [Suite::Bullseye, Suite::Jammy, Suite::Bookworm, Suite::Trixie, Suite::Sid];

/// Arguments of `cargo xtask kernels`.
#[derive(clap::Args)]
pub struct KernelsArgs {
    /// Suites of Debian and Ubuntu whose kernels are booted [default: all, which writes docs/kernels.md]
    #[arg(value_enum)]
    suites: Vec<Suite>,
}

/// Runs the command; writes the document when nothing was left out.
///
/// # Errors
/// When something that all kernels need is missing; failures of single kernels are an exit code.
pub fn run(args: &KernelsArgs) -> Result<ExitCode> {
    if std::env::consts::ARCH != "x86_64" {
        bail!("the kernels are built for x86-64, and this machine has another architecture");
    }
    apt::install(&PACKAGES)?;
    let memcached = memcached::find()?;
    let workspace = Workspace::find()?;
    let below = workspace.target.join("kernels");
    let tests = Tests::build(&workspace)?;
    let disk = disk::make(&workspace, &tests, &memcached, &below)?;
    let archive = Archive::of_this_machine()?;
    let suites = if args.suites.is_empty() { &SUITES[..] } else { &args.suites };
    let (mut kernels, mut findings, mut failures) = (Vec::new(), Vec::new(), Vec::new());
    for suite in suites {
        interrupt::check()?;
        let directory = below.join(suite.name());
        let fetched = Apt::new(&archive, *suite, directory.join("apt"))
            .and_then(|apt| BootableKernel::fetch(&apt, *suite, &directory.join("kernel")));
        match fetched {
            Ok(kernel) => kernels.push((kernel, directory.join("log"))),
            Err(error) => failures.push(format!("the kernel of {suite}: {error:#}")),
        }
    }
    for ((kernel, _), booted) in kernels.iter().zip(boot(&kernels, &disk)?) {
        match booted {
            Ok(found) => {
                println!("{}", report::cells(&found).join(" | "));
                failures.extend(found.failures());
                findings.push(found);
            }
            Err(error) => failures.push(format!("{}: {error:#}", kernel.origin)),
        }
    }
    interrupt::check()?;
    if args.suites.is_empty() {
        let path = workspace.path(DOCUMENT);
        fs::write(&path, report::markdown(&findings, &failures))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(conclude(&findings, &failures, &below.display().to_string()))
}

/// Boots all, each with a log; as many at once as there are processors, because each machine keeps one busy.
fn boot(kernels: &[(BootableKernel, PathBuf)], disk: &Path) -> Result<Vec<Result<KernelFindings>>> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some((kernel, log)) = kernels.get(index) else { return done };
            done.push((index, guest::boot(kernel, disk, log)));
        }
    };
    let processors = thread::available_parallelism().map_or(1, NonZero::get);
    let mut all = Vec::new();
    thread::scope(|scope| {
        let workers: Vec<_> = (0..processors).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            all.extend(worker.join().map_err(|_| anyhow!("a thread that runs a machine panicked"))?);
        }
        anyhow::Ok(())
    })?;
    all.sort_by_key(|(index, _)| *index);
    Ok(all.into_iter().map(|(_, booted)| booted).collect())
}

/// Prints the conclusion.
fn conclude(findings: &[KernelFindings], failures: &[String], logs: &str) -> ExitCode {
    for failure in failures {
        println!("kernels: FAILED: {failure}");
    }
    println!("kernels: {}", report::summary(findings));
    if failures.is_empty() && !findings.is_empty() {
        return ExitCode::SUCCESS;
    }
    println!("kernels: the output of the machines is in {logs}");
    ExitCode::FAILURE
}
