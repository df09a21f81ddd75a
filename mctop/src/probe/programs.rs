//! The eBPF programs: loaded when they are first attached, and attached to instructions of processes.

use std::env;

use anyhow::Context;
use aya::Ebpf;
use aya::programs::uprobe::{UProbeAttachLocation, UProbeAttachPoint, UProbeScope};
use aya::programs::{Program, ProgramError, UProbe};

use super::multi;
use super::privilege;
use super::uprobe::{Link, Location, read_into_cache};

/// With the value `perf`, probes are attached as on kernels before Linux 6.10. The tests compare both ways.
const LINKS: &str = "MCTOP_PROBE_LINKS";

/// Programs that are loaded at the start. The others are loaded when they are first attached: the kernel needs about as long to verify
/// a large program as mctop needs for everything else before it starts to count.
const LOADED_FIRST: [&str; 2] = ["calibrate", "lookup"];

/// The programs of a loaded object.
pub(crate) struct EbpfPrograms {
    /// Also owns the maps that have not been taken.
    ebpf: Ebpf,
    /// Loads uprobe programs for multi-uprobe links, where the kernel supports these.
    multi: Option<multi::Loader>,
}

impl EbpfPrograms {
    /// Loads the first programs of an object, with maps that `create_maps` creates.
    ///
    /// # Errors
    /// A [`crate::error::Failure`] that names the missing privilege or kernel feature.
    pub(super) fn load(object: &[u8], create_maps: impl Fn() -> anyhow::Result<Ebpf>) -> anyhow::Result<Self> {
        let mut ebpf = create_maps()?;
        match load_for_multi(object, &mut ebpf) {
            Ok(Some(multi)) => return Ok(Self { ebpf, multi: Some(multi) }),
            Ok(None) => {}
            Err(error) => {
                log::info!("Probes are attached by perf events, which are detached one after the other: {error:#}.");
                // Its maps may be bound to programs of the other kind.
                ebpf = create_maps()?;
            }
        }
        for (name, program) in ebpf.programs_mut().filter(|(name, _)| LOADED_FIRST.contains(name)) {
            load_program(name, program)?;
        }
        Ok(Self { ebpf, multi: None })
    }

    /// The maps of the object that have not been taken.
    pub(super) const fn maps(&mut self) -> &mut Ebpf {
        &mut self.ebpf
    }

    /// A program by its name. Loads it if necessary.
    pub(super) fn get(&mut self, name: &str) -> anyhow::Result<&mut Program> {
        let missing = || format!("the eBPF object has no program {name}");
        let program = self.ebpf.program_mut(name).with_context(missing)?;
        match (&self.multi, &program) {
            _ if program.fd().is_ok() => {}
            (Some(multi), Program::UProbe(_)) => multi.load(name, &mut self.ebpf)?,
            _ => load_program(name, program)?,
        }
        self.ebpf.program_mut(name).with_context(missing)
    }

    /// Loads all programs that are not loaded yet.
    pub(crate) fn load_all(&mut self) -> anyhow::Result<()> {
        let names: Vec<String> = self.iter().map(|(name, _)| name.to_owned()).collect();
        names.iter().try_for_each(|name| self.get(name).map(drop))
    }

    /// All programs, with their names.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Program)> {
        self.ebpf.programs()
    }

    /// Whether probes are detached concurrently if several threads detach them.
    pub(super) const fn detaches_concurrently(&self) -> bool {
        self.multi.is_some()
    }

    /// Attaches a uprobe program. The first of several probes on a file takes an RCU grace period; probes that follow within another
    /// grace period take next to no time.
    pub(super) fn attach(&mut self, program: &str, location: &Location<'_>) -> anyhow::Result<Link> {
        if let Err(error) = read_into_cache(location.image, location.offset) {
            log::debug!("Cannot read the instruction to be probed in {}: {error}.", location.image.display());
        }
        let is_multi = self.multi.is_some();
        let kind_error = || format!("the eBPF program {program} is not a uprobe");
        let program: &mut UProbe = self.get(program)?.try_into().with_context(kind_error)?;
        if is_multi {
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

/// Loads the first programs for multi-uprobe links; `None` if the kernel does not support these.
fn load_for_multi(object: &[u8], ebpf: &mut Ebpf) -> anyhow::Result<Option<multi::Loader>> {
    if env::var_os(LINKS).is_some_and(|links| links == "perf") {
        return Ok(None);
    }
    let Some(loader) = multi::Loader::new(object, ebpf)? else { return Ok(None) };
    for name in LOADED_FIRST {
        loader.load(name, ebpf)?;
    }
    Ok(Some(loader))
}

fn load_program(name: &str, program: &mut Program) -> anyhow::Result<()> {
    match program {
        Program::UProbe(program) => program.load(),
        Program::RawTracePoint(program) => program.load(),
        _ => anyhow::bail!("mctop does not know the kind of the eBPF program {name}"),
    }
    .map_err(|error| match error {
        // If privileges are missing, the verifier has not started and its log is empty.
        ProgramError::LoadError { io_error, verifier_log }
            if io_error.raw_os_error() != Some(libc::ENOMEM) && !verifier_log.to_string().trim().is_empty() =>
        {
            privilege::rejected_by_verifier(name, &io_error, &verifier_log.to_string()).into()
        }
        error => privilege::explain(error.into(), &format!("load the eBPF program {name}")),
    })
}
