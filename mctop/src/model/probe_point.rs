//! Properties of a probe point: how it was found, what it observes, and the kind of its site.

use serde::{Deserialize, Serialize};

/// How a function's address was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FoundBy {
    /// In the `.symtab` of the binary.
    Symtab,
    /// In the `.dynsym` of the binary.
    Dynsym,
    /// In a separate debug file, found by `.gnu_debuglink` or build ID, or given by the user.
    Debuglink,
    /// In the xz-compressed symbol table in `.gnu_debugdata`.
    Debugdata,
    /// From strings, call graph and unwind tables of a stripped binary.
    Recovered,
}

/// The event that a probe observes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProbeKind {
    /// A text request starts.
    Command,
    /// A key was looked up.
    Lookup,
    /// The lookup function is entered, with the key and the caller.
    LookupEnter,
    /// The lookup function returns an item or none. The probe is attached to the entry, and replaces the return address.
    LookupReturn,
    /// A storage command has its outcome.
    Store,
    /// A live item is being evicted.
    Eviction,
}

impl ProbeKind {
    /// All kinds.
    pub const ALL: [Self; 6] =
        [Self::Command, Self::Lookup, Self::LookupEnter, Self::LookupReturn, Self::Store, Self::Eviction];

    /// Its name in the eBPF object, in JSON and in captures.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Command => "command",
            Self::Lookup => "lookup",
            Self::LookupEnter => "lookup_enter",
            Self::LookupReturn => "lookup_return",
            Self::Store => "store",
            Self::Eviction => "eviction",
        }
    }
}

/// The kind of a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SiteKind {
    /// The head of a function, with its arguments in place.
    Head,
    /// The branch at the end of `do_item_get`, after expiry and flush were checked, where the outcome is known.
    Exact,
    /// The branch after the hash lookup in `do_item_get`. An expired or flushed item looks like a hit.
    Early,
    /// Entry and return of `do_item_get`: two traps per lookup, without the reason of a miss.
    EntryAndReturn,
    /// The call that searches the unread input of a connection for a line end. The input is its argument.
    LineSearch,
    /// A branch on whether memcached's logger wants this event.
    Event,
}

impl SiteKind {
    /// Name of the kind for users.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Head => "head",
            Self::Exact => "exact",
            Self::Early => "early",
            Self::EntryAndReturn => "entry and return",
            Self::LineSearch => "line search",
            Self::Event => "event",
        }
    }
}
