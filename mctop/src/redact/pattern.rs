//! Which parts of a key are replaced.

use std::ops::Range;

use regex::bytes::Regex;

use crate::model::pattern;

/// A regular expression over the bytes of keys. It selects what its groups capture or, without groups, the whole match.
#[derive(Clone, Debug)]
pub struct Pattern(Regex);

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl Eq for Pattern {}

impl Pattern {
    /// Parses a regular expression.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn parse(source: &str) -> Result<Self, String> {
        pattern::regex(source).map(Self)
    }

    /// The selected parts of a key, in order. They are not empty and do not overlap: of nested groups, the outer one counts.
    #[must_use]
    pub fn parts(&self, key: &[u8]) -> Vec<Range<usize>> {
        let mut parts: Vec<Range<usize>> = Vec::new();
        for captures in self.0.captures_iter(key) {
            let groups = captures.iter().skip(usize::from(captures.len() > 1)).flatten();
            let mut matched: Vec<Range<usize>> = groups.map(|group| group.range()).filter(|r| !r.is_empty()).collect();
            matched.sort_unstable_by_key(|range| (range.start, std::cmp::Reverse(range.end)));
            for range in matched {
                if parts.last().is_none_or(|last| last.end <= range.start) {
                    parts.push(range);
                }
            }
        }
        parts
    }

    /// Describes the pattern as part of the sentence in [`Redaction::describe`](super::Redaction::describe).
    pub(super) fn describe(&self) -> String {
        let verb = if self.0.captures_len() > 1 { "is captured by" } else { "matches" };
        format!("{verb} /{}/", self.0.as_str())
    }
}
