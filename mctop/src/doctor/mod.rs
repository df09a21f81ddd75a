//! `mctop doctor`: what can be traced on this host and what cannot, why, and what to do about it.
//!
//! [`Facts`] are collected from the kernel, our privileges, a trial load of the eBPF object and every memcached; [`Diagnosis`]
//! judges them without looking at anything else, and is written by [`text`] or [`json`]. Nothing is attached to any server.

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

/// Looks at everything, and tries it with so many bytes of memory for the kernel's tables. What cannot be looked at is said to be unknown, so that this does not fail.
#[must_use]
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
