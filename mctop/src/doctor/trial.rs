//! Whether the eBPF object really loads, and a uprobe really attaches: to mctop itself, never to a server.

use std::time::{Duration, Instant};

use anyhow::ensure;
use aya::programs::ProgramType;
use aya::sys::{BpfHelper, is_helper_supported};
use serde::Serialize;

use super::capabilities::Privileges;
use crate::error::with_causes;
use crate::kernel::filesystems::Fault;
use crate::probe::cookie;
use crate::probe::cost::trap;
use crate::probe::memory::Sizes;
use crate::probe::object::{self as programs, Object};
use crate::probe::room;

/// What came of a trial.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub(crate) enum Trial<T> {
    /// It went well.
    Done(T),
    /// It did not.
    Failed {
        /// What the kernel said.
        reason: String,
        /// Whether that is for want of memory.
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
    /// Whether it went well.
    #[must_use]
    pub(crate) const fn is_done(&self) -> bool {
        matches!(self, Self::Done(_))
    }

    fn of(result: anyhow::Result<T>) -> Self {
        let failed = |error| Self::Failed { reason: with_causes(&error), lacks_memory: room::is_shortage(&error) };
        result.map_or_else(failed, Self::Done)
    }
}

/// A loaded object.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Loaded {
    /// Milliseconds that loading took: the object, the tables, the programs.
    pub ms: f64,
    /// Its programs, by name.
    pub programs: Vec<Program>,
}

/// A loaded program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Program {
    /// Its name.
    pub name: String,
    /// Instructions that the verifier went through, on all paths; kernels before 5.16 do not tell.
    pub verified_instructions: Option<u32>,
}

/// An attached uprobe.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Attached {
    /// Milliseconds that attaching took.
    pub ms: f64,
    /// Time of a hit on an instruction that the kernel emulates.
    #[serde(skip)]
    pub emulated: Duration,
    /// Time of a hit on one that it single-steps.
    #[serde(skip)]
    pub single_stepped: Duration,
}

/// The eBPF programs on this kernel.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Programs {
    /// Architecture and hash of the embedded object.
    pub object: String,
    /// Loading them.
    pub load: Trial<Loaded>,
    /// Attaching one, to instructions of mctop's own.
    pub attach: Trial<Attached>,
    /// Whether they learn their attach cookies; none when that was not tried. In the document it is with the kernel.
    #[serde(skip)]
    pub cookies: Option<bool>,
}

impl Programs {
    /// Tries them, with tables of so many bytes, when that is permitted at all; to attach one takes file systems without `faults`.
    #[must_use]
    pub(crate) fn examine(privileges: &Privileges, faults: &[Fault], memory: u64) -> Self {
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
                // The helper that programs ask for them came with them, and all of mctop's programs need it.
                let helper = is_helper_supported(ProgramType::KProbe, BpfHelper::BPF_FUNC_get_attach_cookie);
                cookies = helper.ok().filter(|known| !known);
                let reason = "the eBPF object could not be loaded".to_owned();
                (Trial::of(Err(error)), Trial::NotTried { reason })
            }
        };
        Self { object, load, attach, cookies }
    }

    /// Whether all went well.
    #[must_use]
    pub(crate) const fn work(&self) -> bool {
        self.load.is_done() && self.attach.is_done()
    }
}

fn load(memory: u64) -> anyhow::Result<(Object, Loaded)> {
    let start = Instant::now();
    let mut object = programs::load(Sizes::of(memory))?.object;
    object.load_on_demand()?;
    let ms = milliseconds(start.elapsed());
    let mut programs = Vec::new();
    for (name, program) in object.ebpf.programs() {
        let verified_instructions = program.info().ok().and_then(|info| info.verified_instruction_count());
        programs.push(Program { name: name.to_owned(), verified_instructions });
    }
    programs.sort_by(|a, b| a.name.cmp(&b.name));
    Ok((object, Loaded { ms, programs }))
}

/// Attaches programs to code of our own: one that must learn its cookie, and one that does nothing, whose hits are timed.
fn attach(object: &mut Object, cookies: &mut Option<bool>) -> anyhow::Result<Attached> {
    let arrives = cookie::arrives(object)?;
    *cookies = Some(arrives);
    ensure!(arrives, "the program did not learn its attach cookie");
    let emulated = trap::measure(object, true)?;
    let single_stepped = trap::measure(object, false)?;
    Ok(Attached { ms: milliseconds(emulated.attach), emulated: emulated.hit, single_stepped: single_stepped.hit })
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
