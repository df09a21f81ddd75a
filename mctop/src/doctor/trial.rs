//! Whether the eBPF object really loads, and a uprobe really attaches: to mctop itself, never to a server.

use std::fs::File;
use std::num::NonZeroU32;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Instant;

use anyhow::Context;
use aya::programs::UProbe;
use aya::programs::uprobe::{UProbeAttachLocation, UProbeAttachPoint, UProbeScope};
use object::LittleEndian;
use object::elf::FileHeader64;
use object::read::elf::FileHeader;
use serde::Serialize;

use super::capabilities::Privileges;
use crate::probe::memory;
use crate::probe::object::{self as programs, Object};
use crate::probe::privilege;
use crate::probe::table::Table;
use crate::target::elf::Outline;

/// The running program.
const OURSELVES: &str = "/proc/self/exe";
/// Bytes of the header of a 64-bit ELF file.
const HEADER_BYTES: usize = size_of::<FileHeader64<LittleEndian>>();

/// What came of a trial.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Trial<T> {
    /// It went well.
    Done(T),
    /// It did not.
    Failed {
        /// What the kernel said.
        reason: String,
    },
    /// It was not tried.
    NotTried {
        /// Why not.
        reason: String,
    },
}

impl<T> Trial<T> {
    /// Whether it went well.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        matches!(self, Self::Done(_))
    }

    fn of(result: anyhow::Result<T>) -> Self {
        result.map_or_else(|error| Self::Failed { reason: format!("{error:#}") }, Self::Done)
    }
}

/// A loaded object.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Loaded {
    /// Milliseconds that loading took: the object, the tables of a default size, the programs.
    pub ms: f64,
    /// Its programs, by name.
    pub programs: Vec<Program>,
}

/// A loaded program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Program {
    /// Its name.
    pub name: String,
    /// Instructions that the verifier went through, on all paths; kernels before 5.16 do not tell.
    pub verified_instructions: Option<u32>,
}

/// An attached uprobe.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Attached {
    /// Milliseconds that attaching took.
    pub ms: f64,
}

/// The eBPF programs on this kernel.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Programs {
    /// Architecture and hash of the embedded object.
    pub object: String,
    /// Loading them.
    pub load: Trial<Loaded>,
    /// Attaching one, to an instruction of mctop's own that is not executed any more.
    pub attach: Trial<Attached>,
}

impl Programs {
    /// Tries them, when that is permitted at all.
    #[must_use]
    pub fn examine(privileges: &Privileges) -> Self {
        let (load, attach) = if privileges.sufficient {
            match load() {
                Ok((mut object, loaded)) => (Trial::Done(loaded), Trial::of(attach(&mut object))),
                Err(error) => {
                    let reason = "the eBPF object could not be loaded".to_owned();
                    (Trial::Failed { reason: format!("{error:#}") }, Trial::NotTried { reason })
                }
            }
        } else {
            let reason = || format!("this process lacks {}", privileges.missing().join(", "));
            (Trial::NotTried { reason: reason() }, Trial::NotTried { reason: reason() })
        };
        Self { object: env!("MCTOP_OBJECT_VERSION").to_owned(), load, attach }
    }

    /// Whether all went well.
    #[must_use]
    pub const fn work(&self) -> bool {
        self.load.is_done() && self.attach.is_done()
    }
}

fn load() -> anyhow::Result<(Object, Loaded)> {
    let start = Instant::now();
    let buckets = memory::buckets(memory::DEFAULT);
    let (mut object, _names) = programs::load(buckets)?;
    let table = Table::new(buckets)?;
    object
        .epoch
        .set(0, table.map(), 0)
        .map_err(|error| privilege::explain(error.into(), "put a table of keys into the epoch's slot"))?;
    let ms = milliseconds(start);
    let mut programs = Vec::new();
    for (name, program) in object.ebpf.programs() {
        let verified_instructions = program.info().ok().and_then(|info| info.verified_instruction_count());
        programs.push(Program { name: name.to_owned(), verified_instructions });
    }
    programs.sort_by(|a, b| a.name.cmp(&b.name));
    Ok((object, Loaded { ms, programs }))
}

/// Attaches a program to our own first instruction, and takes it off again.
fn attach(object: &mut Object) -> anyhow::Result<Attached> {
    let offset = entry_offset(Path::new(OURSELVES))?;
    let (_, program) = object.ebpf.programs_mut().next().context("the eBPF object has no program")?;
    let program: &mut UProbe = program.try_into().context("the eBPF object's program is not a uprobe")?;
    let pid = NonZeroU32::new(std::process::id()).context("pid 0 is not a process")?;
    let at = UProbeAttachPoint { location: UProbeAttachLocation::AbsoluteOffset(offset), cookie: Some(0) };
    let start = Instant::now();
    let link = program
        .attach(at, OURSELVES, UProbeScope::OneProcess(pid))
        .map_err(|error| privilege::explain(error.into(), "attach a uprobe with a cookie"))?;
    let ms = milliseconds(start);
    program.detach(link).context("cannot detach a uprobe")?;
    Ok(Attached { ms })
}

/// Offset in an ELF file of the instruction that the program begins with.
fn entry_offset(path: &Path) -> anyhow::Result<u64> {
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let mut bytes = [0; HEADER_BYTES];
    file.read_exact_at(&mut bytes, 0).with_context(|| format!("cannot read {}", path.display()))?;
    let header =
        FileHeader64::<LittleEndian>::parse(bytes.as_slice()).context("mctop's own file is not an ELF file")?;
    let entry = header.e_entry(LittleEndian);
    let outline = Outline::read(&file)?.context("mctop's own file has damaged headers")?;
    let segment = outline.segments.iter().find_map(|segment| {
        let within = entry.checked_sub(segment.address).filter(|within| *within < segment.file_size)?;
        segment.offset.checked_add(within)
    });
    segment.context("mctop's own entry point is in no segment of its file")
}

fn milliseconds(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_entry_is_in_our_file() {
        let offset = entry_offset(Path::new(OURSELVES)).unwrap();
        assert!(offset >= HEADER_BYTES as u64);
        assert!(offset < std::fs::metadata(OURSELVES).unwrap().len());
        assert!(entry_offset(Path::new("/proc/self/status")).is_err());
    }
}
