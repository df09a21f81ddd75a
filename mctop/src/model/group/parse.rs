//! Parses groupings.

use std::num::NonZeroUsize;

use super::GroupingRule;
use crate::model::pattern;

const FORMS: &str = "expected auto, a separator and a depth such as :2, or a regular expression such as '/^(\\w+):/'";

/// Parses a grouping.
///
/// # Errors
/// What is wrong, in a sentence.
pub(super) fn parse(source: &str) -> Result<GroupingRule, String> {
    if source == "auto" {
        return Ok(GroupingRule::Template);
    }
    if let Some(expression) = source.strip_prefix('/').and_then(|rest| rest.strip_suffix('/')) {
        if expression.is_empty() {
            return Err(format!("the regular expression is empty; {FORMS}"));
        }
        // A slash may be written \/ as in filters; the regex syntax accepts that.
        return pattern::regex(expression).map(GroupingRule::Captures);
    }
    let digits = source.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    let (separator, depth) = source.split_at(digits);
    if separator.is_empty() || depth.is_empty() || separator.contains(char::is_alphanumeric) {
        return Err(FORMS.to_owned());
    }
    let depth = depth.parse::<NonZeroUsize>().map_err(|_| {
        format!("invalid depth {depth}; expected the number of parts to keep, at least 1, such as {separator}2")
    })?;
    Ok(GroupingRule::Prefix { separator: separator.as_bytes().into(), depth })
}
