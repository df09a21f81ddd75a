//! The kinds of hints. Each can be switched off.

use crate::error::Failure;

/// A kind of hint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HintKind {
    /// Reads that never hit.
    NeverHits,
    /// Empty values that are stored and read.
    EmptyValues,
    /// A hot key that was lost, then missed and stored many times at once.
    Stampede,
    /// A large value.
    BigValue,
    /// Many keys that expire in the same second.
    ExpireTogether,
    /// A key with a large share of all calls or bytes.
    HotKey,
    /// Many stores and few reads.
    SetStorm,
}

impl HintKind {
    /// All kinds.
    pub const ALL: [Self; 7] = [
        Self::NeverHits,
        Self::EmptyValues,
        Self::Stampede,
        Self::BigValue,
        Self::ExpireTogether,
        Self::HotKey,
        Self::SetStorm,
    ];

    /// Its name in options and machine formats.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NeverHits => "never-hits",
            Self::EmptyValues => "empty-values",
            Self::Stampede => "stampede",
            Self::BigValue => "big-value",
            Self::ExpireTogether => "expire-together",
            Self::HotKey => "hot-key",
            Self::SetStorm => "set-storm",
        }
    }

    /// Parses the name of a kind.
    ///
    /// # Errors
    /// If the name is unknown; the error lists the valid names.
    pub fn parse(name: &str) -> Result<Self, Failure> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.name() == name)
            .ok_or_else(|| Failure::usage(format!("unknown hint {name:?}; valid hints: {}", Self::names())))
    }

    /// All names, separated by commas.
    pub(crate) fn names() -> String {
        Self::ALL.map(Self::name).join(", ")
    }
}
