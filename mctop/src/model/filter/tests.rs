use proptest::prelude::*;

use super::*;
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
    // Never read, so there is no ratio to compare.
    assert!(!shown("hit>=0").contains(&JOBS.to_owned()) && !shown("hit<0").contains(&JOBS.to_owned()));
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
    ] {
        let error = Filter::parse(source).unwrap_err();
        assert!(error.position == position && error.message.contains(part), "{source:?}: {error:?}");
    }
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
            Err(error) => prop_assert!(source.is_char_boundary(error.position)),
        }
    }
}
