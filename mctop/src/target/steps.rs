//! Where symbols were looked for, and what came of it.

use std::fmt;

use serde::Serialize;

/// A source of the addresses of memcached's functions, in the order they are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The binary's `.symtab`.
    Symtab,
    /// The binary's `.dynsym`.
    Dynsym,
    /// The compressed mini symbol table in the binary's `.gnu_debugdata`.
    Debugdata,
    /// The debug file that the binary's `.gnu_debuglink` names.
    Debuglink,
    /// The debug file of the binary's build-id.
    BuildId,
    /// The debug file that the user names.
    DebugFile,
    /// The code and strings of the binary.
    Recovery,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Symtab => ".symtab",
            Self::Dynsym => ".dynsym",
            Self::Debugdata => ".gnu_debugdata",
            Self::Debuglink => ".gnu_debuglink",
            Self::BuildId => "build-id",
            Self::DebugFile => "debug file",
            Self::Recovery => "recovery",
        })
    }
}

/// One source that was tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// Which.
    pub source: Source,
    /// Whether it gave the address of `do_item_get`.
    pub found: bool,
    /// What came of it, as a clause.
    pub outcome: String,
}

/// Steps in one line: `.symtab: there is none; recovery: …`.
#[must_use]
pub fn joined(steps: &[Step]) -> String {
    steps.iter().map(|step| format!("{}: {}", step.source, step.outcome)).collect::<Vec<_>>().join("; ")
}
