//! `cargo xtask bench`: compares the cost, losses and accuracy of mctop with those of other tools.
//!
//! Everything runs on this machine against private servers. Observers take turns within each round, because the load of a
//! shared machine changes more between rounds than within one; figures are medians over the rounds.

mod churn;
mod completeness;
mod cost;
mod latency;
mod machine;
mod observer;
mod report;
mod scale;
mod screen;
mod series;
mod tools;
mod usage;
mod victim;

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::ValueEnum;

use crate::process;
use crate::server::{self, Server};
use crate::test;
use crate::workspace::Workspace;
use observer::WatchedProcess;
use report::{BenchReport, SCHEMA, markdown, merged};
use tools::{Points, Tools};

/// Where the report is kept, as text and as data.
const DOCUMENT: &str = "docs/benchmarks.md";
const DATA: &str = "docs/benchmarks.json";

/// Environment variable that marks the release build which a debug build started.
const BUILT: &str = "MCTOP_BENCH_BUILT";

/// Arguments of `cargo xtask bench`.
#[derive(clap::Args, Clone, Debug)]
pub struct BenchArgs {
    /// Measure only these sections, separated by commas; the others are left unchanged in the documents [default: all]
    #[arg(long, value_enum, value_delimiter = ',', value_name = "SECTION")]
    only: Vec<BenchPart>,
    /// Measure for a few seconds only, as a smoke test; the figures mean little and are not kept
    #[arg(long)]
    quick: bool,
    /// Print the report without updating the documents
    #[arg(long)]
    dry: bool,
}

/// A section of the benchmark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum BenchPart {
    /// What a probe hit costs, on a victim and on memcached
    Cost,
    /// Whether every operation is counted
    Completeness,
    /// Hot keys among millions
    Churn,
    /// CPU and memory of mctop itself
    Scale,
    /// Startup and exit times of mctop, and the server's latency
    Latency,
}

impl BenchPart {
    const ALL: [Self; 5] = [Self::Cost, Self::Completeness, Self::Churn, Self::Scale, Self::Latency];

    const fn name(self) -> &'static str {
        match self {
            Self::Cost => "cost",
            Self::Completeness => "completeness",
            Self::Churn => "churn",
            Self::Scale => "scale",
            Self::Latency => "latency",
        }
    }
}

/// What all sections share.
struct Bench {
    tools: Tools,
    points: Points,
    quick: bool,
}

/// Prints the report, and updates the documents unless `--quick` or `--dry` is given.
pub fn run(args: &BenchArgs) -> Result<ExitCode> {
    test::demand_live()?;
    let workspace = Workspace::find()?;
    if std::env::var_os(BUILT).is_none() {
        return run_release(&workspace);
    }
    let tools = Tools::find(&workspace)?;
    let points = tools.points()?;
    let bench = Bench { points, quick: args.quick, tools };
    // Before anything is written, which would make the tree dirty.
    let commit = machine::commit(&workspace.root)?;
    let mut sections = Vec::new();
    for part in BenchPart::ALL {
        if !args.only.is_empty() && !args.only.contains(&part) {
            continue;
        }
        eprintln!("bench: {}", part.name());
        let load = machine::load()?;
        let mut section = match part {
            BenchPart::Cost => cost::measure(&bench),
            BenchPart::Completeness => completeness::measure(&bench),
            BenchPart::Churn => churn::measure(&bench),
            BenchPart::Scale => scale::measure(&bench),
            BenchPart::Latency => latency::measure(&bench),
        }
        .with_context(|| format!("cannot measure {}", part.name()))?;
        section.load = load;
        section.date = crate::machine::date()?;
        section.commit.clone_from(&commit);
        for reason in &section.unavailable {
            eprintln!("bench: NOT MEASURED: {reason}");
        }
        sections.push(section);
    }
    let report = BenchReport { schema: SCHEMA.into(), machine: machine::describe(&bench)?, sections };
    println!("{}", markdown(&report));
    if !args.quick && !args.dry {
        keep(&workspace, report)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Builds mctop, mctop-devtools and xtask in release mode, and measures with them.
fn run_release(workspace: &Workspace) -> Result<ExitCode> {
    let packages = ["-p", "mctop", "-p", "mctop-devtools", "-p", "xtask"];
    process::succeed(workspace.cargo().args(["build", "--release", "--bins"]).args(packages))?;
    let mut again = std::process::Command::new(workspace.target.join("release/xtask"));
    again.args(std::env::args_os().skip(1)).env(BUILT, "1").current_dir(&workspace.root);
    let status = process::status(&mut again)?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}

/// Writes the documents, keeping the sections that were not measured.
fn keep(workspace: &Workspace, report: BenchReport) -> Result<()> {
    let data = workspace.path(DATA);
    let old = fs::read(&data).ok().and_then(|text| serde_json::from_slice(&text).ok());
    let report = merged(report, old, &BenchPart::ALL.map(BenchPart::name));
    let write =
        |path: &Path, text: String| fs::write(path, text).with_context(|| format!("cannot write {}", path.display()));
    write(&data, serde_json::to_string_pretty(&report)? + "\n")?;
    write(&workspace.path(DOCUMENT), markdown(&report))
}

impl Bench {
    /// A duration in seconds, shortened in a quick run.
    fn time(&self, seconds: f64) -> Duration {
        Duration::from_secs_f64(if self.quick { (seconds / 10.0).clamp(0.2, 2.0) } else { seconds })
    }

    /// A number of rounds, or two in a quick run.
    const fn rounds(&self, rounds: usize) -> usize {
        if self.quick { 2 } else { rounds }
    }

    /// A count, or a fiftieth of it in a quick run.
    const fn count(&self, count: u64) -> u64 {
        if self.quick { count / 50 } else { count }
    }

    /// A private memcached.
    fn server(&self, memory_mib: u32) -> Result<Server> {
        server::start(&self.tools.memcached, &["-m", &memory_mib.to_string()])
    }

    /// The server as observers see it.
    fn subject(&self, server: &Server) -> WatchedProcess {
        WatchedProcess {
            pid: server.pid(),
            binary: self.tools.memcached.clone(),
            address: Some(server.address()),
            lookup: self.points.lookup,
            entry: self.points.entry.clone(),
            // do_item_get(const char *key, const size_t nkey, …)
            arguments: ["arg0", "arg1"],
        }
    }
}
