//! Failure kinds and their exit codes.

use std::fmt;

/// Why mctop failed. Each kind has its own exit code, which scripts rely on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// Something failed at run time: exit code 1.
    Runtime,
    /// A bad option, value or expression: exit code 2.
    Usage,
    /// A privilege or kernel feature is missing: exit code 3.
    Privilege,
    /// No memcached, or none that can be traced: exit code 4.
    NoTarget,
    /// Some counts were lost, and `--strict` forbids that: exit code 5.
    Loss,
}

impl FailureKind {
    /// The process exit code.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Runtime => 1,
            Self::Usage => 2,
            Self::Privilege => 3,
            Self::NoTarget => 4,
            Self::Loss => 5,
        }
    }
}

/// A failure, explained to the user in one paragraph: what was found, what was expected, and what to do next.
#[derive(Debug)]
pub struct Failure {
    /// The kind, which determines the exit code.
    pub kind: FailureKind,
    /// The paragraph.
    pub message: String,
}

impl Failure {
    /// A failure of a kind.
    #[must_use]
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// Bad option, value or expression.
    #[must_use]
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Usage, message)
    }

    /// Missing privilege or kernel feature.
    #[must_use]
    pub fn privilege(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Privilege, message)
    }

    /// No memcached, or none that can be traced.
    #[must_use]
    pub fn no_target(message: impl Into<String>) -> Self {
        Self::new(FailureKind::NoTarget, message)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// The message of an error followed by its causes. A cause that a message already contains is not repeated: many libraries
/// include the cause in their own message.
pub(crate) fn with_causes(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |text, cause| match &*text {
        "" => cause,
        _ if text.contains(&cause) => text,
        _ => format!("{text}: {cause}"),
    })
}

/// The exit code of the [`Failure`] in an error's chain, or of a runtime failure.
pub(crate) fn exit_code(error: &anyhow::Error) -> u8 {
    error.downcast_ref::<Failure>().map_or(FailureKind::Runtime, |failure| failure.kind).exit_code()
}

#[cfg(test)]
mod tests {
    use std::io;

    use anyhow::anyhow;

    use super::*;

    #[test]
    fn no_cause_is_repeated() {
        let cause = io::Error::from_raw_os_error(libc::ENOMEM);
        let map = aya::maps::MapError::CreateError { name: "NAMES".into(), io_error: cause };
        let error = anyhow::Error::new(aya::EbpfError::MapError(map)).context("cannot load the maps");
        let text =
            "cannot load the maps: map error: failed to create map `NAMES`: Cannot allocate memory (os error 12)";
        assert_eq!(with_causes(&error), text);
        assert_eq!(with_causes(&anyhow!("a").context("b").context("c")), "c: b: a");
        assert_eq!(with_causes(&Failure::usage("No.").into()), "No.");
    }
}
