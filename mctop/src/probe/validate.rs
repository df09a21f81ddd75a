//! Live validation: before figures are shown, the first data of a probe is checked for consistency.

use mctop_common::records::Evidence;

use crate::model::key::Key;

/// A site is trusted after this number of items had the key that was looked up.
const ENOUGH_ITEMS: u32 = 32;

/// A site is also trusted after this number of requests, with fewer items.
const ENOUGH_REQUESTS: u32 = 1_000;

/// Fewer requests are not judged, because port scanners send data that is not a request.
const MIN_REQUESTS: u32 = 8;

/// The result of validating a site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SiteVerdict {
    /// There is enough evidence, and it is consistent.
    Trusted,
    /// There is not enough evidence yet.
    Undecided,
    /// The evidence shows that the site is wrong, as this clause explains.
    Wrong(String),
}

/// Judges the evidence of a site.
pub(super) fn judge(evidence: &Evidence) -> SiteVerdict {
    if evidence.wrong_items > 0 {
        return SiteVerdict::Wrong(format!(
            "of {} items found, {} had another key than the one looked up; the last was looked up as {} but is {}",
            evidence.items,
            evidence.wrong_items,
            quoted(&evidence.key, evidence.key_len),
            quoted(&evidence.item_key, evidence.item_key_len),
        ));
    }
    if evidence.requests >= MIN_REQUESTS && evidence.wrong_requests > evidence.requests / 2 {
        return SiteVerdict::Wrong(format!(
            "of {} requests, {} do not start like one; the last starts with {}",
            evidence.requests,
            evidence.wrong_requests,
            quoted(&[evidence.request], 8),
        ));
    }
    if evidence.items >= ENOUGH_ITEMS || evidence.requests >= ENOUGH_REQUESTS {
        SiteVerdict::Trusted
    } else {
        SiteVerdict::Undecided
    }
}

/// The first bytes of a key, escaped for terminals.
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
    fn a_site_is_trusted_after_enough_consistent_evidence() {
        let good = Evidence { items: 40, requests: 50, wrong_requests: 2, ..Evidence::default() };
        assert_eq!(judge(&good), SiteVerdict::Trusted);
        assert_eq!(judge(&Evidence { items: 3, requests: 50, ..Evidence::default() }), SiteVerdict::Undecided);
        assert_eq!(judge(&Evidence { requests: 3, wrong_requests: 3, ..Evidence::default() }), SiteVerdict::Undecided);
        let garbage = Evidence { requests: 9, wrong_requests: 9, request: 0x1b_1b1b, ..Evidence::default() };
        let SiteVerdict::Wrong(reason) = judge(&garbage) else { panic!("{garbage:?}") };
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
        let SiteVerdict::Wrong(reason) = judge(&evidence) else { panic!("{evidence:?}") };
        assert!(reason.contains("\"abc\" (3 bytes)") && reason.contains("xyz\\x1b[2Jk"), "{reason}");
        assert!(reason.contains("...\" (250 bytes)") && !reason.contains('\u{1b}'), "{reason}");
    }
}
