//! `mctop-gauge`: the parts of `cargo xtask bench` that need eBPF or mctop's own library, as child processes that are ready
//! once they have printed one line of JSON, and end with their standard input or SIGINT.

mod empty;
mod hold;
mod points;
mod statistics;
mod victim;

use std::num::NonZeroU32;
use std::path::PathBuf;

use anyhow::Result;
use clap::Parser;
use mctop::internal::bench_support;
use serde_json::json;

/// What mctop is measured against; `cargo xtask bench` runs it.
#[derive(Parser)]
enum Command {
    /// Attach a program that does nothing
    Empty(At),
    /// Attach mctop's lookup program to a victim
    Lookup(At),
    /// Print where a memcached would be probed
    Points {
        /// The binary.
        image: PathBuf,
    },
    /// Have the kernel measure all eBPF programs; each line on standard input is answered with their names
    Statistics,
    /// Call a function in a loop: `KEYS CALLS` on standard input
    Victim,
    /// Time how long a table of so many keys takes to drain
    Drain {
        /// Number of entries.
        entries: u32,
    },
    /// Time what mctop does at the end of an interval with so many keys
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

fn main() -> Result<()> {
    match Command::parse() {
        Command::Empty(at) => {
            let _attached = empty::attach(at.pid, &at.image, at.offset)?;
            hold::until_told(|| Ok(()))
        }
        Command::Lookup(at) => {
            let mut probes = bench_support::Probes::attach(&victim::target(at.pid, &at.image, at.offset))?;
            hold::until_told(|| probes.validate())?;
            println!("{}", json!({ "calls": probes.calls() }));
            Ok(())
        }
        Command::Points { image } => points::print(&image),
        Command::Statistics => statistics::serve(),
        Command::Victim => victim::serve(),
        Command::Epoch { keys, memory, others } => {
            let times = bench_support::epoch_times(keys, memory << 20, others)?;
            println!(
                "{}",
                json!({
                    "keys": keys, "give_back_s": times.release.as_secs_f64(), "count_s": times.count.as_secs_f64(),
                    "finish_s": times.finish.as_secs_f64(), "fold_s": times.fold.as_secs_f64(),
                    "sum_s": times.sum.as_secs_f64(), "rows": times.rows, "window_s": times.window.as_secs_f64(),
                })
            );
            Ok(())
        }
        Command::Drain { entries } => {
            let times = bench_support::drain_times(entries)?;
            let (mapped, calls) = (times.mapped.as_secs_f64(), times.by_calls.as_secs_f64());
            println!("{}", json!({ "entries": entries, "mapped_s": mapped, "by_calls_s": calls }));
            Ok(())
        }
    }
}
