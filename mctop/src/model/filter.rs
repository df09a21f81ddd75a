//! The filter language: which rows are shown.
//!
//! ```text
//! filter     = and { ("or" | "||") and }
//! and        = not { ["and" | "&&"] not }
//! not        = "!" not | "(" filter ")" | comparison | pattern
//! comparison = column ("<" | "<=" | ">" | ">=" | "=" | "!=") value        hit<50  size>1M  ttl<=1m  ttl=never
//! pattern    = "/" regex "/" | '"' text '"' | word                        a word with * or ? is a glob of the whole key
//! ```
//!
//! Columns are those of the table; values take SI prefixes, `%`, and for TTLs `s m h d` or `never`. Figures that a key does
//! not have (the hit ratio of a key that is not read) compare with nothing.

use std::fmt;

use regex::bytes::Regex;

use super::column::{COLUMNS, Column, Span};
use super::snapshot::{Row, Snapshot, Ttl, per_second, share};

mod parse;

/// A parsed filter.
#[derive(Clone, Debug)]
pub struct Filter {
    source: String,
    root: Node,
}

impl PartialEq for Filter {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Eq for Filter {}

/// What is wrong with a filter, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterError {
    /// Byte offset in the source.
    pub position: usize,
    /// A sentence: what was found, and what was expected.
    pub message: String,
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at character {}: {}", self.position + 1, self.message)
    }
}

impl std::error::Error for FilterError {}

#[derive(Clone, Debug)]
enum Node {
    All(Vec<Node>),
    Any(Vec<Node>),
    Not(Box<Node>),
    Contains(Vec<u8>),
    Matches(Regex),
    Compare(Column, Operator, f64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
}

impl Filter {
    /// Parses a filter.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn parse(source: &str) -> Result<Self, FilterError> {
        Ok(Self { source: source.to_owned(), root: parse::parse(source)? })
    }

    /// As it was written.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether a row of a snapshot is shown; rates are over `span`.
    #[must_use]
    pub fn shows(&self, snapshot: &Snapshot, row: &Row, span: Span) -> bool {
        self.root.holds(snapshot, row, span)
    }
}

impl Node {
    fn holds(&self, snapshot: &Snapshot, row: &Row, span: Span) -> bool {
        match self {
            Self::All(nodes) => nodes.iter().all(|node| node.holds(snapshot, row, span)),
            Self::Any(nodes) => nodes.iter().any(|node| node.holds(snapshot, row, span)),
            Self::Not(node) => !node.holds(snapshot, row, span),
            Self::Contains(text) => contains(row.key.bytes(), text),
            Self::Matches(regex) => regex.is_match(row.key.bytes()),
            Self::Compare(column, operator, value) => {
                figure(snapshot, row, *column, span).is_some_and(|figure| operator.holds(figure, *value))
            }
        }
    }
}

impl Operator {
    fn holds(self, left: f64, right: f64) -> bool {
        match self {
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::Greater => left > right,
            Self::GreaterOrEqual => left >= right,
            Self::Equal => left == right,
            Self::NotEqual => left != right,
        }
    }
}

fn contains(key: &[u8], text: &[u8]) -> bool {
    text.is_empty() || key.windows(text.len()).any(|window| window == text)
}

/// The number that a column shows of a row: counts, bytes, percent, seconds; none where it shows none, or no number.
fn figure(snapshot: &Snapshot, row: &Row, column: Column, span: Span) -> Option<f64> {
    let (total, counts) = (&row.total, span.of(row));
    let (all, time) = match span {
        Span::Total => (&snapshot.total, snapshot.duration),
        Span::Last => (&snapshot.last, snapshot.interval),
    };
    let count = |count: u64| Some(count as f64);
    match column {
        Column::Key => None,
        Column::Target => snapshot.targets.get(row.target as usize).map(|target| target.pid.into()),
        Column::Keys => count(row.keys),
        Column::Calls => count(total.calls()),
        Column::Rate => Some(per_second(counts.calls(), time)),
        Column::ShareCalls => Some(100.0 * share(counts.calls(), all.calls())),
        Column::Gets => count(total.gets()),
        Column::Hits => count(total.hits),
        Column::Misses => count(total.misses),
        Column::HitRatio => total.hit_ratio().map(|ratio| 100.0 * ratio),
        Column::Sets => count(total.sets),
        Column::Deletes => count(total.deletes),
        Column::Other => count(total.other),
        Column::Size => row.sizes().map(|(_, largest)| largest.into()),
        Column::Ttl => match row.ttls() {
            None | Some((Ttl::Unknown, _)) => None,
            Some((Ttl::Seconds(seconds), _)) => Some(seconds.into()),
            Some((Ttl::Never, _)) => Some(f64::INFINITY),
        },
        Column::Bytes => count(total.bytes()),
        Column::Bandwidth => Some(per_second(counts.bytes(), time)),
        Column::ShareBytes => Some(100.0 * share(counts.bytes(), all.bytes())),
    }
}

/// The column of a name, also of those that other tools use.
fn column(name: &str) -> Option<Column> {
    match name {
        "rps" | "calls/s" => Some(Column::Rate),
        "bps" | "bytes/s" | "bw" => Some(Column::Bandwidth),
        _ => Column::by_name(name).filter(|column| *column != Column::Key),
    }
}

/// Names of the columns that can be compared.
fn column_names() -> String {
    let names = COLUMNS.iter().map(|declaration| declaration.name).filter(|name| *name != "key");
    names.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
