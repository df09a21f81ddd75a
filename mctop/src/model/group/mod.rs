//! Grouping: the keys of one family as one row, so that a family that is hot as a whole stands above single keys.
//!
//! A grouping gives every key a *name* that depends on the key alone; keys of one server with the same name are one row. In
//! a name `*` stands for what may differ. A group of one key is shown as that key: nothing is gained by hiding it. Servers are
//! never merged. Counts are added up; what cannot be added, sizes and lifetimes, is told as a range ([`super::snapshot::Spread`]).
//!
//! | written | name of a key |
//! |---|---|
//! | `auto` | its [`template`]: numbers, hexadecimal and other identifiers, UUIDs are `*` |
//! | `:2` | its first 2 parts between `:`, then `*`; a key of fewer parts is its own name. Any separator without letters and digits |
//! | `/^(\w+):\d+:(\w+)/` | what the capture groups match, `*` for the rest; without groups, the whole match. A key that does not match is its own name |

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;

use regex::bytes::{CaptureLocations, Regex};

use super::key::Key;
use super::snapshot::{Level, Row, Snapshot};

use self::names::Names;

mod course;
mod merge;
mod name;
mod names;
mod parse;
pub mod template;

/// Which keys are one row.
#[derive(Clone, Debug)]
pub struct Grouping {
    source: String,
    by: By,
}

impl PartialEq for Grouping {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Eq for Grouping {}

#[derive(Clone, Debug)]
enum By {
    Template,
    Prefix { separator: Box<[u8]>, depth: NonZeroUsize },
    Captures(Regex),
}

/// Why a text is not a grouping: what was found, and what was expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupingError(String);

impl fmt::Display for GroupingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for GroupingError {}

impl Grouping {
    /// Parses one of the forms above.
    ///
    /// # Errors
    /// What is wrong, and what was expected.
    pub fn parse(source: &str) -> Result<Self, GroupingError> {
        Ok(Self { source: source.to_owned(), by: parse::parse(source).map_err(GroupingError)? })
    }

    /// Automatic templates.
    #[must_use]
    pub fn auto() -> Self {
        Self { source: "auto".to_owned(), by: By::Template }
    }

    /// As it was written.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The name of a key.
    #[must_use]
    pub fn name(&self, key: &Key) -> Key {
        Key::new(self.namer().name(key.bytes()))
    }

    /// The snapshot with the keys of one name as one row; everything that is not about single rows is unchanged.
    #[must_use]
    pub fn apply(&self, snapshot: &Snapshot) -> Snapshot {
        Arc::unwrap_or_clone(self.group(snapshot, || true).snapshot)
    }

    /// As [`Self::apply`], and which key went where. Ends early, with what nobody is to look at, when `go_on` says so.
    #[must_use]
    pub fn group(&self, snapshot: &Snapshot, go_on: impl Fn() -> bool) -> Grouped {
        let mut namer = self.namer();
        let mut rows: Vec<Row> = Vec::new();
        let mut names = Names::default();
        let mut places = Vec::with_capacity(snapshot.rows.len());
        for row in snapshot.rows.iter().take_while(|_| go_on()) {
            let name = namer.name(row.key.bytes());
            let place = names.place(row.target, name);
            match rows.get_mut(place as usize) {
                Some(group) => {
                    if !group.is_group() {
                        group.key = Key::new(name);
                    }
                    merge::add(group, row);
                }
                None => rows.push(row.clone()),
            }
            places.push(place);
        }
        let level = Level::Groups { by: self.source.clone() };
        Grouped { snapshot: Arc::new(snapshot.with_rows(rows, level)), places }
    }

    /// The snapshot with only those keys of a server that have a name. Totals stay those of the whole, so that a key's share
    /// remains its share of everything.
    #[must_use]
    pub fn members(&self, snapshot: &Snapshot, group: &GroupId) -> Snapshot {
        let mut namer = self.namer();
        let mut is_member =
            |row: &&Row| row.target == group.target && namer.name(row.key.bytes()) == group.name.bytes();
        let rows = snapshot.rows.iter().filter(&mut is_member).cloned().collect();
        snapshot.with_rows(rows, Level::Members { by: self.source.clone(), of: group.clone() })
    }

    fn namer(&self) -> Namer<'_> {
        let rule = match &self.by {
            By::Template => Rule::Template,
            By::Prefix { separator, depth } => Rule::Prefix(separator, *depth),
            By::Captures(regex) => Rule::Captures(regex, regex.capture_locations()),
        };
        Namer { rule, name: Vec::new() }
    }
}

/// A snapshot that was grouped.
#[derive(Clone, Debug)]
pub struct Grouped {
    /// With a row for each group.
    pub snapshot: Arc<Snapshot>,
    /// For each row as it was before, in the same order, the index of its group's row.
    places: Vec<u32>,
}

/// A group of a grouped snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct GroupId {
    /// The group's name: the key of its row.
    pub name: Key,
    /// Index of its server.
    pub target: u32,
}

impl GroupId {
    /// The group that a row is, if it is one and not a key.
    #[must_use]
    pub fn of(row: &Row) -> Option<Self> {
        row.is_group().then(|| Self { name: row.key.clone(), target: row.target })
    }
}

/// Names keys without allocating for each.
struct Namer<'a> {
    rule: Rule<'a>,
    name: Vec<u8>,
}

enum Rule<'a> {
    Template,
    Prefix(&'a [u8], NonZeroUsize),
    Captures(&'a Regex, CaptureLocations),
}

impl Namer<'_> {
    fn name(&mut self, key: &[u8]) -> &[u8] {
        self.name.clear();
        match &mut self.rule {
            Rule::Template => template::write(key, &mut self.name),
            Rule::Prefix(separator, depth) => name::prefix(separator, *depth, key, &mut self.name),
            Rule::Captures(regex, locations) => name::captures(regex, locations, key, &mut self.name),
        }
        &self.name
    }
}

#[cfg(test)]
mod tests;
