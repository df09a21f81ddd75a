//! Failure kinds and their exit codes.

use std::fmt;

/// Why mctop ended without doing what was asked; each has an exit code that scripts rely on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Something failed at run time: exit code 1.
    Runtime,
    /// A bad option, value or expression: exit code 2.
    Usage,
    /// A privilege or kernel feature is missing: exit code 3.
    Privilege,
    /// No memcached, or none that can be traced: exit code 4.
    NoTarget,
    /// Something was lost, and `--strict` asked for nothing to be: exit code 5.
    Loss,
}

impl Kind {
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

/// A failure explained to the user: one paragraph that names what was found, what was expected, and what to do next.
#[derive(Debug)]
pub struct Failure {
    /// Decides the exit code.
    pub kind: Kind,
    /// The paragraph.
    pub message: String,
}

impl Failure {
    /// A failure of a kind.
    #[must_use]
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// Bad option, value or expression.
    #[must_use]
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message)
    }

    /// Missing privilege or kernel feature.
    #[must_use]
    pub fn privilege(message: impl Into<String>) -> Self {
        Self::new(Kind::Privilege, message)
    }

    /// No memcached, or none that can be traced.
    #[must_use]
    pub fn no_target(message: impl Into<String>) -> Self {
        Self::new(Kind::NoTarget, message)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// An error with its causes, from the outermost on, each told once: many libraries repeat their cause in what they say of
/// themselves.
#[must_use]
pub fn told(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |told, cause| match &*told {
        "" => cause,
        _ if told.contains(&cause) => told,
        _ => format!("{told}: {cause}"),
    })
}

/// The exit code of an error chain: that of the [`Failure`] in it, else that of a runtime failure.
#[must_use]
pub fn exit_code(error: &anyhow::Error) -> u8 {
    error.downcast_ref::<Failure>().map_or(Kind::Runtime, |failure| failure.kind).exit_code()
}

#[cfg(test)]
mod tests {
    use std::io;

    use anyhow::anyhow;

    use super::*;

    #[test]
    fn causes_are_told_once() {
        let cause = io::Error::from_raw_os_error(libc::ENOMEM);
        let map = aya::maps::MapError::CreateError { name: "NAMES".into(), io_error: cause };
        let error = anyhow::Error::new(aya::EbpfError::MapError(map)).context("cannot load the maps");
        let text =
            "cannot load the maps: map error: failed to create map `NAMES`: Cannot allocate memory (os error 12)";
        assert_eq!(told(&error), text);
        assert_eq!(told(&anyhow!("a").context("b").context("c")), "c: b: a");
        assert_eq!(told(&Failure::usage("No.").into()), "No.");
    }
}
