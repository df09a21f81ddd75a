//! CPU time of the eBPF programs alone, from the kernel's statistics; the rest of an observer's cost is the trap.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use super::work::{WORKS, Work, end, measure_server, settle};
use crate::bench::observer::Observer;
use crate::bench::report::{BenchSection, BenchTable, figure};
use crate::bench::{Bench, usage};
use crate::process::KillOnDrop;
use crate::server::Server;

/// Measures in a separate pass, because the kernel's statistics cost time.
///
/// # Errors
/// When `mctop-devtools` or the server fails.
pub fn measure(bench: &Bench, server: &Server, section: &mut BenchSection) -> Result<BenchTable> {
    let child = Command::new(&bench.tools.devtools)
        .arg("statistics")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .process_group(0)
        .spawn()
        .context("cannot start mctop-devtools")?;
    // It turns on the kernel's statistics.
    let mut measuring = KillOnDrop(child);
    let mut ask = measuring.0.stdin.take().context("mctop-devtools has no standard input")?;
    let mut answers = BufReader::new(measuring.0.stdout.take().context("mctop-devtools has no standard output")?);
    let mut line = String::new();
    answers.read_line(&mut line).context("mctop-devtools does not measure")?;
    let mut rows = Vec::new();
    for observer in
        [Observer::Empty, Observer::MctopLookup, Observer::Mctop, Observer::BpftraceCount, Observer::BpftraceOutcome]
    {
        // Unavailable observers were noted in the rounds.
        let Ok(watching) = observer.start(&bench.tools, &bench.subject(server)) else { continue };
        let pid = watching.pid().context("the observer is no process")?;
        settle(server)?;
        writeln!(ask, "names")?;
        line.clear();
        answers.read_line(&mut line).context("mctop-devtools no longer answers")?;
        let names: BTreeMap<u32, String> = serde_json::from_str(&line).context("mctop-devtools' answer is not JSON")?;
        for work in WORKS {
            let Work::Reads { keys, per_get } = work else { continue };
            let before = usage::ebpf(pid)?.programs;
            let (_, operations) = measure_server(bench, server, keys, per_get)?;
            for (id, (time, runs)) in usage::ebpf(pid)?.programs {
                let (time_before, runs_before) = before.get(&id).copied().unwrap_or_default();
                let runs = runs - runs_before;
                if runs * 100 < operations {
                    continue;
                }
                rows.push(vec![
                    observer.name().to_owned(),
                    names.get(&id).cloned().unwrap_or_default(),
                    work.name(),
                    figure((time - time_before) as f64 / runs as f64),
                ]);
            }
        }
        end(watching, observer, section)?;
    }
    Ok(BenchTable {
        title: "Where it goes: mean run time of each program, measured by the kernel in a pass of its own (which adds some \
                30 ns a run, as the empty program shows); the trap is the rest:"
            .into(),
        head: ["observer", "program", "work", "ns/run"].map(str::to_owned).to_vec(),
        rows,
    })
}
