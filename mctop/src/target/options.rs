//! What decides, besides the binary itself, how its probe points are found.

use std::path::PathBuf;

use super::discover::Process;
use super::points::SiteKind;
use super::returns::Returns;

/// How probe points are found. The default looks at the binary alone, and for debug files where this system keeps them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// A debug file to take symbols from, when the binary has none; it must belong to the binary.
    pub debug_file: Option<PathBuf>,
    /// The root directory that the server sees, where debug files are looked for first: `/proc/PID/root`.
    pub root: Option<PathBuf>,
    /// The path of the binary as the server sees it: debug files lie beside it. None means the path that it is opened by.
    pub binary: Option<PathBuf>,
    /// Which lookup sites may be taken.
    pub site: Preference,
    /// What decides whether the return of a function may be probed.
    pub returns: Returns,
}

/// Which lookup sites may be taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Preference {
    /// The best that is proved.
    #[default]
    Best,
    /// This kind only: how tests compare the kinds on one binary.
    Only(SiteKind),
}

impl Preference {
    /// Whether a kind of site may be taken.
    #[must_use]
    pub fn allows(self, kind: SiteKind) -> bool {
        match self {
            Self::Best => true,
            Self::Only(only) => only == kind,
        }
    }
}

impl Options {
    /// The options for the binary of a running server.
    #[must_use]
    pub fn of_process(process: &Process) -> Self {
        Self {
            root: Some(format!("/proc/{}/root", process.pid).into()),
            binary: Some(PathBuf::from(&process.binary)),
            returns: Returns::of_process(process),
            ..Self::default()
        }
    }
}
