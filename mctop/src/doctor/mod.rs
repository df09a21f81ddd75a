//! `mctop doctor`: what can be traced on this host, what cannot, why, and how to fix it.
//!
//! [`Facts`] are collected from the kernel, the privileges of this process, a trial load of the eBPF object, and every memcached.
//! [`Diagnosis`] is derived from them alone, and written by [`text`] or [`json`]. Nothing is attached to any server.

pub(crate) mod capabilities;
pub(crate) mod cost;
pub(crate) mod diagnosis;
pub(crate) mod json;
pub(crate) mod kernel;
pub(crate) mod limits;
mod page;
mod problems;
#[cfg(test)]
mod sample;
pub(crate) mod servers;
#[cfg(test)]
mod tests;
pub(crate) mod text;
pub(crate) mod trial;

pub(crate) use diagnosis::{Diagnosis, Facts};

use servers::Search;

use crate::kernel::filesystems;
use crate::probe::memory_check::MemoryCheck;
use crate::target::discover::Selection;

/// Collects the facts and tries to trace with `memory` bytes for the kernel's tables. Facts that cannot be read are reported as
/// unknown.
pub(crate) fn examine(selection: &Selection, memory: u64) -> Diagnosis {
    let system = rustix::system::uname();
    let privileges = capabilities::Privileges::read();
    let faults = filesystems::faults();
    let room = MemoryCheck::of(memory);
    let programs = trial::Programs::examine(&privileges, &faults, memory);
    let costs = cost::Costs::of(&programs);
    Diagnosis::of(Facts {
        host: system.nodename().to_string_lossy().into_owned(),
        kernel: kernel::Kernel::read(&system, &faults, programs.cookies),
        search: match filesystems::hide_processes(&faults) {
            true => Search::default(),
            false => servers::search(selection, &costs),
        },
        hidepid: filesystems::hidepid(),
        room,
        faults,
        programs,
        costs,
        privileges,
    })
}
