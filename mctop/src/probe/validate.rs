//! Live validation: what a probe sees first is checked against what it must be, before any figure is shown.

use mctop_common::records::Evidence;

use crate::model::key::Key;

/// Items that must have been of the key looked up before a site is trusted without a check of each.
const ITEMS_ENOUGH: u32 = 32;

/// Requests that must have been seen before they are trusted, where fewer items were found.
const REQUESTS_ENOUGH: u32 = 1_000;

/// Fewest requests that are judged: what a port scanner sends is no request either.
const REQUESTS_JUDGED: u32 = 8;

/// What a site's evidence says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// All as it must be, often enough.
    Trusted,
    /// Nothing wrong, but not enough was seen.
    Open,
    /// The site does not see what it should: how that shows, as a clause.
    Wrong(String),
}

/// Judges what was seen at one site.
#[must_use]
pub(super) fn judge(evidence: &Evidence) -> Verdict {
    if evidence.wrong_items > 0 {
        return Verdict::Wrong(format!(
            "of {} items found, {} had another key than the one looked up; the last was looked up as {} and is {}",
            evidence.items,
            evidence.wrong_items,
            quoted(&evidence.key, evidence.key_len),
            quoted(&evidence.item_key, evidence.item_key_len),
        ));
    }
    if evidence.requests >= REQUESTS_JUDGED && evidence.wrong_requests > evidence.requests / 2 {
        return Verdict::Wrong(format!(
            "of {} requests, {} do not begin as one; the last begins with {}",
            evidence.requests,
            evidence.wrong_requests,
            quoted(&[evidence.request], 8),
        ));
    }
    if evidence.items >= ITEMS_ENOUGH || evidence.requests >= REQUESTS_ENOUGH {
        Verdict::Trusted
    } else {
        Verdict::Open
    }
}

/// The first bytes of a key, without harm to a terminal.
fn quoted(words: &[u64], len: u32) -> String {
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
    let kept = bytes.get(..len as usize).unwrap_or(&bytes);
    let more = if (len as usize) > bytes.len() { "..." } else { "" };
    format!("\"{}{more}\" ({len} bytes)", Key::new(kept).escaped())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts() {
        let good = Evidence { items: 40, requests: 50, wrong_requests: 2, ..Evidence::default() };
        assert_eq!(judge(&good), Verdict::Trusted);
        assert_eq!(judge(&Evidence { items: 3, requests: 50, ..Evidence::default() }), Verdict::Open);
        assert_eq!(judge(&Evidence { requests: 3, wrong_requests: 3, ..Evidence::default() }), Verdict::Open);
        let garbage = Evidence { requests: 9, wrong_requests: 9, request: 0x1b_1b1b, ..Evidence::default() };
        let Verdict::Wrong(reason) = judge(&garbage) else { panic!("{garbage:?}") };
        assert!(reason.contains("of 9 requests, 9") && reason.contains("\\x1b"), "{reason}");
    }

    #[test]
    fn a_wrong_item_is_shown_with_both_keys() {
        let word = |text: &[u8; 8]| [u64::from_ne_bytes(*text), 0, 0, 0];
        let evidence = Evidence {
            items: 1_000,
            wrong_items: 1,
            key_len: 3,
            item_key_len: 250,
            key: word(b"abcdefgh"),
            item_key: word(b"xyz\x1b[2Jk"),
            ..Evidence::default()
        };
        let Verdict::Wrong(reason) = judge(&evidence) else { panic!("{evidence:?}") };
        assert!(reason.contains("\"abc\" (3 bytes)") && reason.contains("xyz\\x1b[2Jk"), "{reason}");
        assert!(reason.contains("...\" (250 bytes)") && !reason.contains('\u{1b}'), "{reason}");
    }
}
