//! How much of the verifier's patience the programs take, on this machine's kernel.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use aya::EbpfLoader;
use aya::programs::Program;
use serde::{Deserialize, Serialize};

/// What the verifier of one kernel went through; its limit is a million instructions a program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    /// Version of the kernel, without what its builder added.
    pub kernel: String,
    /// Instructions on all paths, by program.
    pub instructions: BTreeMap<String, u32>,
}

/// Loads an object's programs, and asks the kernel.
///
/// # Errors
/// When that is not permitted, a program is refused, or the kernel does not tell (before 5.16).
pub fn verify(object: &[u8]) -> Result<Verified> {
    let mut ebpf = EbpfLoader::new().load(object).context("cannot load the eBPF object's maps")?;
    let mut instructions = BTreeMap::new();
    for (name, program) in ebpf.programs_mut() {
        let info = match program {
            Program::UProbe(program) => program.load().and_then(|()| program.info()),
            Program::RawTracePoint(program) => program.load().and_then(|()| program.info()),
            _ => bail!("the eBPF program {name} is of a kind that this command does not know"),
        };
        let info = info.with_context(|| format!("the kernel refuses the eBPF program {name}"))?;
        let count = info.verified_instruction_count().context("the kernel does not count what it verifies")?;
        instructions.insert(name.to_owned(), count);
    }
    let release = rustix::system::uname().release().to_string_lossy().into_owned();
    let kernel = release.split('-').next().unwrap_or_default().to_owned();
    Ok(Verified { kernel, instructions })
}
