//! What a trap costs on this machine: measured on mctop's own code, by a probe whose program does nothing.

use std::arch::naked_asm;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use anyhow::Context;
use aya::programs::UProbe;
use aya::programs::uprobe::{UProbeAttachLocation, UProbeAttachPoint, UProbeScope};
use procfs::process::MMapPath;

use crate::probe::object::Object;

/// The program that does nothing.
const PROGRAM: &str = "calibrate";
/// The running program.
const OURSELVES: &str = "/proc/self/exe";
/// Batches of calls; the median is taken, so that what else the machine does meanwhile does not count.
const BATCHES: usize = 15;
/// Calls in a batch.
const CALLS: u32 = 100;

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

/// Time of a hit of a probe with an empty program, by how the kernel executes the probed instruction.
///
/// # Errors
/// When the probe cannot be attached to mctop, or not be detached.
pub fn measure(object: &mut Object, is_emulated: bool) -> anyhow::Result<Duration> {
    let function: extern "C" fn() = if is_emulated { emulated } else { single_stepped };
    let program: &mut UProbe = object
        .ebpf
        .program_mut(PROGRAM)
        .with_context(|| format!("the eBPF object has no program {PROGRAM}"))?
        .try_into()?;
    let at = UProbeAttachPoint {
        location: UProbeAttachLocation::AbsoluteOffset(file_offset(function as usize as u64)?),
        cookie: None,
    };
    let ourselves = NonZeroU32::new(std::process::id()).context("pid 0 is not a process")?;
    let link = program.attach(at, OURSELVES, UProbeScope::OneProcess(ourselves))?;
    let mut batches = [Duration::ZERO; BATCHES];
    for batch in &mut batches {
        let start = Instant::now();
        for _ in 0..CALLS {
            function();
        }
        *batch = start.elapsed() / CALLS;
    }
    program.detach(link)?;
    batches.sort_unstable();
    Ok(batches[BATCHES / 2])
}

/// Where in the file of this program an address of its code lies.
fn file_offset(address: u64) -> anyhow::Result<u64> {
    procfs::process::Process::myself()?
        .maps()?
        .iter()
        .find(|map| (map.address.0..map.address.1).contains(&address) && matches!(map.pathname, MMapPath::Path(_)))
        .map(|map| address - map.address.0 + map.offset)
        .context("mctop's own code is not mapped from a file")
}
