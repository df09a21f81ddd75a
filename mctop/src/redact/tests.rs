//! Redaction hides what it should, keeps keys valid, and keeps counts complete.

use std::time::Duration;

use proptest::prelude::*;

use super::secret::{SECRET_MAX, SECRET_MIN, SecretOrigin};
use super::source::RedactedSource;
use super::{HASH_BYTES, MARK, Redaction, Scope, Secret};
use crate::model::counts::Counts;
use crate::model::header::Header;
use crate::model::interval::{Interval, Record, RecordedInterval};
use crate::model::key::Key;
use crate::model::key_sample::SampleConsumer;
use crate::model::outcomes::Outcomes;
use crate::model::snapshot::Ttl;
use crate::source::Source;

const SECRET: &[u8] = b"0123456789abcdef";

fn redaction(pattern: &str) -> Redaction {
    Redaction::new(Scope::parse(pattern).unwrap(), Secret::new(SECRET, SecretOrigin::KeyFile).unwrap())
}

fn shown(pattern: &str, key: impl AsRef<[u8]>) -> String {
    redaction(pattern).apply(&Key::new(key.as_ref())).escaped()
}

/// Computed by `printf %s TEXT | openssl dgst -sha256 -mac HMAC -macopt key:0123456789abcdef`.
#[test]
fn hashes_equal_those_of_openssl() {
    for (part, hash) in
        [("1234", "0d7432fcc9d51408"), ("user:1234:profile", "7c32d886c9170569"), ("é", "26382c5adb933847")]
    {
        assert_eq!(shown("", part), format!("{MARK}{hash}"), "{part}");
    }
}

#[test]
fn only_selected_parts_are_replaced() {
    let hash = |part: &str| shown("", part);
    for (pattern, key, expected) in [
        (r"\d+", "user:1234:profile", format!("user:{}:profile", hash("1234"))),
        (r"user:(\d+):(\w+)", "user:12:jo", format!("user:{}:{}", hash("12"), hash("jo"))),
        (r"\d+", "a:1:b:22", format!("a:{}:b:{}", hash("1"), hash("22"))),
        // Equal parts have equal hashes in all keys.
        (r"\d+", "cart:1234", format!("cart:{}", hash("1234"))),
        // Of nested groups, the outer one is replaced. Groups that did not match are ignored.
        (r"((\d)\d)|x(y)", "a12b", format!("a{}b", hash("12"))),
        (r"((\d)\d)|x(y)", "axyb", format!("ax{}b", hash("y"))),
        // Keys without a match, and empty matches, are left unchanged.
        (r"\d+", "plain", "plain".to_owned()),
        (r"\d*", "a1", format!("a{}", hash("1"))),
        (r"^.*$", "all", hash("all")),
    ] {
        assert_eq!(shown(pattern, key), expected, "{pattern} on {key}");
    }
}

#[test]
fn keys_can_have_any_bytes() {
    let hash = redaction("").apply(&Key::new(b"\xff\xfe")).escaped();
    assert_eq!(hash.len(), 1 + 2 * HASH_BYTES);
    assert_eq!(shown(r"\xff\xfe", b"a\xff\xfeb"), format!("a{hash}b"));
    assert_eq!(shown("b+", b"\x80\xffb"), format!("\\x80\\xff{}", shown("", "b")));
}

#[test]
fn a_key_that_would_get_too_long_is_replaced_as_a_whole() {
    let long = "1".repeat(250);
    assert_eq!(shown("1", &long), shown("", &long));
    let longest = "1".repeat(2) + &"k".repeat(250 - 2 * (1 + 2 * HASH_BYTES));
    assert_eq!(redaction("1").apply(&Key::new(longest.as_bytes())).bytes().len(), 250);
}

#[test]
fn invalid_patterns_are_refused() {
    for bad in ["(", "[z-a]", "(?i", r"\p{Greek}"] {
        let error = Scope::parse(bad).unwrap_err();
        assert!(error.contains("regular expression"), "{error}");
    }
}

#[test]
fn a_secret_has_a_valid_length_and_is_never_revealed() {
    for length in [0, SECRET_MIN - 1, SECRET_MAX + 1] {
        let error = Secret::new(&vec![7; length], SecretOrigin::KeyFile).unwrap_err();
        assert!(error.contains(&length.to_string()), "{error}");
    }
    let secret = Secret::new(SECRET, SecretOrigin::Random).unwrap();
    let text = format!("{secret:?} {}", redaction(r"user:(\d+)").describe());
    assert!(!text.contains("0123456789abcdef") && !text.contains("30313233"), "{text}");
    assert!(text.contains("/user:(\\d+)/") && text.contains("id "), "{text}");
    let other = Secret::new(b"another secret of its own", SecretOrigin::Random).unwrap();
    assert_ne!(secret.describe(), other.describe());
}

fn record(key: &str, hits: u64, size: Option<u32>, target: u32) -> Record {
    let counts = Counts { hits, bytes_out: hits * 10, ..Counts::default() };
    Record { key: Key::new(key.as_bytes()), target, counts, size, ttl: Ttl::Seconds(30), outcomes: Outcomes::default() }
}

struct Once(Header, Option<RecordedInterval>);

impl Source for Once {
    fn header(&self) -> &Header {
        &self.0
    }

    fn next(&mut self, consumer: &mut dyn SampleConsumer) -> anyhow::Result<Option<Interval>> {
        Ok(self.1.take().map(|recorded| {
            recorded.pass_to(consumer);
            recorded.interval
        }))
    }
}

fn once(records: Vec<Record>, redaction: Option<String>) -> Once {
    let header = Header { redaction, ..Header::default() };
    let mut interval = Interval { end: Duration::from_secs(1), ..Interval::default() };
    for record in &records {
        interval.total += &record.counts;
    }
    Once(header, Some(interval.with(records)))
}

#[test]
fn records_with_equal_redacted_keys_are_merged() {
    // A key that equals the redacted form of another one.
    let twin = shown(r"\d+", "id:7");
    let records = vec![
        record("id:7", 1, Some(5), 0),
        record("other", 2, Some(5), 0),
        record(&twin, 4, Some(6), 0),
        record("id:7", 8, Some(5), 1),
    ];
    let mut source = RedactedSource::new(once(records, None), Some(redaction(r"^id:(\d+)$")));
    let interval = source.next_recorded().unwrap().unwrap();
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
    assert!(source.next_recorded().unwrap().is_none());
}

#[test]
fn the_header_describes_this_and_earlier_redactions() {
    let plain = RedactedSource::new(once(Vec::new(), None), None);
    assert_eq!(plain.header().redaction, None);
    let twice = RedactedSource::new(once(Vec::new(), Some("Once.".into())), Some(redaction("")));
    let text = twice.header().redaction.clone().unwrap();
    assert_eq!(text, format!("Once. Then: {}", redaction("").describe()));
    assert_eq!(twice.inner().header().redaction.as_deref(), Some("Once."));
    let untouched = RedactedSource::new(once(Vec::new(), Some("Once.".into())), None);
    assert_eq!(untouched.header().redaction.as_deref(), Some("Once."));
}

proptest! {
    #[test]
    fn redacted_keys_are_valid_and_no_counts_are_lost(
        keys in proptest::collection::vec((proptest::collection::vec(any::<u8>(), 1..=250), 0u64..1000), 0..40),
        pattern in prop_oneof![Just(""), Just("[a-z0-9]"), Just("(.)(..)"), Just(r"\x00|\xff+"), Just("^.{3}")],
    ) {
        let records = keys
            .iter()
            .map(|(key, hits)| Record { key: Key::new(key), ..record("k", *hits, Some(1), 0) })
            .collect();
        let interval = RedactedSource::new(once(records, None), Some(redaction(pattern))).next_recorded().unwrap().unwrap();
        prop_assert_eq!(interval.unexplained(), (0, 0));
        for record in &interval.records {
            prop_assert!((1..=250).contains(&record.key.bytes().len()));
        }
    }
}
