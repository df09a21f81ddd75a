//! `cargo xtask demo`: a private memcached under a flash sale, and its hot keys as mctop sees them.

mod check;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::load::address::Address;
use crate::load::scenario::Scenario;
use crate::load::{self, Load};
use crate::memcached;
use crate::process;
use crate::server;
use crate::workspace::Workspace;

/// mctop's exit code when a privilege or a kernel feature is missing.
const PRIVILEGE: i32 = 3;

/// A real capture of the same scenario, replayed where mctop cannot run.
const RECORDING: &str = "tests/fixtures/flash-sale.capture.ndjson";

/// Rows of the table.
const ROWS: &str = "15";

/// How much longer than the observations the load may last: attaching, detaching, and a slow machine.
const MARGIN_SECONDS: u64 = 120;

/// Arguments of `cargo xtask demo`.
#[derive(clap::Args)]
pub struct DemoArgs {
    /// Fail with exit code 3 instead of replaying a recording where mctop cannot run
    #[arg(long)]
    live: bool,
    /// How long to observe
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// Observe once more as JSON and fail unless the figures are right
    #[arg(long, requires = "live")]
    check: bool,
    /// Capture to this file instead of printing a table; makes the recording
    #[arg(long, hide = true, conflicts_with = "check")]
    record: Option<PathBuf>,
}

/// The outcome of the live part.
enum DemoOutcome {
    Shown,
    /// Why mctop cannot run here.
    Impossible(String),
}

/// Runs the command.
pub fn run(args: &DemoArgs) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    let mctop = build(&workspace)?;
    let why = match live(args, &mctop)? {
        DemoOutcome::Shown => return Ok(ExitCode::SUCCESS),
        DemoOutcome::Impossible(why) => why,
    };
    eprintln!("demo: mctop cannot watch a live server here. {why}");
    if args.live || args.record.is_some() {
        return Ok(ExitCode::from(PRIVILEGE as u8));
    }
    eprintln!("RECORDED: what follows was recorded on another machine under the same load: {RECORDING}");
    let mut replay = Command::new(&mctop);
    replay.current_dir(&workspace.root).args(["report", RECORDING, "--format", "table"]);
    process::succeed(&mut replay)?;
    Ok(ExitCode::SUCCESS)
}

/// Builds mctop like a release.
fn build(workspace: &Workspace) -> Result<PathBuf> {
    eprintln!("demo: building mctop");
    process::succeed(workspace.cargo().args(["build", "--release", "--locked", "--package", "mctop"]))?;
    Ok(workspace.target.join("release/mctop"))
}

fn live(args: &DemoArgs, mctop: &Path) -> Result<DemoOutcome> {
    let memcached = match memcached::find() {
        Ok(program) => program,
        Err(error) => {
            crate::interrupt::check()?;
            return Ok(DemoOutcome::Impossible(format!("{error:#}")));
        }
    };
    let server = server::start(&memcached, &["-m", "256", "-I", "4m"])?;
    eprintln!("demo: {} runs as pid {} on {}", memcached.display(), server.pid(), server.address());
    let observations = if args.check { 2 } else { 1 };
    let seconds = args.seconds * observations + MARGIN_SECONDS;
    let load = Load::start(load::LoadArgs::new(Address::Tcp(server.address()), Scenario::FlashSale, seconds))?;
    eprintln!("demo: the flash sale is on; watching for {} seconds", args.seconds);

    let mut observe = Command::new(mctop);
    match &args.record {
        None => observe.args(["dump", "-n", ROWS]),
        Some(file) => observe.args(["capture", "-o"]).arg(file),
    };
    observe.args(["--pid", &server.pid().to_string(), "-d", &format!("{}s", args.seconds)]);
    let status = process::status(&mut observe)?;
    match status.code() {
        Some(0) => {}
        Some(PRIVILEGE) => return Ok(DemoOutcome::Impossible("Its message above names what is missing.".to_owned())),
        _ => bail!("`{}` failed ({status})", process::display(&observe)),
    }
    let checked = if args.check { Some(check::observe(mctop, &server, args.seconds)?) } else { None };
    if load.is_finished() {
        load.finish().context("the load ended before mctop did")?;
        bail!("the load ended before mctop did");
    }
    load.stop();
    let sent = load.finish()?;
    server
        .try_stats()
        .with_context(|| format!("memcached (pid {}) does not answer after mctop watched it", server.pid()))?;
    eprintln!(
        "demo: the load did {} operations in {:.1} s ({:.0} per second); memcached still answers and is stopped now",
        sent.total, sent.seconds, sent.per_second
    );
    if let Some(checked) = checked {
        eprintln!("demo: checked: {checked}");
    }
    Ok(DemoOutcome::Shown)
}
