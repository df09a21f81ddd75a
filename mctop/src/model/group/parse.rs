//! The forms in which a grouping is written.

use std::num::NonZeroUsize;

use super::By;
use crate::model::pattern;

const FORMS: &str = "expected auto, a separator and a depth such as :2, or a regular expression such as '/^(\\w+):/'";

/// Parses one of the forms.
///
/// # Errors
/// What is wrong, in a sentence.
pub fn parse(source: &str) -> Result<By, String> {
    if source == "auto" {
        return Ok(By::Template);
    }
    if let Some(expression) = source.strip_prefix('/').and_then(|rest| rest.strip_suffix('/')) {
        if expression.is_empty() {
            return Err(format!("there is nothing between the two /; {FORMS}"));
        }
        // As in filters, a slash may be written \/; the regular expression understands that itself.
        return pattern::regex(expression).map(By::Captures);
    }
    let digits = source.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    let (separator, depth) = source.split_at(digits);
    if separator.is_empty() || depth.is_empty() || separator.contains(char::is_alphanumeric) {
        return Err(format!("{source:?} is not a grouping; {FORMS}"));
    }
    let depth = depth.parse::<NonZeroUsize>().map_err(|_| {
        format!("{depth} is not a depth; expected the number of parts to keep, at least 1, such as {separator}2")
    })?;
    Ok(By::Prefix { separator: separator.as_bytes().into(), depth })
}
