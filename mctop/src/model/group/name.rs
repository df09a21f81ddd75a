//! Names of keys by prefix or by the captures of a regular expression.

use std::num::NonZeroUsize;

use regex::bytes::{CaptureLocations, Regex};

use super::template::WILDCARD;

/// Appends the first `depth` parts of a key with their separators, and a wildcard for the rest. If the key has no more parts
/// than `depth`, appends the whole key.
pub(super) fn prefix(separator: &[u8], depth: NonZeroUsize, key: &[u8], out: &mut Vec<u8>) {
    let mut at = 0;
    for _ in 0..depth.get() {
        let rest = key.get(at..).unwrap_or_default();
        let Some(found) = rest.windows(separator.len()).position(|window| window == separator) else {
            out.extend_from_slice(key);
            return;
        };
        at += found + separator.len();
    }
    out.extend_from_slice(key.get(..at).unwrap_or(key));
    out.push(WILDCARD);
}

/// Appends what the groups of an expression capture, and a wildcard for each part between. If the key does not match, appends
/// the whole key. An expression without groups captures its whole match.
pub(super) fn captures(regex: &Regex, locations: &mut CaptureLocations, key: &[u8], out: &mut Vec<u8>) {
    if regex.captures_read(locations, key).is_none() {
        out.extend_from_slice(key);
        return;
    }
    let groups = if locations.len() > 1 { 1..locations.len() } else { 0..1 };
    let mut captured: Vec<(usize, usize)> = groups.filter_map(|group| locations.get(group)).collect();
    // In a repetition, a later group may capture text before that of an earlier one.
    captured.sort_unstable();
    let mut at = 0;
    for (start, end) in captured {
        if start > at {
            out.push(WILDCARD);
        }
        // A nested group adds nothing.
        out.extend_from_slice(key.get(start.max(at)..end).unwrap_or_default());
        at = at.max(end);
    }
    if at < key.len() {
        out.push(WILDCARD);
    }
}
