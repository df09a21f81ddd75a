//! The characters of text for people: by locale and by setting.

use std::process::Command;

use mctop_test_support::captures::{footer, header, interval, lines};
use mctop_test_support::program::{self, mctop, text};
use serde_json::json;
use tempfile::TempDir;

/// Two captures with everything that has a symbol: ranges, TTLs, costs, gaps, changes; and with names beyond ASCII.
fn captures() -> (TempDir, String, String) {
    let keys = |factor: u64| {
        let mut keys = vec![
            json!({"key": "r\u{e9}sum\u{e9}:\u{65e5}\u{672c}", "hits": 900 * factor, "bytes_out": 9_000, "size": 10, "ttl": 30}),
            json!({"key": "\u{1f44d}\u{1f3fd}\u{202e}", "hits": 5, "misses": 5, "size": 10, "ttl": -1}),
            json!({"key_b64": "//57", "deletes": 3}),
        ];
        keys.extend((0..30).map(|n| json!({"key": format!("user:{n}"), "misses": 9, "sets": 1, "size": n, "ttl": n})));
        keys
    };
    let intervals = |factor| {
        let mut intervals: Vec<_> = (0..3).map(|second| interval(second, &keys(factor))).collect();
        intervals[1]["cost"] = json!({"hits": 900, "probes_ns": 900_000, "servers_ns": 90_000_000});
        let mut server = header()["targets"][0].clone();
        server["pid"] = json!(43);
        intervals[2]["changes"] = json!([
            {"change": "exited", "target": 0, "at_s": 2.1},
            {"change": "attached", "target": 0, "at_s": 2.2, "info": server},
            {"change": "refused", "reason": "Process 7 (\u{b5}cached) is not watched."},
        ]);
        intervals
    };
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str, factor| {
        let path = directory.path().join(name);
        let intervals = intervals(factor);
        let mut footer = footer(&intervals);
        footer["cost"] = intervals[1]["cost"].clone();
        let whole = [vec![header()], intervals, vec![footer]].concat();
        let whole = String::from_utf8(lines(&whole)).unwrap();
        std::fs::write(&path, whole.replace("\"web-1\"", "\"caf\u{e9}\"")).unwrap();
        text(&path).to_owned()
    };
    let (before, after) = (path("before\u{2026}", 1), path("apr\u{e8}s", 3));
    (directory, before, after)
}

/// The output of a command on both streams.
fn said(command: &mut Command) -> String {
    let output = command.output().unwrap();
    String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
}

fn in_locale(locale: &str, arguments: &[&str]) -> String {
    said(mctop(arguments).env("LC_ALL", locale))
}

#[test]
fn text_is_ascii_in_the_c_locale() {
    let (directory, before, after) = captures();
    let missing = directory.path().join("\u{b5}issing");
    let damaged = directory.path().join("dam\u{e4}ged");
    std::fs::write(&damaged, "{\"type\":\"header\",\"schema\":\"\u{2026}\"}\n").unwrap();
    let commands: &[&[&str]] = &[
        &["report", &before],
        &["report", &before, "-g", "auto", "-f", "r\u{e9}s or user:* or keys>0", "-n", "1"],
        &["report", &before, "-f", "\u{b5}"],
        &["diff", &before, &after],
        &["diff", &before, &after, "-g", "auto", "-n", "2"],
        &["doctor"],
        &["doctor", "--pid", "1"],
        &["replay", &before],
        &["report", text(&missing)],
        &["replay", text(&missing)],
        &["diff", &before, text(&damaged)],
        &["report", &before, "--strict"],
        &["report", &before, "--sort", "\u{b5}"],
        &["report", &before, "-f", "hit<\u{2026}"],
        &["--\u{2026}"],
        &["dump", "--pid", "1"],
        &["capture", "-o", text(&missing), "--pid", "1"],
        &["--config", text(&missing), "report", &before],
        &["--print-config"],
        &["--help"],
        &["dump", "--help"],
        &["capture", "--help"],
        &["report", "--help"],
        &["replay", "--help"],
        &["diff", "--help"],
        &["doctor", "--help"],
        &["man"],
        &["completions", "bash"],
        &["--version"],
    ];
    for arguments in commands {
        let said = in_locale("C", arguments);
        assert!(said.is_ascii() && !said.is_empty(), "{arguments:?}: {said}");
    }
    let table = in_locale("C", &["report", &before]);
    for part in [
        "r\\u{e9}sum\\u{e9}:\\u{65e5}\\u{672c}",
        "\\xff\\xfe{",
        "caf\\u{e9}",
        " | ",
        "us per trap",
        " never ",
        "before\\u{2026}",
        "(\\u{b5}cached)",
    ] {
        assert!(table.contains(part), "{part} is not in: {table}");
    }
    let diff = in_locale("C", &["diff", &before, &after]);
    assert!(diff.contains("before\\u{2026} -> ") && diff.contains("(x") && diff.contains(" -> "), "{diff}");
}

#[test]
fn the_setting_overrides_the_locale_in_every_command() {
    let (home, before, after) = captures();
    for arguments in [&["report", &before][..], &["diff", &before, &after]] {
        let (plain, rich) = (in_locale("C", arguments), in_locale("C.UTF-8", arguments));
        assert!(plain.is_ascii() && !rich.is_ascii() && !plain.starts_with("mctop: "), "{rich}");
        let config = home.path().join("config.toml");
        std::fs::write(&config, "symbols = \"ascii\"\n").unwrap();
        let config = text(&config);
        for (locale, variable, options, wanted) in [
            ("C", "", &["--symbols", "unicode"][..], &rich),
            ("C.UTF-8", "", &["--symbols", "ascii"], &plain),
            ("C.UTF-8", "ascii", &[], &plain),
            ("C", "unicode", &[], &rich),
            ("C.UTF-8", "ascii", &["--symbols=auto"], &rich),
            ("C.UTF-8", "", &["--config", config], &plain),
            ("C.UTF-8", "unicode", &["--config", config], &rich),
        ] {
            for order in [[arguments, options].concat(), [options, arguments].concat()] {
                let printed = said(mctop(&order).env("LC_ALL", locale).env("MCTOP_SYMBOLS", variable));
                assert_eq!(printed, *wanted, "{order:?}, {locale}, {variable:?}");
            }
        }
    }
    let doctor = |locale, symbols| in_locale(locale, &["--symbols", symbols, "doctor"]);
    assert!(doctor("C.UTF-8", "ascii").is_ascii() && !doctor("C", "unicode").is_ascii());
    let wrong = program::said(mctop(&["report", &before]).env("MCTOP_SYMBOLS", "emoji"));
    assert_eq!((wrong.code, &*wrong.out), (2, ""));
    assert!(wrong.paragraph().contains("MCTOP_SYMBOLS") && wrong.err.contains("auto, unicode, ascii"), "{wrong:?}");
    // Also where the arguments are wrong, so that no settings were read.
    let wrong = said(mctop(&["report", "--\u{2026}"]).env("MCTOP_SYMBOLS", "ascii"));
    assert!(wrong.is_ascii() && wrong.contains("\\u{2026}"), "{wrong}");
    // Also where the settings are those of a live table.
    let missing = home.path().join("m\u{e9}moire");
    let refused = in_locale("C.UTF-8", &["replay", text(&missing), "--symbols", "ascii"]);
    assert!(refused.is_ascii(), "{refused}");
}

#[test]
fn machine_formats_ignore_the_locale_and_documents_follow_the_setting_only() {
    let (_directory, before, after) = captures();
    for format in ["json", "ndjson", "csv"] {
        let arguments = ["report", &*before, "--format", format];
        let rich = in_locale("C.UTF-8", &arguments);
        assert!(!rich.is_ascii());
        assert_eq!(in_locale("C", &arguments), rich);
        assert_eq!(in_locale("C", &[&arguments[..], &["--symbols", "ascii"]].concat()), rich);
    }
    let diff = ["diff", &*before, &*after, "--format"];
    let rich = in_locale("C.UTF-8", &[&diff[..], &["json"]].concat());
    assert_eq!(in_locale("C", &[&diff[..], &["json", "--symbols", "ascii"]].concat()), rich);
    for format in ["markdown", "html"] {
        for command in [&["report", &*before, "--format", format][..], &[&diff[..], &[format]].concat()] {
            let rich = in_locale("C.UTF-8", command);
            assert!(rich.contains("caf\u{e9}"), "{rich}");
            assert_eq!(in_locale("C", command), rich);
            let plain = said(mctop(command).env("MCTOP_SYMBOLS", "ascii"));
            assert!(plain.is_ascii() && plain.contains("caf\\"), "{plain}");
        }
    }
}

#[test]
#[ignore = "needs root"]
fn errors_about_servers_are_ascii_in_the_c_locale() {
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("sl\u{e9}\u{e9}p\u{2026}");
    std::fs::copy("/usr/bin/sleep", &program).unwrap();
    let mut process = Command::new(&program).arg("60").spawn().unwrap();
    let said = in_locale("C", &["dump", "--pid", &process.id().to_string()]);
    process.kill().unwrap();
    process.wait().unwrap();
    assert!(said.is_ascii() && said.contains("is not a memcached"), "{said}");
}
