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

pub(crate) use diagnosis::Diagnosis;

use capabilities::Privileges;
use cost::Costs;
use kernel::Kernel;
use servers::Search;
use trial::Programs;

use crate::kernel::filesystems::{self, FilesystemFault};
use crate::probe::memory_check::MemoryCheck;
use crate::target::discover::Selection;

/// Everything that was examined.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Facts {
    /// Name of this host.
    pub host: String,
    /// The kernel.
    pub kernel: Kernel,
    /// Faults of the file systems that tracing needs.
    pub faults: Vec<FilesystemFault>,
    /// The mount option by which `/proc` hides other users' processes, if it is set.
    pub hidepid: Option<String>,
    /// The privileges of this process.
    pub privileges: Privileges,
    /// The requested memory, and its limits.
    pub memory: MemoryCheck,
    /// The expected cost of traps.
    pub costs: Costs,
    /// Whether the eBPF programs load and attach.
    pub programs: Programs,
    /// The servers found.
    pub search: Search,
}

/// Collects the facts and tries to trace with `bytes` of memory for the kernel's tables. Facts that cannot be read are reported as
/// unknown.
pub(crate) fn examine(selection: &Selection, bytes: u64) -> Diagnosis {
    let system = rustix::system::uname();
    let privileges = Privileges::read();
    let faults = filesystems::faults();
    let memory = MemoryCheck::of(bytes);
    let programs = Programs::examine(&privileges, &faults, bytes);
    let costs = Costs::of(&programs);
    Diagnosis::of(Facts {
        host: system.nodename().to_string_lossy().into_owned(),
        kernel: Kernel::read(&system, &faults, programs.cookies),
        search: match filesystems::hide_processes(&faults) {
            true => Search::default(),
            false => servers::search(selection, &costs),
        },
        hidepid: filesystems::hidepid(),
        memory,
        faults,
        programs,
        costs,
        privileges,
    })
}
