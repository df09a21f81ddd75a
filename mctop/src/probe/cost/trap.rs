//! What a trap costs on this machine: measured on mctop's own code, by a probe whose program does nothing.

use std::arch::naked_asm;
use std::num::NonZeroU32;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;

use crate::kernel::uprobe::{OURSELVES, own_offset};
use crate::probe::object::Object;
use crate::probe::privilege;
use crate::probe::uprobe::{Link, Location};

/// The program that does nothing.
const PROGRAM: &str = "calibrate";
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

/// What was measured.
#[derive(Clone, Copy, Debug)]
pub struct Trap {
    /// Time of a hit of a probe with an empty program.
    pub hit: Duration,
    /// Time it took to attach it.
    pub attach: Duration,
}

/// Measures traps, by how the kernel executes the probed instruction.
///
/// # Errors
/// When the probe cannot be attached to mctop.
pub fn measure(object: &mut Object, is_emulated: bool) -> anyhow::Result<Trap> {
    let function: extern "C" fn() = if is_emulated { emulated } else { single_stepped };
    let start = Instant::now();
    let link = attach(object, PROGRAM, function as usize as u64, None)?;
    let attach = start.elapsed();
    let mut batches = [Duration::ZERO; BATCHES];
    for batch in &mut batches {
        let start = Instant::now();
        for _ in 0..CALLS {
            function();
        }
        *batch = start.elapsed() / CALLS;
    }
    drop(link);
    batches.sort_unstable();
    Ok(Trap { hit: batches[BATCHES / 2], attach })
}

/// A probe with an empty program on an instruction of mctop's own that is never executed, until it is dropped.
///
/// # Errors
/// When it cannot be attached.
pub fn on_ourselves(object: &mut Object) -> anyhow::Result<Link> {
    attach(object, PROGRAM, emulated as *const () as u64, None)
}

/// A program at the first instruction of a function of mctop's own, until it is dropped.
///
/// # Errors
/// When it cannot be attached.
pub fn attach(object: &mut Object, program: &str, function: u64, cookie: Option<u64>) -> anyhow::Result<Link> {
    let location = Location {
        image: Path::new(OURSELVES),
        offset: own_offset(function)?,
        process: NonZeroU32::new(std::process::id()).context("pid 0 is not a process")?,
        cookie,
    };
    object.attach(program, &location).map_err(|error| privilege::explain(error, "attach a uprobe to mctop itself"))
}
