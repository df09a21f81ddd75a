//! Automatic templates: parts of a key that look like identifiers become `*`.
//!
//! The template depends on the key alone, never on other keys, so that a group has the same name at all times and in all
//! captures. A key is split into *tokens*, the longest runs of ASCII letters and digits; everything between them stays.
//!
//! | token | example | template |
//! |---|---|---|
//! | part of a UUID (RFC 9562, section 4) | `550e8400-e29b-41d4-a716-446655440000` | `*` |
//! | without a digit | `feed`, `cafe`, `deadbeef` | unchanged |
//! | a hash or an opaque identifier, see `is_opaque` | `9f86d081884c7d65`, `dQw4w9WgXcQ` | `*` |
//! | any other | `shop1234`, `42`, `v2` | runs of digits become `*`: `shop*`, `*`, `v*` |

/// Stands for a part that may differ.
pub(crate) const WILDCARD: u8 = b'*';

/// Lengths of the groups of hexadecimal digits of a UUID, which are separated by dashes.
const UUID_GROUPS: [usize; 5] = [8, 4, 4, 4, 12];

/// Appends a key's template.
pub(crate) fn write(key: &[u8], out: &mut Vec<u8>) {
    let mut rest = key;
    while let Some(first) = rest.first() {
        let consumed = if first.is_ascii_alphanumeric() {
            write_token(rest, out)
        } else {
            // In a URL, %2F is a separator, not a number.
            let kept = if is_percent_encoded(rest) { 3 } else { 1 };
            out.extend_from_slice(rest.get(..kept).unwrap_or(rest));
            kept
        };
        rest = rest.get(consumed..).unwrap_or_default();
    }
}

/// Appends the template of the UUID or token at the start of `rest`, and returns the length of the token.
fn write_token(rest: &[u8], out: &mut Vec<u8>) -> usize {
    if let Some(length) = uuid_length(rest) {
        out.push(WILDCARD);
        return length;
    }
    let length = prefix_length(rest, u8::is_ascii_alphanumeric);
    let token = rest.get(..length).unwrap_or(rest);
    if is_opaque(token) {
        out.push(WILDCARD);
    } else {
        for part in token.chunk_by(|a, b| a.is_ascii_digit() == b.is_ascii_digit()) {
            if part.first().is_some_and(u8::is_ascii_digit) {
                out.push(WILDCARD);
            } else {
                out.extend_from_slice(part);
            }
        }
    }
    length
}

/// Number of bytes at the start that are of a class.
fn prefix_length(bytes: &[u8], class: fn(&u8) -> bool) -> usize {
    bytes.iter().position(|byte| !class(byte)).unwrap_or(bytes.len())
}

fn is_percent_encoded(bytes: &[u8]) -> bool {
    matches!(bytes, [b'%', high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit())
}

/// Length of the UUID at the start of the bytes, if there is one.
fn uuid_length(bytes: &[u8]) -> Option<usize> {
    let mut length = 0;
    for (index, group) in UUID_GROUPS.into_iter().enumerate() {
        if index > 0 {
            bytes.get(length).filter(|byte| **byte == b'-')?;
            length += 1;
        }
        let digits = bytes.get(length..length + group)?;
        if !digits.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        length += group;
    }
    bytes.get(length).is_none_or(|next| !next.is_ascii_alphanumeric()).then_some(length)
}

/// Whether a token is a hash or a random identifier rather than words and numbers.
///
/// A token without digits is never opaque, so that words of hexadecimal letters stay. A token of digits only is not opaque
/// either. The lengths and proportions are chosen so that random identifiers are nearly always recognised (99 % of those with 8
/// hexadecimal digits that have letters and digits and do not begin with a letter; all with 16), and words with numbers
/// (`shop1234`, `b2b`, `getUserV2Profile`, `face2face`, `decade2020`) are not.
fn is_opaque(token: &[u8]) -> bool {
    let length = token.len();
    let digits = token.iter().filter(|byte| byte.is_ascii_digit()).count();
    if digits == 0 || digits == length {
        return false;
    }
    let pairs = || token.iter().zip(token.iter().skip(1));
    // Changes between letters and digits.
    let switches = pairs().filter(|(a, b)| a.is_ascii_digit() != b.is_ascii_digit()).count();
    // Changes from lower to upper case. Camel case has a few, random text has many.
    let case_changes = pairs().filter(|(a, b)| a.is_ascii_lowercase() && b.is_ascii_uppercase()).count();
    let is_hexadecimal = token.iter().all(u8::is_ascii_hexdigit);
    let begins_with_digit = token.first().is_some_and(u8::is_ascii_digit);
    let is_hash =
        length >= 16 || (length >= 8 && begins_with_digit) || (length >= 6 && switches >= 2 && digits * 4 >= length);
    let is_mixed = length >= 8 && switches >= 2 && (switches + case_changes) * 3 >= length;
    (is_hexadecimal && is_hash) || is_mixed || (length >= 16 && switches >= 5)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn template(key: impl AsRef<[u8]>) -> Vec<u8> {
        let mut out = Vec::new();
        write(key.as_ref(), &mut out);
        out
    }

    fn check(cases: &[(&str, &str)]) {
        for (key, expected) in cases {
            assert_eq!(String::from_utf8(template(key)).unwrap(), *expected, "{key}");
        }
    }

    #[test]
    fn numbers_are_identifiers() {
        check(&[
            ("podXXX::M:blob:Feature:17:88123", "podXXX::M:blob:Feature:*:*"),
            ("podYYY:rails:42::shop-1234", "podYYY:rails:*::shop-*"),
            ("pod12:rails:42::feature_rollout:percentages", "pod*:rails:*::feature_rollout:percentages"),
            ("product:1", "product:*"),
            ("views/shops/42-20241122093015/list", "views/shops/*-*/list"),
            ("ratelimit:10.0.0.7", "ratelimit:*.*.*.*"),
            ("thumb:100x200", "thumb:*x*"),
            ("show:s01e02", "show:s*e*"),
            ("report:2026-11-21T21:57:01Z", "report:*-*-*T*:*:*Z"),
            ("7", "*"),
            ("user[42]", "user[*]"),
            ("http%3A%2F%2Fhost%2Fitems%2F42", "http%3A%2F%2Fhost%2Fitems%2F*"),
        ]);
    }

    #[test]
    fn uuids_and_hashes_are_identifiers() {
        check(&[
            ("user:550e8400-e29b-41d4-a716-446655440000:profile", "user:*:profile"),
            ("user:550E8400-E29B-41D4-A716-446655440000", "user:*"),
            ("{aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee}", "{*}"),
            ("sess:9f86d081884c7d65", "sess:*"),
            ("etag:9f86d081", "etag:*"),
            ("rev:77cc441", "rev:*"),
            ("md5:d41d8cd98f00b204e9800998ecf8427e", "md*:*"),
            ("mongo:507f1f77bcf86cd799439011:doc", "mongo:*:doc"),
            ("view:da39a3ee5e6b4b0d3255bfef95601890afd80709.html", "view:*.html"),
            // Almost UUIDs.
            ("a:550e8400-e29b-41d4-a716-44665544000", "a:*-e*b-*d*-a*-*"),
            ("550e8400-e29b-41d4-a716-446655440000x", "*-e*b-*d*-a*-*x"),
        ]);
    }

    #[test]
    fn opaque_identifiers_of_other_alphabets_are_identifiers() {
        check(&[
            ("video:dQw4w9WgXcQ", "video:*"),
            ("cus_9s6XKzkNRiz8i3", "cus_*"),
            ("order:01ARZ3NDEKTSV4RRFFQ69G5FAV", "order:*"),
            ("post:cjld2cjxh0000qzrmn831i7rn", "post:*"),
            ("addr:0x52908400098527886E0F7030069857D2E4169EE7", "addr:*"),
        ]);
    }

    #[test]
    fn words_stay() {
        for key in [
            "feed",
            "cafe",
            "facade:decade",
            "deadbeef",
            "bad:face:added",
            "DEADBEEFDEADBEEFDEADBEEF",
            "menu:json",
            "feature_rollout:percentages",
            "getUserProfile",
            "iPhoneXSMax",
            "",
            "::--",
            "naïve:日本語",
        ] {
            assert_eq!(template(key), key.as_bytes());
        }
        check(&[
            ("cafe2", "cafe*"),
            ("feed:12", "feed:*"),
            ("face2face", "face*face"),
            ("decade2020", "decade*"),
            ("b2b:e2e:k8s:i18n", "b*b:e*e:k*s:i*n"),
            ("getUserV2Profile", "getUserV*Profile"),
            ("getUserProfileV2ForShop3", "getUserProfileV*ForShop*"),
            ("user42profile", "user*profile"),
            ("ad1234567", "ad*"),
            ("page2Size50", "page*Size*"),
        ]);
    }

    #[test]
    fn bytes_that_are_not_text_stay() {
        assert_eq!(template(b"\xff\x0042\xfe:7\x80"), b"\xff\x00*\xfe:*\x80");
    }

    proptest! {
        #[test]
        fn a_template_is_its_own_template(key in proptest::collection::vec(any::<u8>(), 0..250), text in "[a-fA-Z0-9:%-]{0,60}") {
            for key in [&key[..], text.as_bytes()] {
                let once = template(key);
                prop_assert!(once.len() <= key.len());
                prop_assert_eq!(template(&once), once);
            }
        }

        #[test]
        fn what_is_neither_letter_nor_digit_stays(key in proptest::collection::vec(any::<u8>(), 0..250)) {
            let others = |bytes: &[u8]| {
                bytes.iter().copied().filter(|byte| !byte.is_ascii_alphanumeric() && !b"*-".contains(byte)).collect::<Vec<_>>()
            };
            prop_assert_eq!(others(&template(&key)), others(&key));
        }

        #[test]
        fn keys_that_differ_in_numbers_share_a_template(a: u64, b: u64) {
            prop_assert_eq!(template(format!("user:{a}:cart-{b}")), b"user:*:cart-*");
        }
    }
}
