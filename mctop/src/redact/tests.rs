//! What of a key others get to see.

use std::time::Duration;

use proptest::prelude::*;

use super::secret::{Lifetime, SECRET_MAX, SECRET_MIN};
use super::source::Redacted;
use super::{HASH_BYTES, MARK, Redaction, Scope, Secret};
use crate::model::counts::Counts;
use crate::model::interval::{Interval, Record};
use crate::model::key::Key;
use crate::model::outcomes::Outcomes;
use crate::model::snapshot::Ttl;
use crate::source::{Header, Source};

const SECRET: &[u8] = b"0123456789abcdef";

fn redaction(pattern: &str) -> Redaction {
    Redaction::new(Scope::parse(pattern).unwrap(), Secret::new(SECRET, Lifetime::Kept).unwrap())
}

fn shown(pattern: &str, key: impl AsRef<[u8]>) -> String {
    redaction(pattern).apply(&Key::new(key.as_ref())).escaped()
}

/// Computed by `printf %s TEXT | openssl dgst -sha256 -mac HMAC -macopt key:0123456789abcdef`.
#[test]
fn hashes_are_those_of_other_tools() {
    for (part, hash) in
        [("1234", "0d7432fcc9d51408"), ("user:1234:profile", "7c32d886c9170569"), ("é", "26382c5adb933847")]
    {
        assert_eq!(shown("", part), format!("{MARK}{hash}"), "{part}");
    }
}

#[test]
fn only_what_is_meant_is_replaced() {
    let hash = |part: &str| shown("", part);
    for (pattern, key, expected) in [
        (r"\d+", "user:1234:profile", format!("user:{}:profile", hash("1234"))),
        (r"user:(\d+):(\w+)", "user:12:jo", format!("user:{}:{}", hash("12"), hash("jo"))),
        (r"\d+", "a:1:b:22", format!("a:{}:b:{}", hash("1"), hash("22"))),
        // The same part has the same hash in every key.
        (r"\d+", "cart:1234", format!("cart:{}", hash("1234"))),
        // Of groups within groups, the outer; of those that took no part, nothing.
        (r"((\d)\d)|x(y)", "a12b", format!("a{}b", hash("12"))),
        (r"((\d)\d)|x(y)", "axyb", format!("ax{}b", hash("y"))),
        // What matches nothing, or the empty text, is left as it is.
        (r"\d+", "plain", "plain".to_owned()),
        (r"\d*", "a1", format!("a{}", hash("1"))),
        (r"^.*$", "all", hash("all")),
    ] {
        assert_eq!(shown(pattern, key), expected, "{pattern} on {key}");
    }
}

#[test]
fn keys_of_any_bytes() {
    let hash = redaction("").apply(&Key::new(b"\xff\xfe")).escaped();
    assert_eq!(hash.len(), 1 + 2 * HASH_BYTES);
    assert_eq!(shown(r"\xff\xfe", b"a\xff\xfeb"), format!("a{hash}b"));
    assert_eq!(shown("b+", b"\x80\xffb"), format!("\\x80\\xff{}", shown("", "b")));
}

#[test]
fn a_key_that_would_grow_too_long_is_replaced_in_whole() {
    let long = "1".repeat(250);
    assert_eq!(shown("1", &long), shown("", &long));
    let just = "1".repeat(2) + &"k".repeat(250 - 2 * (1 + 2 * HASH_BYTES));
    assert_eq!(redaction("1").apply(&Key::new(just.as_bytes())).bytes().len(), 250);
}

#[test]
fn patterns_that_are_none() {
    for bad in ["(", "[z-a]", "(?i", r"\p{Greek}"] {
        let error = Scope::parse(bad).unwrap_err();
        assert!(error.contains("regular expression"), "{error}");
    }
}

#[test]
fn a_secret_has_a_length_and_is_never_told() {
    for length in [0, SECRET_MIN - 1, SECRET_MAX + 1] {
        let error = Secret::new(&vec![7; length], Lifetime::Kept).unwrap_err();
        assert!(error.contains(&length.to_string()), "{error}");
    }
    let secret = Secret::new(SECRET, Lifetime::Run).unwrap();
    let told = format!("{secret:?} {}", redaction(r"user:(\d+)").describe());
    assert!(!told.contains("0123456789abcdef") && !told.contains("30313233"), "{told}");
    assert!(told.contains("/user:(\\d+)/") && told.contains("id "), "{told}");
    let other = Secret::new(b"another secret of its own", Lifetime::Run).unwrap();
    assert_ne!(secret.describe(), other.describe());
}

fn record(key: &str, hits: u64, size: Option<u32>, target: u32) -> Record {
    let counts = Counts { hits, bytes_out: hits * 10, ..Counts::default() };
    Record { key: Key::new(key.as_bytes()), target, counts, size, ttl: Ttl::Seconds(30), outcomes: Outcomes::default() }
}

struct Once(Header, Option<Interval>);

impl Source for Once {
    fn header(&self) -> &Header {
        &self.0
    }

    fn next(&mut self) -> anyhow::Result<Option<Interval>> {
        Ok(self.1.take())
    }
}

fn once(records: Vec<Record>, redaction: Option<String>) -> Once {
    let header = Header { redaction, ..Header::default() };
    let mut interval = Interval { end: Duration::from_secs(1), records, ..Interval::default() };
    for record in &interval.records {
        interval.total += &record.counts;
    }
    Once(header, Some(interval))
}

#[test]
fn records_that_look_the_same_are_one() {
    // A key that is what another one becomes.
    let twin = shown(r"\d+", "id:7");
    let records = vec![
        record("id:7", 1, Some(5), 0),
        record("other", 2, Some(5), 0),
        record(&twin, 4, Some(6), 0),
        record("id:7", 8, Some(5), 1),
    ];
    let mut source = Redacted::new(once(records, None), Some(redaction(r"^id:(\d+)$")));
    let interval = source.next().unwrap().unwrap();
    assert_eq!(interval.unexplained(), (0, 0));
    let seen: Vec<_> = interval
        .records
        .iter()
        .map(|record| (record.key.escaped(), record.target, record.counts.hits, record.size, record.ttl))
        .collect();
    assert_eq!(
        seen,
        [
            (twin.clone(), 0, 5, None, Ttl::Seconds(30)),
            ("other".to_owned(), 0, 2, Some(5), Ttl::Seconds(30)),
            (twin, 1, 8, Some(5), Ttl::Seconds(30)),
        ]
    );
    assert!(source.next().unwrap().is_none());
}

#[test]
fn the_header_says_how_and_what_was_before() {
    let plain = Redacted::new(once(Vec::new(), None), None);
    assert_eq!(plain.header().redaction, None);
    let twice = Redacted::new(once(Vec::new(), Some("Once.".into())), Some(redaction("")));
    let told = twice.header().redaction.clone().unwrap();
    assert_eq!(told, format!("Once. Then: {}", redaction("").describe()));
    assert_eq!(twice.inner().header().redaction.as_deref(), Some("Once."));
    let untouched = Redacted::new(once(Vec::new(), Some("Once.".into())), None);
    assert_eq!(untouched.header().redaction.as_deref(), Some("Once."));
}

proptest! {
    #[test]
    fn any_key_stays_a_key_and_nothing_counted_is_lost(
        keys in proptest::collection::vec((proptest::collection::vec(any::<u8>(), 1..=250), 0u64..1000), 0..40),
        pattern in prop_oneof![Just(""), Just("[a-z0-9]"), Just("(.)(..)"), Just(r"\x00|\xff+"), Just("^.{3}")],
    ) {
        let records = keys
            .iter()
            .map(|(key, hits)| Record { key: Key::new(key), ..record("k", *hits, Some(1), 0) })
            .collect();
        let interval = Redacted::new(once(records, None), Some(redaction(pattern))).next().unwrap().unwrap();
        prop_assert_eq!(interval.unexplained(), (0, 0));
        for record in &interval.records {
            prop_assert!((1..=250).contains(&record.key.bytes().len()));
        }
    }
}
