//! What hints there are, each of which can be switched off.

use crate::error::Failure;

/// What a hint is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HintKind {
    /// Reads that never find anything.
    NeverHits,
    /// Values without a byte, stored and read.
    EmptyValues,
    /// A hot key that is lost, missed many times, and stored many times.
    Stampede,
    /// A value that is large.
    BigValue,
    /// Many keys that expire in the same second.
    ExpireTogether,
    /// A key that takes a large part of all calls or bytes.
    HotKey,
    /// Stores without reads.
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

    /// The kind of a name.
    ///
    /// # Errors
    /// An unknown name: the error lists those that exist.
    pub fn parse(name: &str) -> Result<Self, Failure> {
        Self::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            Failure::usage(format!("there is no hint {name:?}; the hints are {names}"))
        })
    }
}
