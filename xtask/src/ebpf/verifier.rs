//! The number of instructions that this machine's verifier processes for each program.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use aya::EbpfLoader;
use aya::programs::Program;
use serde::{Deserialize, Serialize};

/// The counts of one kernel's verifier; its limit is a million instructions per program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    /// Version of the kernel, without the distribution's suffix.
    pub kernel: String,
    /// Instructions on all paths, by program.
    pub instructions: BTreeMap<String, u32>,
}

/// Loads an object's programs and reads the kernel's counts.
///
/// # Errors
/// When that is not permitted, a program is refused, or the kernel does not report it (before 5.16).
pub fn verify(object: &[u8]) -> Result<Verified> {
    let mut ebpf = EbpfLoader::new().load(object).context("cannot load the eBPF object's maps")?;
    let mut instructions = BTreeMap::new();
    for (name, program) in ebpf.programs_mut() {
        let info = match program {
            Program::UProbe(program) => program.load().and_then(|()| program.info()),
            Program::RawTracePoint(program) => program.load().and_then(|()| program.info()),
            _ => bail!("the eBPF program {name} has an unsupported type"),
        };
        let info = info.with_context(|| format!("the kernel refuses the eBPF program {name}"))?;
        let count = info
            .verified_instruction_count()
            .context("the kernel does not report the number of verified instructions")?;
        instructions.insert(name.to_owned(), count);
    }
    let release = rustix::system::uname().release().to_string_lossy().into_owned();
    let kernel = release.split('-').next().unwrap_or_default().to_owned();
    Ok(Verified { kernel, instructions })
}
