//! Grouping: shows the keys of a family as one row, so that a family that is hot as a whole is ranked above single keys.
//!
//! A grouping maps every key to a *name*, which depends on the key alone; keys of one server with the same name become one
//! row. In a name, `*` stands for any part that may differ. A group of a single key is shown as that key. Servers are never
//! merged. Counts are added; sizes and TTLs become a range ([`super::rows::Spread`]).
//!
//! | grouping | name of a key |
//! |---|---|
//! | `auto` | its [`template`]: numbers, hexadecimal and other identifiers, UUIDs are `*` |
//! | `:2` | its first 2 parts between `:`, then `*`; a key with fewer parts is its own name. The separator may be any text without letters and digits |
//! | `/^(\w+):\d+:(\w+)/` | what the capture groups match, `*` for the rest; without groups, the whole match. A key that does not match is its own name |

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;

use regex::bytes::{CaptureLocations, Regex};

use super::key::Key;
use super::rows::{GroupId, Row};
use super::snapshot::{Level, Snapshot};

use self::names::NameIndex;

mod merge;
mod name;
mod names;
mod parse;
mod series;
pub(crate) mod template;

/// How keys are grouped into rows.
#[derive(Clone, Debug)]
pub struct Grouping {
    source: String,
    rule: GroupingRule,
}

impl PartialEq for Grouping {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Eq for Grouping {}

#[derive(Clone, Debug)]
enum GroupingRule {
    Template,
    Prefix { separator: Box<[u8]>, depth: NonZeroUsize },
    Captures(Regex),
}

/// Why a text is not a valid grouping, and what was expected.
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
        Ok(Self { source: source.to_owned(), rule: parse::parse(source).map_err(GroupingError)? })
    }

    /// Grouping by automatic templates.
    #[must_use]
    pub fn auto() -> Self {
        Self { source: "auto".to_owned(), rule: GroupingRule::Template }
    }

    /// The grouping as written by the user.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The name of a key.
    #[must_use]
    pub fn name(&self, key: &Key) -> Key {
        Key::new(self.namer().name(key.bytes()))
    }

    /// The snapshot with one row for each name. Everything except the rows is unchanged.
    #[must_use]
    pub fn apply(&self, snapshot: &Snapshot) -> Snapshot {
        Arc::unwrap_or_clone(self.group(snapshot, || true).snapshot)
    }

    /// Like [`Self::apply`], and also maps keys to groups. When `go_on` returns false, it returns early with an incomplete
    /// result.
    #[must_use]
    pub fn group(&self, snapshot: &Snapshot, go_on: impl Fn() -> bool) -> Grouped {
        let mut namer = self.namer();
        let mut rows: Vec<Row> = Vec::new();
        let mut names = NameIndex::default();
        let mut group_rows = Vec::with_capacity(snapshot.rows.len());
        for row in snapshot.rows.iter().take_while(|_| go_on()) {
            let name = namer.name(row.key.bytes());
            let index = names.index(row.target, name);
            match rows.get_mut(index as usize) {
                Some(group) => {
                    if !group.is_group() {
                        group.key = Key::new(name);
                    }
                    merge::add(group, row);
                }
                None => rows.push(row.clone()),
            }
            group_rows.push(index);
        }
        let level = Level::Groups { by: self.source.clone() };
        Grouped { snapshot: Arc::new(snapshot.with_rows(rows, level)), group_rows }
    }

    /// The snapshot with only the keys of one group. Totals are unchanged, so that shares are still shares of everything.
    #[must_use]
    pub fn members(&self, snapshot: &Snapshot, group: &GroupId) -> Snapshot {
        let mut namer = self.namer();
        let mut is_member =
            |row: &&Row| row.target == group.target && namer.name(row.key.bytes()) == group.name.bytes();
        let rows = snapshot.rows.iter().filter(&mut is_member).cloned().collect();
        snapshot.with_rows(rows, Level::Members { by: self.source.clone(), of: group.clone() })
    }

    fn namer(&self) -> Namer<'_> {
        let rule = match &self.rule {
            GroupingRule::Template => NamerRule::Template,
            GroupingRule::Prefix { separator, depth } => NamerRule::Prefix(separator, *depth),
            GroupingRule::Captures(regex) => NamerRule::Captures(regex, regex.capture_locations()),
        };
        Namer { rule, name: Vec::new() }
    }
}

/// A grouped snapshot.
#[derive(Clone, Debug)]
pub struct Grouped {
    /// The snapshot with one row for each group.
    pub snapshot: Arc<Snapshot>,
    /// For each row of the ungrouped snapshot, the index of its group's row.
    group_rows: Vec<u32>,
}

/// Computes names of keys in a reused buffer.
struct Namer<'a> {
    rule: NamerRule<'a>,
    name: Vec<u8>,
}

enum NamerRule<'a> {
    Template,
    Prefix(&'a [u8], NonZeroUsize),
    Captures(&'a Regex, CaptureLocations),
}

impl Namer<'_> {
    fn name(&mut self, key: &[u8]) -> &[u8] {
        self.name.clear();
        match &mut self.rule {
            NamerRule::Template => template::write(key, &mut self.name),
            NamerRule::Prefix(separator, depth) => name::prefix(separator, *depth, key, &mut self.name),
            NamerRule::Captures(regex, locations) => name::captures(regex, locations, key, &mut self.name),
        }
        &self.name
    }
}

#[cfg(test)]
mod tests;
