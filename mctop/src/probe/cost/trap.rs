//! What a trap costs on this machine: measured on mctop's own code, by a probe whose program does nothing.

use std::arch::naked_asm;
use std::num::NonZeroU32;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;

use crate::kernel::uprobe::{OWN_BINARY, own_offset};
use crate::parallel;
use crate::probe::object::Object;
use crate::probe::privilege;
use crate::probe::uprobe::{Link, Location};

/// The program that does nothing.
const PROGRAM: &str = "calibrate";
/// Batches of calls; the median is taken, so that what else the machine does meanwhile does not count.
const BATCHES: usize = 15;
/// Calls in a batch.
const CALLS: u32 = 100;
/// Most probes of other processes that are attached to measure what each takes.
const SOME_LINKS: u32 = 16;
/// The same where they are perf events.
const SOME_EVENTS: u32 = 2;

/// Begins with an instruction that the kernel emulates.
#[unsafe(naked)]
extern "C" fn emulated() {
    naked_asm!("nop", "ret")
}

/// Begins with an instruction that the kernel executes out of line, where there is one.
#[unsafe(naked)]
extern "C" fn single_stepped() {
    #[cfg(target_arch = "x86_64")]
    naked_asm!("lea rax, [rdi]", "ret");
    #[cfg(target_arch = "aarch64")]
    naked_asm!("add x0, x0, #0", "ret");
}

/// What was measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trap {
    /// Time of a hit of a probe with an empty program.
    pub hit: Duration,
    /// Time it took to attach it.
    pub attach: Duration,
}

/// Measures traps, by how the kernel executes the probed instruction.
///
/// # Errors
/// When the probe cannot be attached to mctop.
pub(crate) fn measure(object: &mut Object, is_emulated: bool) -> anyhow::Result<Trap> {
    measure_beside(object, is_emulated, None)
}

/// Probes of other processes at the same instruction of the same file. The kernel keeps the probes of all processes together, and at
/// each hit asks each whether it is for this process (`handler_chain` in kernel/events/uprobes.c).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Others {
    /// One of the processes.
    pub process: NonZeroU32,
    /// How many probes.
    pub probes: u32,
}

/// As [`measure`], where there are others.
///
/// # Errors
/// As [`measure`].
pub(crate) fn measure_beside(object: &mut Object, is_emulated: bool, others: Option<Others>) -> anyhow::Result<Trap> {
    let function: extern "C" fn() = if is_emulated { emulated } else { single_stepped };
    let start = Instant::now();
    let link = attach(object, PROGRAM, function as usize as u64, ourselves()?, None)?;
    let attach_took = start.elapsed();
    let mut hit = time(function);
    let mut links = vec![link];
    if let Some(Others { process, probes }) = others.filter(|others| others.probes > 0) {
        // Some tell what each takes, and perf events take long to detach.
        let some = probes.min(if object.detaches_together() { SOME_LINKS } else { SOME_EVENTS });
        for _ in 0..some {
            links.push(attach(object, PROGRAM, function as usize as u64, process, None)?);
        }
        hit = beside(hit, time(function), some, probes);
    }
    parallel::map(links, SOME_LINKS as usize, drop);
    Ok(Trap { hit, attach: attach_took })
}

/// Time of a hit beside so many `probes`, given what it is alone and what it is beside `some` of them.
fn beside(alone: Duration, beside_some: Duration, some: u32, probes: u32) -> Duration {
    alone + beside_some.saturating_sub(alone) * probes / some
}

/// How long a call takes.
fn time(function: extern "C" fn()) -> Duration {
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

/// A probe with an empty program on an instruction of mctop's own that is never executed, until it is dropped.
///
/// # Errors
/// When it cannot be attached.
pub(crate) fn on_ourselves(object: &mut Object) -> anyhow::Result<Link> {
    attach_to_ourselves(object, PROGRAM, emulated as *const () as u64, None)
}

/// A program at the first instruction of a function of mctop's own, until it is dropped.
///
/// # Errors
/// When it cannot be attached.
pub(crate) fn attach_to_ourselves(
    object: &mut Object,
    program: &str,
    function: u64,
    cookie: Option<u64>,
) -> anyhow::Result<Link> {
    attach(object, program, function, ourselves()?, cookie)
}

fn ourselves() -> anyhow::Result<NonZeroU32> {
    NonZeroU32::new(std::process::id()).context("pid 0 is not a process")
}

/// Attaches a program to code of mctop's file, for a process.
fn attach(
    object: &mut Object,
    program: &str,
    function: u64,
    process: NonZeroU32,
    cookie: Option<u64>,
) -> anyhow::Result<Link> {
    let location = Location { image: Path::new(OWN_BINARY), offset: own_offset(function)?, process, cookie };
    object.attach(program, &location).map_err(|error| privilege::explain(error, "attach a uprobe to mctop itself"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_other_probe_takes_as_long_as_some_took() {
        let hit = |some: u64, probes| {
            beside(Duration::from_nanos(500), Duration::from_nanos(500 + 20 * some), some as u32, probes).as_nanos()
        };
        assert_eq!([hit(16, 16), hit(16, 79), hit(2, 31), hit(1, 1)], [820, 2_080, 1_120, 520]);
        assert_eq!(beside(Duration::from_nanos(500), Duration::from_nanos(480), 16, 79).as_nanos(), 500);
    }
}
