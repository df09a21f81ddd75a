//! The CPU time of a probe hit by kernel function, from perf's samples of the victim.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};

use super::work::{CALLS, end, settle_victim};
use crate::bench::Bench;
use crate::bench::observer::Observer;
use crate::bench::report::{BenchSection, BenchTable, figure};
use crate::bench::series::spread;
use crate::bench::victim::Victim;
use crate::process;
use crate::process::KillOnDrop;

/// The observers that are compared.
const OBSERVERS: [Observer; 3] = [Observer::Empty, Observer::MctopLookup, Observer::BpftraceCount];

/// Samples per second; odd, so that sampling is not in step with timers.
const FREQUENCY: &str = "4999";

/// Parts by prefixes of function names; the first match counts, and functions without a match are *other*.
const PARTS: &[(&str, &[&str])] = &[
    ("the victim, and the trap's entry on its instruction", &["mctop_devtools", "mctop_bench"]),
    ("the program's own instructions", &["bpf_prog_"]),
    (
        "reading the process's memory",
        &[
            "copy_from_user_nofault",
            "strncpy_from_user",
            "__check_object_size",
            "check_stack_object",
            "rep_movs",
            "bpf_probe_read",
            "nmi_uaccess_okay",
            "is_vmalloc_addr",
            "__virt_addr_valid",
            "__get_user",
            "do_strncpy",
        ],
    ),
    (
        "maps and other helpers of the program",
        &[
            "bpf_",
            "htab_",
            "__htab",
            "array_map",
            "array_of_map",
            "lookup_nulls",
            "percpu_array",
            "jhash",
            "alloc_htab",
            "pcpu_",
            "___pcpu",
            "memcpy",
            "__memset",
            "memset",
        ],
    ),
    (
        "finding and running the uprobe's handlers, emulating the instruction",
        &[
            "uprobe",
            "__uprobe",
            "find_",
            "handler_chain",
            "mtree_load",
            "arch_uprobe",
            "emulate",
            "push_emulate",
            "branch_",
            "handle_swbp",
            "is_trap",
            "vma_",
            "__rcu",
            "rcu_",
            "its_return",
            "_raw_read",
            "should_optimize",
            "task_init",
            "prepare_",
            "trace_call",
            "_copy_to_user",
            "srcu",
            "__srcu",
            "migrate_",
        ],
    ),
    (
        "the trap: into the kernel and back",
        &[
            "irqentry",
            "exc_int3",
            "asm_exc",
            "do_int3",
            "error_",
            "native_iret",
            "notify",
            "fpregs",
            "switch_fpu",
            "exit_to",
        ],
    ),
];

/// Profiles the victim with one key, in a separate pass, because sampling costs time.
pub fn measure(bench: &Bench, victim: &mut Victim, section: &mut BenchSection) -> Result<Option<BenchTable>> {
    let Some(perf) = &bench.tools.perf else {
        section.unavailable.push("the profile of a hit: perf is not installed".into());
        return Ok(None);
    };
    let mut columns: Vec<(Observer, Vec<Vec<f64>>)> = OBSERVERS.map(|observer| (observer, Vec::new())).into();
    for _ in 0..bench.rounds(5) {
        for (observer, rounds) in &mut columns {
            // Unavailable observers were noted in the rounds.
            let Ok(watching) = observer.start(&bench.tools, victim.subject()) else { continue };
            settle_victim(victim)?;
            rounds.push(profile(bench, perf, victim)?);
            end(watching, *observer, section)?;
        }
    }
    columns.retain(|(_, rounds)| !rounds.is_empty());
    let columns: Vec<(Observer, Vec<f64>)> =
        columns.into_iter().map(|(observer, rounds)| (observer, medians(&rounds))).collect();
    let names = PARTS.iter().map(|(name, _)| *name).chain(["other"]).enumerate();
    let row = |(index, name): (usize, &str)| {
        let cells = columns.iter().map(|(_, parts)| figure(parts.get(index).copied().unwrap_or_default()));
        [name.to_owned()].into_iter().chain(cells).collect()
    };
    let mut rows: Vec<Vec<String>> = names.map(row).collect();
    let sums = columns.iter().map(|(_, parts)| figure(parts.iter().sum()));
    rows.push(["in all".to_owned()].into_iter().chain(sums).collect());
    Ok(Some(BenchTable {
        title: format!(
            "Where the time of a hit goes, ns: {FREQUENCY} samples a second by perf of a victim that calls for one key, by what \
             the functions are part of; medians of rounds of their own, in which the observers take turns, because sampling costs:"
        ),
        head: ["part"]
            .into_iter()
            .chain(columns.iter().map(|(observer, _)| observer.name()))
            .map(str::to_owned)
            .collect(),
        rows,
    }))
}

/// The median of each part over rounds.
fn medians(rounds: &[Vec<f64>]) -> Vec<f64> {
    let part = |index: usize| rounds.iter().filter_map(|parts| parts.get(index).copied()).collect::<Vec<_>>();
    (0..=PARTS.len()).map(|index| spread(&part(index)).map_or(0.0, |spread| spread.median)).collect()
}

/// Nanoseconds per call of each part and of the rest.
fn profile(bench: &Bench, perf: &Path, victim: &mut Victim) -> Result<Vec<f64>> {
    let calls = bench.count(CALLS * 4);
    let directory = tempfile::tempdir().context("cannot create a temporary directory")?;
    let file = directory.path().join("perf.data");
    let pid = victim.subject().pid.to_string();
    let mut record = Command::new(perf);
    record
        .args(["record", "--quiet", "--event", "cpu-clock", "--freq", FREQUENCY, "--pid", &pid, "--output"])
        .arg(&file);
    record.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
    let mut recording = KillOnDrop(record.spawn().context("cannot start perf")?);
    // perf does not report when it has started; the calls that it misses are like the others.
    std::thread::sleep(Duration::from_millis(500));
    let each = victim.run(1, calls)?;
    let process = Pid::from_child(&recording.0);
    kill_process(process, Signal::INT).context("cannot end perf")?;
    recording.0.wait().context("perf does not end")?;
    let mut report = Command::new(perf);
    report
        .args(["report", "--stdio", "--no-children", "--sort", "symbol", "--field-separator", ";", "--input"])
        .arg(&file);
    let text = process::output(&mut report)?;
    let mut parts = vec![0.0; PARTS.len() + 1];
    let mut all = 0.0;
    for (share, name) in text.lines().filter_map(line) {
        let fits = |(_, prefixes): &(&str, &[&str])| prefixes.iter().any(|prefix| name.starts_with(prefix));
        let part = PARTS.iter().position(fits).unwrap_or(PARTS.len());
        if let Some(sum) = parts.get_mut(part) {
            *sum += share;
        }
        all += share;
    }
    ensure!(all > 0.0, "perf took no samples");
    Ok(parts.into_iter().map(|share| share / all * each).collect())
}

/// Share and function in a line of perf's report: `25.92%;[k] irqentry_exit_to_user_mode`.
fn line(line: &str) -> Option<(f64, &str)> {
    let (share, symbol) = line.split_once(';')?;
    let share = share.trim().strip_suffix('%')?.parse().ok()?;
    let name = symbol.split(';').next()?.trim();
    Some((share, name.split_once(']').map_or(name, |(_, name)| name.trim())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_a_report() {
        assert_eq!(line("    25.92%;[k] irqentry_exit_to_user_mode  "), Some((25.92, "irqentry_exit_to_user_mode")));
        assert_eq!(
            line("     1.22%;[.] mctop_devtools::victim::serve;-;-"),
            Some((1.22, "mctop_devtools::victim::serve"))
        );
        assert_eq!(line("# Samples: 16K of event 'cpu-clock'"), None);
        assert_eq!(line(""), None);
    }
}
