//! Turns on the kernel's statistics of eBPF programs while this runs. The figures are in the `fdinfo` of the owners; this
//! adds the programs' names.

use std::collections::BTreeMap;
use std::io;

use anyhow::{Context, Result};
use aya::programs::loaded_programs;
use aya::sys::{Stats, enable_stats};

/// Answers each line of standard input with the names of all programs by id.
pub fn serve() -> Result<()> {
    let _measuring = enable_stats(Stats::RunTime).context("cannot have eBPF programs measured")?;
    println!("{{\"ready\":true}}");
    for line in io::stdin().lines() {
        line?;
        let mut names = BTreeMap::new();
        for program in loaded_programs() {
            // A program may be unloaded before its name is read.
            let Ok(program) = program else { continue };
            names.insert(program.id(), program.name_as_str().unwrap_or_default().to_owned());
        }
        println!("{}", serde_json::to_string(&names)?);
    }
    Ok(())
}
