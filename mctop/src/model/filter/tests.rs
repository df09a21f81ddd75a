use proptest::prelude::*;

use super::*;
use crate::model::group::Grouping;
use crate::report::sample;

/// Keys of the sample that a filter shows.
fn shown(source: &str) -> Vec<String> {
    let snapshot = sample::flash_sale();
    let filter = Filter::parse(source).unwrap_or_else(|error| panic!("{source}: {error}"));
    let rows = snapshot.rows.iter().filter(|row| filter.shows(&snapshot, row, Span::Total));
    rows.map(|row| row.key.escaped()).filter(|key| !key.starts_with("blob:")).collect()
}

const PERCENTAGES: &str = "podYYYrails:NN::feature_rollout:percentages";
const SHOP: &str = "podYYY:rails:NN::shop-KEY";
const JOBS: &str = "podYYY:rails:NN::jobs-KEY";

#[test]
fn patterns() {
    assert_eq!(shown("rails"), [PERCENTAGES, SHOP, JOBS]);
    assert_eq!(shown("podYYY:*KEY"), [SHOP, JOBS]);
    assert_eq!(shown("menu?json"), ["menu:json"]);
    assert_eq!(shown("menu?jso"), [""; 0]);
    assert_eq!(shown("/(shop|jobs)-KEY$/"), [SHOP, JOBS]);
    assert_eq!(shown("\"menu:\""), ["menu:json"]);
    assert_eq!(shown("!rails !menu"), ["product:1"]);
    assert_eq!(shown("shop or menu"), [SHOP, "menu:json"]);
    assert_eq!(shown("rails and !(shop or jobs)"), [PERCENTAGES]);
    // Words of the language within keys are not words of the language.
    assert_eq!(shown("order"), [""; 0]);
}

#[test]
fn comparisons() {
    assert_eq!(shown("hit<50"), ["product:1"]);
    assert_eq!(shown("size>1M"), ["menu:json"]);
    assert_eq!(shown("size=13961"), [PERCENTAGES]);
    assert_eq!(shown("ttl<10"), ["product:1"]);
    assert_eq!(shown("ttl=never"), [SHOP]);
    assert_eq!(shown("ttl>=1d && ttl!=never"), ["menu:json"]);
    assert_eq!(shown("rps>100k || deletes>0"), [PERCENTAGES, JOBS]);
    assert_eq!(shown("share>90%"), [PERCENTAGES]);
    assert_eq!(shown("size>1MiB size<4MB"), ["menu:json"]);
    assert_eq!(shown("hit < 50"), ["product:1"]);
    assert_eq!(shown("size >=1M"), ["menu:json"]);
    assert_eq!(shown("size> 1M"), ["menu:json"]);
    assert_eq!(shown("hit != 100 !deletes>0"), ["product:1"]);
    assert_eq!(shown("hit<50||size>1M"), ["menu:json", "product:1"]);
    assert_eq!(shown("rails&&deletes>0"), [JOBS]);
    assert_eq!(shown("menu OR shop"), [SHOP, "menu:json"]);
    assert_eq!(shown("rails AND (shop)"), [SHOP]);
    assert_eq!(shown("pid=4242").len(), 5);
    assert_eq!(shown("target!=4242"), [""; 0]);
    assert_eq!(shown("keys=1").len(), 5);
    // Never read, so there is no ratio to compare.
    assert!(!shown("hit>=0").contains(&JOBS.to_owned()) && !shown("hit<0").contains(&JOBS.to_owned()));
}

#[test]
fn groups_are_compared_by_what_they_show() {
    let mut snapshot = Grouping::auto().apply(&sample::flash_sale());
    let shown = |snapshot: &Snapshot, source: &str| {
        let filter = Filter::parse(source).unwrap();
        let rows = snapshot.rows.iter().filter(|row| filter.shows(snapshot, row, Span::Total));
        rows.map(|row| row.key.escaped()).collect::<Vec<_>>()
    };
    for source in ["keys>10", "keys = 60", "blob:*", "size=159 ttl<10", "Feature ttl=0"] {
        assert_eq!(shown(&snapshot, source), ["blob:Feature:*"], "{source}");
    }
    assert_eq!(shown(&snapshot, "expired>0 or flushed>0"), [""; 0]);
    snapshot.rows[0].total.expired = 1;
    snapshot.rows[1].total.flushed = 2;
    assert_eq!(shown(&snapshot, "expired=1 or flushed>=2"), [PERCENTAGES, SHOP]);
}

#[test]
fn errors_say_where_and_what() {
    for (source, position, part) in [
        ("", 0, "expected a pattern"),
        ("a or", 4, "expected a pattern"),
        ("(a", 2, "closing )"),
        ("a)", 1, "too many"),
        ("/a", 0, "closing /"),
        ("x /a(/", 3, "regular expression"),
        ("sise>5", 0, "not a column"),
        ("key=a", 0, "not a column"),
        ("size>", 5, "not a value"),
        ("a size>5x", 7, "not a value"),
        ("a || || b", 5, "before this"),
        ("size > ", 7, "not a value of size; expected a number of bytes"),
        ("size>1m", 5, "expected a number of bytes"),
        ("rps>1m", 4, "expected a number such as"),
        ("hit<5M", 4, "expected a percentage"),
        ("ttl<5M", 4, "expected a time"),
        ("size=never", 5, "expected a number of bytes"),
        ("a <5", 0, "\"a\" is not a column"),
        ("< 5", 0, "\"\" is not a column"),
        ("hit<50&&", 8, "expected a pattern"),
    ] {
        let error = Filter::parse(source).unwrap_err();
        assert!(error.position == position && error.message.contains(part), "{source:?}: {error:?}");
    }
    assert_eq!(
        Filter::parse("日本 size>5x").unwrap_err().to_string(),
        "at character 9: \"5x\" is not a value of size; expected a number of bytes such as 500, 13.9kB or 1M"
    );
    let names = Filter::parse("sise>5").unwrap_err().to_string();
    assert!(names.contains("target, keys, calls") && names.contains("share-bytes, expired, flushed."), "{names}");
    let deep = "!".repeat(100_000) + "a";
    assert!(Filter::parse(&deep).unwrap_err().message.contains("nested"));
    assert!(Filter::parse("/a{1000}{1000}{1000}/").unwrap_err().message.contains("bytes"));
}

proptest! {
    #[test]
    fn any_text_is_a_filter_or_an_error(source in "[a-z<>=!()/|&*?\" \\\\0-9]{0,40}|\\PC{0,40}") {
        match Filter::parse(&source) {
            Ok(filter) => {
                let snapshot = sample::hostile();
                for row in &snapshot.rows {
                    let _: bool = filter.shows(&snapshot, row, Span::Last);
                }
            }
            Err(error) => {
                prop_assert!(source.is_char_boundary(error.position));
                prop_assert_eq!(error.character, source[..error.position].chars().count() + 1);
            }
        }
    }
}
