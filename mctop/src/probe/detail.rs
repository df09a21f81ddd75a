//! How much of the servers is watched: which probes are attached.

use clap::ValueEnum;

use crate::model::probe_point::ProbeKind;
use crate::target::accuracy;
use crate::target::points::Resolved;

/// A level of detail, from the least on. To keep within a budget, mctop goes down from the one that was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Detail {
    /// Key lookups: one trap per key. In the few builds whose lookups do not identify their requests, deletes and touches of the text
    /// protocol count as reads
    Lookup,
    /// Also text commands in those builds, one trap each, which makes every column correct
    #[default]
    Verbs,
    /// Also the results of storage commands, and evictions, one trap each
    Full,
}

impl Detail {
    /// Whether probes of a kind are attached.
    #[must_use]
    pub fn takes(self, kind: ProbeKind) -> bool {
        match kind {
            ProbeKind::Lookup | ProbeKind::LookupEnter | ProbeKind::LookupReturn => true,
            ProbeKind::Command => self >= Self::Verbs,
            ProbeKind::Store | ProbeKind::Eviction => self >= Self::Full,
        }
    }

    /// The next level below.
    #[must_use]
    pub const fn below(self) -> Option<Self> {
        match self {
            Self::Lookup => None,
            Self::Verbs => Some(Self::Lookup),
            Self::Full => Some(Self::Verbs),
        }
    }

    /// Its name, as in options and machine formats.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lookup => "lookup",
            Self::Verbs => "verbs",
            Self::Full => "full",
        }
    }

    /// What a server's probes do not see at this level, one sentence each.
    #[must_use]
    pub fn notes(self, resolved: &Resolved, reads_requests: bool) -> Vec<String> {
        if self == Self::Full {
            return resolved.event_notes.clone();
        }
        if self == Self::Lookup && !reads_requests && !resolved.commands.is_empty() {
            return vec![accuracy::all_requests("their trap is left out at this level of detail, lookup")];
        }
        Vec::new()
    }
}
