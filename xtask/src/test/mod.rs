//! `cargo xtask test`: all tests, what cannot run here and why, and one line that sums them up.

pub mod requirements;
mod summary;

use std::process::ExitCode;

use anyhow::Result;

use crate::process;
use crate::setup;
use crate::workspace::Workspace;
use requirements::Blocker;
use summary::Summary;

/// Tells tests that need a real server and eBPF what to do when they cannot run.
pub const LIVE_VARIABLE: &str = "MCTOP_TEST_LIVE";

/// Value of [`LIVE_VARIABLE`]: fail.
pub const LIVE_REQUIRED: &str = "required";

/// Value of [`LIVE_VARIABLE`]: print a line that begins with `SKIPPED` and the reason.
const LIVE_SKIP: &str = "skip";

/// Arguments of `cargo xtask test`.
#[derive(clap::Args)]
pub struct Args {
    /// Leave out the tests that need root and a real server
    #[arg(long)]
    quick: bool,
    /// Run only tests whose name contains one of these
    filter: Vec<String>,
}

/// Runs the command; the last line of its standard output is `N passed, N failed, N skipped`.
///
/// # Errors
/// When cargo cannot be run; failing tests are an exit code.
pub fn run(args: &Args) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    let in_ci = std::env::var_os("CI").is_some_and(|value| value == "true");
    let blockers = if args.quick { Vec::new() } else { blockers() };
    for blocker in &blockers {
        eprintln!("test: LIVE TESTS CANNOT RUN HERE: {blocker}");
    }
    let live = if args.quick || (!blockers.is_empty() && !in_ci) { LIVE_SKIP } else { LIVE_REQUIRED };

    let mut command = workspace.cargo();
    // Shows what passing tests wrote, which is where a skipped one gives its reason.
    command.args(["test", "--workspace", "--locked", "--no-fail-fast", "--", "--show-output"]);
    command.args(&args.filter).env(LIVE_VARIABLE, live);
    let mut summary = Summary::default();
    let status = process::lines(&mut command, |line| {
        if let Some(shown) = summary.read(line) {
            println!("{shown}");
        }
    })?;
    if in_ci {
        summary.failed += blockers.len() as u64;
    }
    if !status.success() && summary.failed == 0 {
        eprintln!("test: cargo failed ({status}) before or between the tests");
        summary.failed = 1;
    }
    println!("{summary}");
    Ok(if summary.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What keeps the live tests from running, after trying to install what is missing.
fn blockers() -> Vec<Blocker> {
    let mut blockers = requirements::of_ebpf();
    if let Err(error) = setup::memcached() {
        blockers.push(Blocker(format!("{error:#}")));
    }
    blockers
}
