//! One eBPF program on one instruction of one process.

use std::num::NonZeroU32;
use std::os::fd::OwnedFd;
use std::path::Path;

use aya::programs::uprobe::{UProbeAttachLocation, UProbeAttachPoint, UProbeLink, UProbeScope};

use super::multi;
use super::object::Object;

/// Where a program is attached.
#[derive(Clone, Copy, Debug)]
pub struct Location<'a> {
    /// A path that opens the process's binary.
    pub image: &'a Path,
    /// The instruction's offset in it.
    pub offset: u64,
    /// The process, whose threads are all watched.
    pub process: NonZeroU32,
    /// What the program is told at each hit, where it asks.
    pub cookie: Option<u64>,
}

/// An attached program. It is taken off when this is dropped, which takes a while: see [`super::detach::gently`].
pub enum Link {
    /// As one of [`multi`]'s.
    Multi(OwnedFd),
    /// By a perf event, on kernels that have no others for processes: before Linux 6.10.
    Perf(UProbeLink),
}

impl Object {
    /// Attaches a program. Of several probes on one file, the first takes a grace period of RCU, and those that follow within
    /// another one next to nothing.
    ///
    /// # Errors
    /// A defect of the eBPF object, or what the kernel says.
    pub fn attach(&mut self, program: &str, location: &Location<'_>) -> anyhow::Result<Link> {
        let detaches_together = self.detaches_together();
        let program = self.uprobe(program)?;
        if detaches_together {
            return multi::attach(program, location).map(Link::Multi);
        }
        let point = UProbeAttachPoint {
            location: UProbeAttachLocation::AbsoluteOffset(location.offset),
            cookie: location.cookie,
        };
        let link = program.attach(point, location.image, UProbeScope::OneProcess(location.process))?;
        Ok(Link::Perf(program.take_link(link)?))
    }
}
