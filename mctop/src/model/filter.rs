//! The filter language: which rows are shown.
//!
//! ```text
//! filter     = and { ("or" | "OR" | "||") and }
//! and        = not { ["and" | "AND" | "&&"] not }
//! not        = "!" not | "(" filter ")" | comparison | pattern
//! comparison = figure ("<" | "<=" | ">" | ">=" | "=" | "!=") value        hit<50  size > 1M  ttl<=1m  ttl=never  pid=42
//! pattern    = "/" regex "/" ["i"] | '"' text '"' | word                  a word with * or ? is a glob of the whole key
//! ```
//!
//! A word ends at a space, a parenthesis, `&&` or `||`; parentheses that open and close within a word belong to it. Everything else
//! in a word is text, even if it looks like an operator: `{:raw=>true}`, `/api/v1`, `page=2`. What is more likely a typing error is
//! refused: `sise>5`, `/(shop`.
//!
//! A key is found by its text as shown: texts and globs match as written, and with their escapes (`\xNN`, `\u{N}`, a doubled
//! backslash) decoded. A text with an ellipsis also matches keys that are shown like that because their middle was cut.
//!
//! The figures are those of the table's columns, and `expired` and `flushed`, the misses for these reasons. Values have the unit of
//! the column: counts accept `k M G T`, sizes also `kB MiB` and so on, ratios and shares `%`, TTLs `s m h d` or `never`. No comparison
//! holds for a figure that a key does not have, such as the hit ratio of a key that is not read. For a group, patterns match its
//! name, `size` is that of its largest item, and `ttl` is its shortest.

use std::fmt;

use regex::bytes::Regex;

use self::figure::Figure;
use super::snapshot::{Row, Snapshot};
use super::span::Span;

mod figure;
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
    /// The same in characters, counted from 1.
    pub character: usize,
    /// What is wrong, and what was expected.
    pub message: String,
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at character {}: {}", self.character, self.message)
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
    /// A key as it is shown after its middle was cut out.
    Cut(String),
    Compare(Figure, Operator, f64),
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

    /// The filter as written.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether it compares rates or shares, so that a change of their span may change which rows it shows.
    #[must_use]
    pub fn is_over_span(&self) -> bool {
        self.root.is_over_span()
    }

    /// Whether a row of a snapshot is shown; rates and shares are over `span`.
    #[must_use]
    pub fn shows(&self, snapshot: &Snapshot, row: &Row, span: Span) -> bool {
        self.root.holds(snapshot, row, span)
    }
}

impl Node {
    fn is_over_span(&self) -> bool {
        match self {
            Self::All(nodes) | Self::Any(nodes) => nodes.iter().any(Self::is_over_span),
            Self::Not(node) => node.is_over_span(),
            Self::Contains(_) | Self::Matches(_) | Self::Cut(..) => false,
            Self::Compare(figure, ..) => figure.is_over_span(),
        }
    }

    fn holds(&self, snapshot: &Snapshot, row: &Row, span: Span) -> bool {
        match self {
            Self::All(nodes) => nodes.iter().all(|node| node.holds(snapshot, row, span)),
            Self::Any(nodes) => nodes.iter().any(|node| node.holds(snapshot, row, span)),
            Self::Not(node) => !node.holds(snapshot, row, span),
            Self::Contains(text) => contains(row.key.bytes(), text),
            Self::Matches(regex) => regex.is_match(row.key.bytes()),
            Self::Cut(text) => was_cut_to(&row.key.escaped(), text),
            Self::Compare(figure, operator, value) => {
                figure.of(snapshot, row, span).is_some_and(|figure| operator.holds(figure, *value))
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

/// What replaces the middle of a key that does not fit (see `Glyphs::ellipsis`), and the minimum of bytes around it, because two dots
/// may well be text.
const CUTS: [(&str, usize); 2] = [("\u{2026}", 1), ("..", 12)];

/// Whether a text consists of the start of a key, an ellipsis and the end of the key.
fn was_cut_to(key: &str, text: &str) -> bool {
    let is_cut = |at: usize, ellipsis: &str, least: usize| {
        let (start, end) = (text.get(..at).unwrap_or_default(), text.get(at + ellipsis.len()..).unwrap_or_default());
        let left = start.len() + end.len();
        let both = !start.is_empty() && !end.is_empty() && left >= least && key.len() >= left;
        both && key.starts_with(start) && key.ends_with(end)
    };
    // Dots next to the ellipsis may belong to the key.
    let places = |ellipsis: &'static str| {
        text.char_indices()
            .map(|(at, _)| at)
            .filter(move |at| text.get(*at..).is_some_and(|rest| rest.starts_with(ellipsis)))
    };
    CUTS.into_iter().any(|(ellipsis, least)| places(ellipsis).any(|at| is_cut(at, ellipsis, least)))
}

fn contains(key: &[u8], text: &[u8]) -> bool {
    text.is_empty() || key.windows(text.len()).any(|window| window == text)
}

#[cfg(test)]
mod tests;
