//! Where and when the matrix was run.

use anyhow::Result;

use super::build::Compilers;
use crate::machine;

/// The machine and the day of a run.
#[derive(Clone, Debug)]
pub struct MatrixMachine {
    /// Processor and number of cores.
    pub processor: String,
    /// Distribution.
    pub system: String,
    /// Kernel release.
    pub kernel: String,
    /// Compilers, with their versions.
    pub compilers: Vec<String>,
    /// Day, in UTC: YYYY-MM-DD.
    pub date: String,
}

impl MatrixMachine {
    /// Reads the facts of this machine.
    pub fn ask(compilers: Option<&Compilers>) -> Result<Self> {
        Ok(Self {
            processor: machine::processor()?,
            system: machine::system()?,
            kernel: machine::kernel()?,
            compilers: compilers
                .into_iter()
                .flat_map(Compilers::all)
                .map(|compiler| compiler.version.clone())
                .collect(),
            date: machine::date()?,
        })
    }
}
