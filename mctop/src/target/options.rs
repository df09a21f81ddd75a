//! Options for finding the probe points of a binary.

use std::path::PathBuf;

use super::discover::Process;
use super::points::SitePreference;
use super::returns::ReturnProbeSafety;

/// Options for finding the probe points of a binary. The default uses only the binary and debug files in the usual directories.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResolveOptions {
    /// A debug file to take symbols from if the binary has none. It must belong to the binary.
    pub debug_file: Option<PathBuf>,
    /// The root directory of the server, `/proc/PID/root`, in which debug files are searched first.
    pub root: Option<PathBuf>,
    /// The path of the binary as the server sees it, next to which debug files are searched. `None` means the path by which it is
    /// opened.
    pub binary: Option<PathBuf>,
    /// Which kinds of lookup sites may be used.
    pub site: SitePreference,
    /// Whether the return of a function may be probed.
    pub returns: ReturnProbeSafety,
}

impl ResolveOptions {
    /// The options for the binary of a running server.
    #[must_use]
    pub fn of_process(process: &Process) -> Self {
        Self {
            root: Some(format!("/proc/{}/root", process.pid).into()),
            binary: Some(PathBuf::from(&process.binary)),
            returns: ReturnProbeSafety::of_process(process),
            ..Self::default()
        }
    }
}
