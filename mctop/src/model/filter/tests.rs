use proptest::prelude::*;

use super::*;
use crate::model::group::Grouping;
use crate::model::key::Key;
use crate::model::sample;
use crate::text::fit::{shown_key, truncate_middle};
use crate::text::glyphs::{ASCII, UNICODE};

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
        ("a)", 1, "unexpected ); text goes in double quotes"),
        (":(", 2, "text goes in double quotes"),
        ("a (b", 4, "a closing ) is missing; text goes in double quotes"),
        ("/^a", 0, "closing / is missing"),
        ("/a/b[0]/", 0, "write \\/ for a / inside a regular expression; text goes in double quotes"),
        ("\"a", 0, "the closing \" is missing; write \\\" for a \" inside"),
        ("a | b", 2, "use the word or instead of |"),
        ("|a", 0, "use the word or instead of |"),
        ("x /a(/", 3, "regular expression"),
        ("sise>5", 0, "not a column"),
        ("key=a", 0, "matched by text, a glob or /regex/ without key=; text goes in double quotes"),
        ("sise=5", 0, "did you mean size? Otherwise text goes in double quotes"),
        ("speed>5", 0, "not a column; text goes in double quotes"),
        ("size>large", 5, "expected a number of bytes such as 500, 13.9kB or 1M; text goes in double quotes"),
        ("keys=>[1]", 5, "text goes in double quotes"),
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
    let names = Filter::parse("speed>5").unwrap_err().to_string();
    assert!(names.contains("target, keys, calls") && names.contains("share-bytes, expired, flushed"), "{names}");
    let deep = "!".repeat(100_000) + "a";
    assert!(Filter::parse(&deep).unwrap_err().message.contains("nested"));
    assert!(Filter::parse("/a{1000}{1000}{1000}/").unwrap_err().message.contains("bytes"));
}

/// The keys that a filter shows, of some.
fn found(source: &str, keys: &[&[u8]]) -> Vec<String> {
    let filter = Filter::parse(source).unwrap_or_else(|error| panic!("{source}: {error}"));
    let snapshot = sample::of(Vec::new());
    let rows = keys.iter().map(|key| Row::new(Key::new(key), 0));
    rows.filter(|row| filter.shows(&snapshot, row, Span::Total)).map(|row| row.key.escaped()).collect()
}

#[test]
fn what_only_looks_like_the_language_is_text() {
    for text in [
        "{:raw=>true}",
        "{\"id\":1,\"a\":[2]}",
        "views/products?page=2",
        "page=2&&sort=up",
        "token==",
        "a=b",
        "a->b",
        "<html>",
        "f(x)",
        "f()",
        "a(b(c))/d",
        "a|b",
        "a&b",
        "[1]",
        "$x^2",
        "#1",
        "50%",
        "x~=y",
        "it's",
        "a,b;c",
        "/api",
        "/api/v1/users",
        "/api/v1/users/",
        "/api/v1/*",
        "order",
        "and",
        "a:size>5",
        "user_id=7",
        "\\d+",
        "\u{2026}",
        "trailing\\",
    ] {
        assert_eq!(found(text, &[text.as_bytes()]).len(), 1, "{text}");
        assert_eq!(found(text, &[b"0"]), [""; 0], "{text}");
        // The same in parentheses, as in an inverted filter.
        assert_eq!(found(&format!("!({text})"), &[text.as_bytes()]), [""; 0], "{text}");
    }
    // Real comparisons and operators are not text.
    assert_eq!(found("(shop or menu) and !(jobs)", &[b"shop", b"menu", b"jobs-shop"]), ["shop", "menu"]);
    assert_eq!(found("/^sh.p$/ or(/MENU/i)", &[b"shop", b"a menu", b"MENU", b"xshop"]), ["shop", "a menu", "MENU"]);
    assert_eq!(found("/api/ v1", &[b"/api/v1", b"api:v1", b"v1"]), ["/api/v1", "api:v1"]);
}

#[test]
fn escapes_stand_for_what_they_are_shown_for() {
    let keys: &[&[u8]] = &[b"bad\xff", b"tab\there", b"a\\b", b"bad\\xff", "\u{65e5}\u{202e}".as_bytes()];
    assert_eq!(found("bad\\xff", keys), ["bad\\xff", "bad\\\\xff"]);
    assert_eq!(found("tab\\x09here", keys), ["tab\\x09here"]);
    assert_eq!(found("\"tab\\x09here\"", keys), ["tab\\x09here"]);
    assert_eq!(found("a\\\\b", keys), ["a\\\\b"]);
    // As copied from the screen: only a backslash needs an escape.
    assert_eq!(found("a\\b", keys), ["a\\\\b"]);
    assert_eq!(found("\\u{202e}", keys), ["\u{65e5}\\u{202e}"]);
    assert_eq!(found("\\u{65e5}\\u{202e}", keys), ["\u{65e5}\\u{202e}"]);
    assert_eq!(found("*\\xff", keys), ["bad\\xff", "bad\\\\xff"]);
    assert_eq!(found("tab\\x09*", keys), ["tab\\x09here"]);
    assert_eq!(found("tab\\x0*", keys), [""; 0]);
}

#[test]
fn a_key_is_found_by_what_was_left_of_it() {
    let keys: &[&[u8]] = &[b"podYYY:rails:NN::percentages", b"podYYY:rails", b"x\x1b]0;owned\x07y", b"a\xe2\x80\xa6b"];
    assert_eq!(found("podYYY:r\u{2026}centages", keys), ["podYYY:rails:NN::percentages"]);
    assert_eq!(found("odYYY:r\u{2026}centages", keys), [""; 0]);
    assert_eq!(found("podYYY:rails\u{2026}rails", keys), [""; 0]);
    // Cut inside an escape.
    assert_eq!(found("x\\x1\u{2026}7y", keys), ["x\\x1b]0;owned\\x07y"]);
    assert_eq!(found("a\u{2026}b", keys), ["a\u{2026}b"]);
    assert_eq!(found("\u{2026}", keys), ["a\u{2026}b"]);
    assert_eq!(found("a\u{2026}\u{2026}b", &[b"a\xe2\x80\xa6xyzb"]), ["a\u{2026}xyzb"]);
    assert_eq!(found("podYYY:..centages", keys), ["podYYY:rails:NN::percentages"]);
    assert_eq!(found("pod..ages", keys), [""; 0]);
    // Terminals disagree about the width of this emoji, so it is shown as an escape.
    let thumb = "\u{1f44d}\u{1f3fd}:thumbs:up".as_bytes();
    assert_eq!(found("\u{1f44d}\\u{1f3fd}:t\u{2026}up", &[thumb]).len(), 1);
}

/// A text as a quoted pattern.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\\\""))
}

/// A key as each kind of terminal shows it, in full and cut.
fn shown_forms(key: &Key) -> Vec<String> {
    let forms = [key.escaped(), shown_key(key, &UNICODE), shown_key(key, &ASCII)];
    let escaped = &forms[0];
    // If a cut separates two backslashes, a quote after them could be the end of the text.
    let is_clear = |_: &String| !escaped.contains('"') && !escaped.ends_with('\\');
    let cut = [(16, UNICODE), (40, UNICODE), (16, ASCII), (40, ASCII)];
    let cut = cut.map(|(room, glyphs)| truncate_middle(escaped, room, &glyphs)).into_iter().filter(is_clear);
    forms.iter().cloned().chain(cut).collect()
}

proptest! {
    #[test]
    fn a_key_is_found_by_what_is_shown_of_it(bytes in prop_oneof![
        proptest::collection::vec(any::<u8>(), 1..=250),
        "[ -~]{1,80}".prop_map(String::into_bytes),
        "[\\\\x\"u{}0-9a-f\u{2026}\u{1f44d}\u{1f3fd}\u{301}\u{202e}*?/!]{1,60}".prop_map(String::into_bytes),
    ]) {
        let key = Key::new(&bytes);
        for shown in shown_forms(&key) {
            prop_assert_eq!(found(&quoted(&shown), &[&bytes]).len(), 1, "{}", shown);
        }
    }

    #[test]
    fn text_without_the_languages_own_characters_needs_no_quotes(text in "[a-z0-9:_.,;{}\\[\\]@#$%^~'+-]{1,40}") {
        prop_assert_eq!(found(&text, &[text.as_bytes()]).len(), 1);
        prop_assert_eq!(found(&format!("k:{text}=>{text}"), &[format!("k:{text}=>{text}").as_bytes()]).len(), 1);
    }

    /// Errors say how to write text.
    #[test]
    fn text_of_one_word_is_found_or_refused(word in "[a-z0-9:_.{}=<>()|&/\"%,-]{1,30}") {
        match Filter::parse(&format!("k:{word}")) {
            Ok(filter) => {
                let row = Row::new(Key::new(format!("k:{word}").as_bytes()), 0);
                prop_assert!(filter.shows(&sample::of(Vec::new()), &row, Span::Total));
            }
            Err(error) => prop_assert!(
                ["double quotes", "expected", "is missing", "regular expression"].iter().any(|part| error.message.contains(part)),
                "{}", error
            ),
        }
    }

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
