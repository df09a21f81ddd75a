//! How much of the servers is watched: which probes are attached.

use clap::ValueEnum;

use crate::model::probe_point::ProbeKind;
use crate::target::accuracy;
use crate::target::points::Resolved;

/// A level of detail, from the least on. To keep within a budget, mctop goes down from the one that was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Detail {
    /// Lookups: one trap for each key of a request. In the few builds in which a lookup does not tell its request, text reads,
    /// deletes and touches then count as reads
    Lookup,
    /// And in those builds, a trap for each text command: every column of the table
    #[default]
    Verbs,
    /// And how storage commands end, and evictions: a trap for each
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
