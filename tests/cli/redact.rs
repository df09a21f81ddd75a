//! `--redact`: keys, or parts of them, are replaced by hashes.

use mctop_test_support::captures::{capture, interval};
use mctop_test_support::program::{FLASH_SALE, HOT_KEY, file, mctop, output, report, run, text};
use serde_json::{Value, json};

const SECRET: &[u8] = b"0123456789abcdef\n";

#[test]
fn whole_keys_are_hashed_and_figures_unchanged() {
    let (plain, redacted) = (report(FLASH_SALE, &[]), report(FLASH_SALE, &["--redact"]));
    for member in ["totals", "loss", "duration_s", "keys_tracked", "host"] {
        assert_eq!(redacted[member], plain[member], "{member}");
    }
    assert!(plain.get("redaction").is_none());
    let printed = redacted["redaction"].as_str().unwrap();
    assert!(
        printed.starts_with("Every key is replaced by ~ and 16 hex digits of its HMAC-SHA-256 with a random secret"),
        "{printed}"
    );
    let calls = |document: &Value| {
        let keys = document["keys"].as_array().unwrap();
        keys.iter().map(|key| (key["calls"].as_u64(), key["size"].as_u64())).collect::<Vec<_>>()
    };
    let (mut before, mut after) = (calls(&plain), calls(&redacted));
    before.sort_unstable();
    after.sort_unstable();
    assert_eq!(after, before);
    for key in redacted["keys"].as_array().unwrap() {
        let text = key["key"].as_str().unwrap();
        let digits = text.strip_prefix('~').unwrap();
        assert!(digits.len() == 16 && digits.bytes().all(|digit| digit.is_ascii_hexdigit()), "{text}");
    }
}

#[test]
fn every_format_is_redacted_and_says_so() {
    for format in ["table", "json", "ndjson", "csv", "markdown"] {
        let written = output(&mut mctop(&["report", FLASH_SALE, "--redact", "--format", format]));
        assert!(!written.contains("rails") && !written.contains(HOT_KEY), "{format}: {written}");
        assert!(written.contains("HMAC-SHA-256"), "{format} does not say that keys are redacted");
    }
}

#[test]
fn hashes_with_the_same_secret_are_equal() {
    let (_directory, secret) = file("secret", SECRET);
    let (_directory, path) = file("small", &capture(&[interval(0, &[json!({"key": "user:1234:cart", "hits": 1})])]));
    let key = |more: &[&str]| report(text(&path), more)["keys"][0]["key"].as_str().unwrap().to_owned();
    let kept = ["--redact=user:(\\d+)", "--redact-key", text(&secret)];
    assert_eq!(key(&kept), "user:~0d7432fcc9d51408:cart");
    assert_eq!(
        key(&["--redact=[^:]+$", "--redact-key", text(&secret)]),
        "user:1234:~".to_owned() + &hash_of_cart(&secret)
    );
    assert_ne!(key(&["--redact=user:(\\d+)"]), key(&["--redact=user:(\\d+)"]));
    let printed = report(text(&path), &kept)["redaction"].as_str().unwrap().to_owned();
    assert!(printed.contains("/user:(\\d+)/") && printed.contains("a secret from a file (id "), "{printed}");
    assert!(!printed.contains("0123456789abcdef"), "{printed}");
}

/// A hash in the place of a whole key.
fn hash_of_cart(secret: &std::path::Path) -> String {
    let (_directory, path) = file("cart", &capture(&[interval(0, &[json!({"key": "cart", "hits": 1})])]));
    let document = report(text(&path), &["--redact", "--redact-key", text(secret)]);
    document["keys"][0]["key"].as_str().unwrap().trim_start_matches('~').to_owned()
}

/// A capture that was redacted when it was made.
fn shared(name: &str, hits: u64, redaction: Option<&str>) -> (tempfile::TempDir, std::path::PathBuf) {
    let key = if redaction.is_some() { "~0d7432fcc9d51408" } else { "user:1234" };
    let counted = interval(0, &[json!({"key": key, "hits": hits})]);
    let mut whole = String::from_utf8(capture(&[counted])).unwrap();
    if let Some(printed) = redaction {
        whole = whole.replacen("\"host\"", &format!("\"redaction\":{},\"host\"", json!(printed)), 1);
    }
    file(name, whole.as_bytes())
}

#[test]
fn a_comparison_requires_the_same_redaction_of_both_sides() {
    let (_before, before) = shared("before", 1_000, Some("Hashes with a secret from a file (id 1)."));
    let (_after, after) = shared("after", 100, Some("Hashes with a secret from a file (id 1)."));
    let (_other, other) = shared("other", 100, Some("Hashes with a secret from a file (id 2)."));
    let (_plain, plain) = shared("plain", 100, None);
    let diff = |after: &str, format: &str| output(&mut mctop(&["diff", text(&before), after, "--format", format]));
    let printed = diff(text(&after), "text");
    assert!(
        printed.lines().nth(2).unwrap().starts_with("~0d7432fcc9d51408: calls fell from 1,000/s to 100/s"),
        "{printed}"
    );
    assert!(!printed.contains("redacted in different ways"), "{printed}");
    for after in [&other, &plain] {
        let printed = diff(text(after), "text");
        let lines: Vec<&str> = printed.lines().collect();
        assert!(lines[1].starts_with("All: calls fell from 1,000/s to 100/s (1/10.0)"), "{printed}");
        assert!(lines[2].starts_with("The keys were redacted in different ways before and after"), "{printed}");
        assert!(lines[2].contains("--redact-key"), "{printed}");
        let document: Value = serde_json::from_str(&diff(text(after), "json")).unwrap();
        assert_eq!((&document["keys_same_names"], &document["keys_new"]), (&json!(false), &json!(0)));
        assert_eq!(document["before"]["redaction"], "Hashes with a secret from a file (id 1).");
        for format in ["markdown", "html"] {
            assert!(diff(text(after), format).contains("redacted in different ways"));
        }
    }
}

/// Both sides get the same random secret.
#[test]
fn captures_that_are_redacted_while_they_are_compared_can_be_compared() {
    let (_before, before) = shared("before", 1_000, None);
    let (_after, after) = shared("after", 100, None);
    let printed = output(&mut mctop(&["diff", text(&before), text(&after), "--redact", "--format", "json"]));
    let document: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!((&document["keys_same_names"], &document["keys_matching"]), (&json!(true), &json!(1)));
    let key = &document["keys"][0];
    assert_eq!((&key["presence"], &key["change"]["calls_factor"]), (&json!("both"), &json!(0.1)));
    assert!(key["key"].as_str().unwrap().starts_with('~') && !printed.contains("user:1234"), "{printed}");
}

#[test]
fn filters_match_redacted_keys() {
    assert_eq!(report(FLASH_SALE, &["--redact", "-f", "rails"])["keys_matching"], 0);
    assert!(report(FLASH_SALE, &["--redact=::.*", "-f", "rails"])["keys_matching"].as_u64().unwrap() > 0);
}

#[test]
fn invalid_secrets_are_refused() {
    let (_directory, short) = file("short", b"secret\n");
    let with = |key: &str| refusal_of(&["report", FLASH_SALE, "--redact", "--redact-key", key]);
    assert!(with(text(&short)).1.contains("6 bytes"));
    assert_eq!(with(text(&short)).0, 2);
    let endless = with("/dev/zero");
    assert!(endless.0 == 2 && endless.1.contains("16 to 4096"), "{endless:?}");
    let missing = with("/nonexistent/key");
    assert!(missing.0 == 1 && missing.1.contains("/nonexistent/key"), "{missing:?}");
}

fn refusal_of(arguments: &[&str]) -> (i32, String) {
    let said = run(arguments);
    assert_eq!(said.out, "");
    (said.code, said.paragraph().to_owned())
}
