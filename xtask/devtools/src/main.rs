//! `mctop-devtools`: programs for mctop's developers that need its library. Those that `cargo xtask bench` watches are ready
//! once they have printed one line of JSON, and exit at the end of their standard input or on SIGINT.

mod empty;
mod generate;
mod hold;
mod resolve;
mod statistics;
mod victim;

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use mctop::internal::bench_support;
use serde_json::json;

/// Programs for the developers of mctop; `cargo xtask` runs them
#[derive(Parser)]
enum DevtoolsCommand {
    /// Attach a program that does nothing
    Empty(At),
    /// Attach mctop's lookup program to a victim
    Lookup(At),
    /// Print what mctop finds in memcached binaries, one line of JSON for each
    Resolve(resolve::ResolveArgs),
    /// Write a capture of made-up traffic
    GenerateCapture(generate::GenerateArgs),
    /// Have the kernel measure all eBPF programs; each line on standard input is answered with their names
    Statistics,
    /// Call a function in a loop: `KEYS CALLS` on standard input
    Victim,
    /// Time the work of mctop at the end of an interval
    Epoch {
        /// Number of keys.
        keys: u32,
        /// Memory for the tables, and as much again for the model, in MiB.
        #[arg(long)]
        memory: u64,
        /// Each interval has other keys
        #[arg(long)]
        others: bool,
    },
}

/// Exit code when a binary cannot be traced; `mctop` uses the same for an unusable target.
const REFUSED: u8 = 4;

/// A place in a process.
#[derive(clap::Args)]
struct At {
    /// The process.
    #[arg(long)]
    pid: NonZeroU32,
    /// Its binary.
    #[arg(long)]
    image: PathBuf,
    /// Offset in that file.
    #[arg(long)]
    offset: u64,
}

fn main() -> Result<ExitCode> {
    match DevtoolsCommand::parse() {
        DevtoolsCommand::Empty(at) => {
            let _attached = empty::attach(at.pid, &at.image, at.offset)?;
            hold::until_stopped(|| Ok(()))?;
        }
        DevtoolsCommand::Lookup(at) => {
            let mut probes = bench_support::Probes::attach(&victim::target(at.pid, &at.image, at.offset))?;
            hold::until_stopped(|| probes.validate())?;
            println!("{}", json!({ "calls": probes.calls() }));
        }
        DevtoolsCommand::Resolve(args) => return Ok(ExitCode::from(if resolve::print(&args) { 0 } else { REFUSED })),
        DevtoolsCommand::GenerateCapture(args) => generate::write(&args)?,
        DevtoolsCommand::Statistics => statistics::serve()?,
        DevtoolsCommand::Victim => victim::serve()?,
        DevtoolsCommand::Epoch { keys, memory, others } => {
            let times = bench_support::epoch_times(keys, memory << 20, others)?;
            println!(
                "{}",
                json!({
                    "keys": keys, "give_back_s": times.release.as_secs_f64(), "count_s": times.count.as_secs_f64(),
                    "finish_s": times.finish.as_secs_f64(), "fold_s": times.fold.as_secs_f64(),
                    "sum_s": times.sum.as_secs_f64(), "rows": times.rows, "window_s": times.window.as_secs_f64(),
                })
            );
        }
    }
    Ok(ExitCode::SUCCESS)
}
