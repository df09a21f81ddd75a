//! Tries to load the eBPF object and to attach uprobes to mctop itself, never to a server.

use std::time::{Duration, Instant};

use anyhow::ensure;
use aya::programs::ProgramType;
use aya::sys::{BpfHelper, is_helper_supported};
use serde::Serialize;

use super::capabilities::Privileges;
use crate::error::with_causes;
use crate::kernel::filesystems::FilesystemFault;
use crate::probe::cookie;
use crate::probe::cost::trap;
use crate::probe::map_sizes::MapSizes;
use crate::probe::memory_check;
use crate::probe::object::{self as programs, Object};

/// The result of a trial.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub(crate) enum Trial<T> {
    /// It succeeded.
    Done(T),
    /// It failed.
    Failed {
        /// The error message.
        reason: String,
        /// Whether it failed for lack of memory.
        #[serde(skip)]
        lacks_memory: bool,
    },
    /// It was not tried.
    NotTried {
        /// Why not.
        reason: String,
    },
}

impl<T> Trial<T> {
    /// Whether it succeeded.
    pub(crate) const fn is_done(&self) -> bool {
        matches!(self, Self::Done(_))
    }

    fn of(result: anyhow::Result<T>) -> Self {
        let failed =
            |error| Self::Failed { reason: with_causes(&error), lacks_memory: memory_check::is_shortage(&error) };
        result.map_or_else(failed, Self::Done)
    }
}

/// The loaded object.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Loaded {
    /// Milliseconds to load the object, its tables and programs.
    pub ms: f64,
    /// Its programs, by name.
    pub programs: Vec<LoadedProgram>,
}

/// A loaded program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct LoadedProgram {
    /// Its name.
    pub name: String,
    /// Number of instructions that the verifier processed on all paths; none on kernels before 5.16.
    pub verified_instructions: Option<u32>,
}

/// An attached uprobe.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Attached {
    /// Milliseconds to attach it.
    pub ms: f64,
    /// Time per trap on an instruction that the kernel emulates.
    #[serde(skip)]
    pub emulated: Duration,
    /// Time per trap on an instruction that the kernel single-steps.
    #[serde(skip)]
    pub single_stepped: Duration,
}

/// The eBPF programs on this kernel.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Programs {
    /// Architecture and hash of the embedded object.
    pub object: String,
    /// The trial to load them.
    pub load: Trial<Loaded>,
    /// The trial to attach one to mctop itself.
    pub attach: Trial<Attached>,
    /// Whether programs get attach cookies; none if that was not tried. In the JSON document it is a member of the kernel.
    #[serde(skip)]
    pub cookies: Option<bool>,
}

impl Programs {
    /// Tries them with tables of `memory` bytes, if the privileges may suffice. Attaching also needs file systems without faults.
    pub(crate) fn examine(privileges: &Privileges, faults: &[FilesystemFault], memory: u64) -> Self {
        let object = env!("MCTOP_OBJECT_VERSION").to_owned();
        if !privileges.sufficient {
            let reason = format!("this process lacks {}", privileges.missing().join(", "));
            let (load, attach) = (Trial::NotTried { reason: reason.clone() }, Trial::NotTried { reason });
            return Self { object, load, attach, cookies: None };
        }
        let mut cookies = None;
        let (load, attach) = match load(memory) {
            Ok((mut object, loaded)) => {
                let attach = match faults.first() {
                    Some(fault) => Trial::NotTried { reason: fault.problem() },
                    None => Trial::of(attach(&mut object, &mut cookies)),
                };
                (Trial::Done(loaded), attach)
            }
            Err(error) => {
                // A kernel has attach cookies if it has the helper function that reads them, which all of mctop's programs use.
                let helper = is_helper_supported(ProgramType::KProbe, BpfHelper::BPF_FUNC_get_attach_cookie);
                cookies = helper.ok().filter(|known| !known);
                let reason = "the eBPF object could not be loaded".to_owned();
                (Trial::of(Err(error)), Trial::NotTried { reason })
            }
        };
        Self { object, load, attach, cookies }
    }

    /// Whether all trials succeeded.
    pub(crate) const fn work(&self) -> bool {
        self.load.is_done() && self.attach.is_done()
    }
}

fn load(memory: u64) -> anyhow::Result<(Object, Loaded)> {
    let start = Instant::now();
    let mut object = programs::load(MapSizes::of(memory))?.object;
    object.programs.load_all()?;
    let ms = milliseconds(start.elapsed());
    let mut programs = Vec::new();
    for (name, program) in object.programs.iter() {
        let verified_instructions = program.info().ok().and_then(|info| info.verified_instruction_count());
        programs.push(LoadedProgram { name: name.to_owned(), verified_instructions });
    }
    programs.sort_by(|a, b| a.name.cmp(&b.name));
    Ok((object, Loaded { ms, programs }))
}

/// Attaches programs to mctop itself: one that checks its attach cookie, and an empty one whose traps are timed.
fn attach(object: &mut Object, cookies: &mut Option<bool>) -> anyhow::Result<Attached> {
    let arrives = cookie::arrives(object)?;
    *cookies = Some(arrives);
    ensure!(arrives, "the program did not get its attach cookie");
    let emulated = trap::measure(&mut object.programs, true, None)?;
    let single_stepped = trap::measure(&mut object.programs, false, None)?;
    Ok(Attached { ms: milliseconds(emulated.attach), emulated: emulated.trap, single_stepped: single_stepped.trap })
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
