//! Where symbols were searched, and with what result.

use std::fmt;

use serde::Serialize;

/// Sources of the addresses of memcached's functions, in the order in which they are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SymbolSource {
    /// The binary's `.symtab`.
    Symtab,
    /// The binary's `.dynsym`.
    Dynsym,
    /// The compressed mini symbol table in the binary's `.gnu_debugdata`.
    Debugdata,
    /// The debug file that the binary's `.gnu_debuglink` names.
    Debuglink,
    /// The debug file for the binary's build-id.
    BuildId,
    /// The debug file that the user named.
    DebugFile,
    /// The code and strings of the binary.
    Recovery,
}

impl fmt::Display for SymbolSource {
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

/// The result of one source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SearchStep {
    /// The source.
    pub source: SymbolSource,
    /// Whether it has the address of `do_item_get`.
    pub found: bool,
    /// The result, as a clause.
    pub outcome: String,
}

/// All steps in one line: `.symtab: there is none; recovery: …`.
pub(crate) fn joined(steps: &[SearchStep]) -> String {
    steps.iter().map(|step| format!("{}: {}", step.source, step.outcome)).collect::<Vec<_>>().join("; ")
}
