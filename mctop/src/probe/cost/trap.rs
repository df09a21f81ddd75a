//! Probes on mctop's own code, and the cost of a trap on this machine: measured there with an empty program.

use std::arch::naked_asm;
use std::num::NonZeroU32;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;

use crate::kernel::uprobe::{OWN_BINARY, own_offset};
use crate::parallel;
use crate::probe::privilege;
use crate::probe::programs::EbpfPrograms;
use crate::probe::uprobe::{Link, Location};

/// The empty program.
const EMPTY: &str = "calibrate";
/// Number of batches of calls. The result is the median, which other load on the machine affects little.
const BATCHES: usize = 15;
/// Calls in a batch.
const CALLS: u32 = 100;
/// Maximum number of probes of another process that are attached to measure the cost of each.
const MAX_OTHER_LINKS: u32 = 16;
/// The same for perf events, which take long to detach.
const MAX_OTHER_EVENTS: u32 = 2;

/// Starts with an instruction that the kernel emulates.
#[unsafe(naked)]
extern "C" fn emulated() {
    naked_asm!("nop", "ret")
}

/// Starts with an instruction that the kernel single-steps out of line.
#[unsafe(naked)]
extern "C" fn single_stepped() {
    #[cfg(target_arch = "x86_64")]
    naked_asm!("lea rax, [rdi]", "ret");
    #[cfg(target_arch = "aarch64")]
    naked_asm!("add x0, x0, #0", "ret");
}

/// The cost of a trap.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TrapCost {
    /// Duration of a trap with an empty program.
    pub trap: Duration,
    /// Time that it took to attach the probe.
    pub attach: Duration,
}

/// Probes of other processes at the same instruction of the same file. The kernel keeps the probes of all processes together, and at
/// each trap asks each of them whether it is for this process (`handler_chain` in kernel/events/uprobes.c).
#[derive(Clone, Copy, Debug)]
pub(crate) struct OtherProbes {
    /// One of the processes.
    pub process: NonZeroU32,
    /// Number of probes.
    pub count: u32,
}

/// Measures the cost of a trap on an instruction that the kernel emulates or single-steps, if there are other probes.
pub(crate) fn measure(
    programs: &mut EbpfPrograms,
    is_emulated: bool,
    others: Option<OtherProbes>,
) -> anyhow::Result<TrapCost> {
    let function: extern "C" fn() = if is_emulated { emulated } else { single_stepped };
    let start = Instant::now();
    let link = attach(programs, EMPTY, function as usize as u64, own_process()?, None)?;
    let attach_time = start.elapsed();
    let mut trap = call_time(function);
    let mut links = vec![link];
    if let Some(OtherProbes { process, count }) = others.filter(|others| others.count > 0) {
        // A few of them are enough to measure the cost of each.
        let max = if programs.detaches_concurrently() { MAX_OTHER_LINKS } else { MAX_OTHER_EVENTS };
        let some = count.min(max);
        for _ in 0..some {
            links.push(attach(programs, EMPTY, function as usize as u64, process, None)?);
        }
        trap = extrapolate(trap, call_time(function), some, count);
    }
    parallel::map(links, MAX_OTHER_LINKS as usize, drop);
    Ok(TrapCost { trap, attach: attach_time })
}

/// The duration of a trap with `all` other probes, given its duration without other probes and with `some` of them.
fn extrapolate(alone: Duration, with_some: Duration, some: u32, all: u32) -> Duration {
    alone + with_some.saturating_sub(alone) * all / some
}

/// Duration of a call.
fn call_time(function: extern "C" fn()) -> Duration {
    let mut batches = [Duration::ZERO; BATCHES];
    for batch in &mut batches {
        let start = Instant::now();
        for _ in 0..CALLS {
            function();
        }
        *batch = start.elapsed() / CALLS;
    }
    batches.sort_unstable();
    batches[BATCHES / 2]
}

/// Attaches the empty program to a function of mctop that is not called meanwhile.
pub(crate) fn on_own_code(programs: &mut EbpfPrograms) -> anyhow::Result<Link> {
    attach_to_own_code(programs, EMPTY, emulated as *const () as u64, None)
}

/// Attaches a program to the first instruction of a function of mctop.
pub(crate) fn attach_to_own_code(
    programs: &mut EbpfPrograms,
    program: &str,
    function: u64,
    cookie: Option<u64>,
) -> anyhow::Result<Link> {
    attach(programs, program, function, own_process()?, cookie)
}

fn own_process() -> anyhow::Result<NonZeroU32> {
    NonZeroU32::new(std::process::id()).context("pid 0 is not a process")
}

/// Attaches a program to code in mctop's binary, for a process.
fn attach(
    programs: &mut EbpfPrograms,
    program: &str,
    function: u64,
    process: NonZeroU32,
    cookie: Option<u64>,
) -> anyhow::Result<Link> {
    let location = Location { image: Path::new(OWN_BINARY), offset: own_offset(function)?, process, cookie };
    programs.attach(program, &location).map_err(|error| privilege::explain(error, "attach a uprobe to mctop itself"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_other_probes_cost_as_much_as_some_on_average() {
        let nanos = Duration::from_nanos;
        let trap = |some: u64, all| extrapolate(nanos(500), nanos(500 + 20 * some), some as u32, all).as_nanos();
        assert_eq!([trap(16, 16), trap(16, 79), trap(2, 31), trap(1, 1)], [820, 2_080, 1_120, 520]);
        assert_eq!(extrapolate(nanos(500), nanos(480), 16, 79), nanos(500));
    }
}
