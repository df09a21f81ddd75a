//! Grouping: the keys of one family as one row, so that a family that is hot as a whole stands above single keys.
//!
//! A grouping gives every key a *name* that depends on the key alone; keys of one server with the same name are one row. In
//! a name `*` stands for what may differ. A group of one key is shown as that key: nothing is gained by hiding it. Servers are
//! never merged. Counts are added up; what cannot be added, sizes and lifetimes, is told as a range ([`Spread`]).
//!
//! | written | name of a key |
//! |---|---|
//! | `auto` | its [`template`]: numbers, hexadecimal and other identifiers, UUIDs are `*` |
//! | `:2` | its first 2 parts between `:`, then `*`; a key of fewer parts is its own name. Any separator without letters and digits |
//! | `/^(\w+):\d+:(\w+)/` | what the capture groups match, `*` for the rest; without groups, the whole match. A key that does not match is its own name |

use std::collections::HashMap;
use std::fmt;
use std::num::NonZeroUsize;

use regex::bytes::{CaptureLocations, Regex};

use super::key::Key;
use super::snapshot::{Level, Row, Snapshot};

mod merge;
mod name;
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
        let mut namer = self.namer();
        let mut rows: Vec<Row> = Vec::new();
        let mut places: HashMap<u32, HashMap<Box<[u8]>, usize>> = HashMap::new();
        // Growing would hash every name several times.
        let expected = snapshot.rows.len() / snapshot.targets.len().max(1);
        for row in &snapshot.rows {
            let name = namer.name(row.key.bytes());
            let places = places.entry(row.target).or_insert_with(|| HashMap::with_capacity(expected));
            match places.get(name).and_then(|place| rows.get_mut(*place)) {
                Some(group) => {
                    if !group.is_group() {
                        group.key = Key::new(name);
                    }
                    merge::add(group, row);
                }
                None => {
                    places.insert(name.into(), rows.len());
                    rows.push(row.clone());
                }
            }
        }
        snapshot.with_rows(rows, Level::Groups { by: self.source.clone() })
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
