//! `mctop report` on complete captures.

use mctop::internal::COLUMNS;
use mctop_test_support::captures::{capture, interval};
use mctop_test_support::program::{FLASH_SALE, HOT_KEY, file, mctop, output, report, text};
use serde_json::{Value, json};

/// All operations and the number of distinct keys in the capture.
fn recorded() -> (u64, usize) {
    let text = std::fs::read_to_string(FLASH_SALE).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let total = &lines.last().unwrap()["total"];
    let calls = ["hits", "misses", "sets", "deletes", "other"].iter().filter_map(|field| total[field].as_u64()).sum();
    let entries = lines.iter().filter_map(|line| line["keys"].as_array()).flatten();
    let keys: std::collections::BTreeSet<&str> = entries.map(|entry| entry["key"].as_str().unwrap()).collect();
    (calls, keys.len())
}

fn sum(keys: &Value, field: &str) -> u64 {
    keys.as_array().unwrap().iter().map(|key| key[field].as_u64().unwrap_or(0)).sum()
}

#[test]
fn the_table_is_marked_as_recorded_and_shows_the_hot_key_first() {
    let table = output(&mut mctop(&["report", FLASH_SALE, "--no-hints"]));
    let lines: Vec<&str> = table.lines().collect();
    assert!(lines[0].starts_with("RECORDED in ") && lines[0].ends_with("flash-sale.capture.ndjson"), "{table}");
    let rows = lines.iter().position(|line| line.trim_start().starts_with('#')).unwrap();
    let headers: Vec<&str> = lines[rows].split_whitespace().collect();
    let expected =
        COLUMNS.iter().map(|declaration| declaration.header).filter(|header| !["PID", "KEYS"].contains(header));
    assert_eq!(headers, ["#"].into_iter().chain(expected).collect::<Vec<_>>());
    let first: Vec<&str> = lines[rows + 1].split_whitespace().collect();
    assert_eq!(first[..2], ["1", HOT_KEY]);
    assert!(lines[rows + 1].contains("13,961 B"), "{table}");
    assert_eq!(lines.len() - rows - 1, recorded().1, "every key has a row");
}

#[test]
fn the_totals_are_the_sums_of_keys_and_untracked() {
    let document = report(FLASH_SALE, &[]);
    assert_eq!(document["schema"], "mctop.snapshot/1");
    assert_eq!((&document["origin"], &document["interrupted"]), (&json!("recorded"), &json!(false)));
    let (totals, keys) = (&document["totals"], &document["keys"]);
    for field in ["calls", "gets", "hits", "misses", "sets", "deletes", "other", "bytes"] {
        let untracked = document["loss"][format!("untracked_{field}")].as_u64().unwrap_or(0);
        let total = totals[field].as_u64().unwrap_or(0);
        assert_eq!(total, sum(keys, field) + untracked, "{field}");
    }
    assert_eq!(totals["calls"], recorded().0);
    assert_eq!(document["keys_tracked"].as_u64(), Some(keys.as_array().unwrap().len() as u64));
}

#[test]
fn the_hot_key_is_first_by_calls_and_by_bandwidth() {
    for more in [&[][..], &["-s", "calls"], &["-s", "bandwidth"], &["--sort=share-bytes"]] {
        let hot = &report(FLASH_SALE, more)["keys"][0];
        assert_eq!((&hot["key"], &hot["size"], &hot["ttl"]), (&json!(HOT_KEY), &json!(13_961), &json!(30)));
    }
}

#[test]
fn every_column_sorts() {
    let field = |name: &str| match name {
        "key" | "hit" => None,
        "rate" | "share" => Some("calls".to_owned()),
        "bandwidth" | "share-bytes" => Some("bytes".to_owned()),
        other => Some(other.to_owned()),
    };
    // One interval of a real capture has figures for every column.
    let recorded = std::fs::read_to_string(FLASH_SALE).unwrap();
    let recorded: Vec<Value> = recorded.lines().take(2).map(|line| serde_json::from_str(line).unwrap()).collect();
    let (_directory, path) = file("sorted", &capture(&recorded[1..]));
    for declaration in COLUMNS {
        let document = report(text(&path), &["--sort", declaration.name]);
        assert_eq!(document["sort"], declaration.name);
        let keys = document["keys"].as_array().unwrap();
        let name = |key: &Value| key["key"].as_str().unwrap().to_owned();
        let sorted = match field(declaration.name) {
            // Keys that never expire come first, and unknown figures last.
            Some(field) => keys.is_sorted_by_key(|key| {
                let figure = key[&field].as_i64();
                let figure = figure.map(|figure| if figure == -1 { i64::MAX } else { figure }).unwrap_or(i64::MIN);
                (std::cmp::Reverse(figure), name(key))
            }),
            None if declaration.name == "key" => keys.is_sorted_by_key(name),
            None => keys.is_sorted_by(|a, b| {
                let ratio = |key: &Value| {
                    let (hits, gets) = (key["hits"].as_f64().unwrap_or(0.0), key["gets"].as_f64().unwrap());
                    if gets == 0.0 { -1.0 } else { hits / gets }
                };
                ratio(a) >= ratio(b)
            }),
        };
        assert!(sorted, "not sorted by {}", declaration.name);
    }
}

#[test]
fn a_limit_is_kept_and_the_number_of_omitted_keys_shown() {
    let (calls, all) = recorded();
    for (limit, left) in [(0, all), (3, all - 3), (all - 1, 1), (all, 0), (all + 1, 0)] {
        let limit_text = limit.to_string();
        let document = report(FLASH_SALE, &["-n", &limit_text]);
        assert_eq!(document["keys"].as_array().unwrap().len(), all - left);
        assert_eq!((&document["keys_shown"], &document["keys_tracked"]), (&json!(all - left), &json!(all)));
        assert_eq!(document["totals"]["calls"], calls, "the totals are of all keys");
        let table = output(&mut mctop(&["report", FLASH_SALE, "--no-hints", "--limit", &limit_text]));
        // Thousands are separated.
        let printed = table.lines().last().unwrap().replace(',', "");
        let expected = format!("… and {left} more key{}", if left == 1 { "" } else { "s" });
        assert_eq!(printed == expected, left > 0, "{printed}");
    }
}

#[test]
fn keys_of_a_family_are_one_row() {
    let (calls, all) = recorded();
    for source in ["auto", ":2", "-1", r"/^(.*)-\d+$/"] {
        let document = report(FLASH_SALE, &["-g", source]);
        let rows = document["keys"].as_array().unwrap();
        assert_eq!(document["grouping"]["by"], source);
        assert_eq!(
            (&document["grouping"]["rows"], &document["grouping"]["rows_shown"]),
            (&json!(rows.len()), &json!(rows.len()))
        );
        assert_eq!((&document["keys_tracked"], sum(&document["keys"], "keys")), (&json!(all), all as u64));
        assert_eq!((&document["totals"]["calls"], sum(&document["keys"], "calls")), (&json!(calls), calls));
        let family = rows.iter().find(|row| row["group"] == true).unwrap();
        assert!(family["keys"].as_u64().unwrap() > 1 && family["key"].as_str().unwrap().ends_with('*'), "{family}");
        assert!(rows.len() < all);
    }
    let document = report(FLASH_SALE, &["--group=auto", "--filter", "keys>1", "-n", "1", "-s", "keys"]);
    let shop = &document["keys"][0];
    assert_eq!((&shop["key"], &shop["group"]), (&json!("podYYY:rails:NN::shop-*"), &json!(true)));
    assert_eq!(shop["keys"], document["keys_shown"]);
    let hot = &report(FLASH_SALE, &["--group=auto"])["keys"][0];
    assert_eq!(
        (&hot["key"], &hot["group"], &hot["keys"], &hot["size"]),
        (&json!(HOT_KEY), &json!(false), &json!(1), &json!(13_961))
    );
}

#[test]
fn hints_are_shown_and_can_be_switched_off() {
    let table = output(&mut mctop(&["report", FLASH_SALE]));
    let (_, hints) = table.split_once("\nHints\n").unwrap();
    assert!(hints.starts_with(&format!("- hot key · {HOT_KEY} · ")) && hints.contains("% of all calls"), "{hints}");
    let hint = &report(FLASH_SALE, &["--hints", "hot-key,stampede"])["hints"][0];
    assert_eq!((&hint["kind"], &hint["key"], &hint["keys"]), (&json!("hot-key"), &json!(HOT_KEY), &json!(1)));
    assert!(hint["evidence"].as_str().unwrap().contains("% of all bytes") && hint["impact"].as_f64().unwrap() > 0.9);
    assert_eq!(report(FLASH_SALE, &["--hints=set-storm"])["hints"], json!([]));
    assert!(!output(&mut mctop(&["report", FLASH_SALE, "--hints=set-storm"])).contains("Hints"));
    assert_eq!(report(FLASH_SALE, &["--no-hints"]).get("hints"), None);
    let failure = mctop(&["report", FLASH_SALE, "--hints", "bugs"]).output().unwrap();
    assert_eq!(failure.status.code(), Some(2));
    let said = String::from_utf8(failure.stderr).unwrap();
    assert!(said.contains("unknown hint \"bugs\"; valid hints: never-hits,"), "{said}");
}

/// A cache that never worked: a thousand keys, none of them conspicuous.
#[test]
fn a_family_that_never_hits_is_named_in_every_view() {
    let keys: Vec<Value> = (0..1_000)
        .map(|n| json!({"key": format!("product:{n}"), "misses": 3, "sets": 1, "size": 0, "ttl": 0}))
        .collect();
    let (_directory, path) = file("never", &capture(&[interval(0, &keys), interval(1, &keys)]));
    for more in [&[][..], &["-g", ":1"], &["-s", "sets", "-n", "1"]] {
        let hints = report(text(&path), more)["hints"].clone();
        assert_eq!(hints.as_array().unwrap().len(), 1, "{hints:#}");
        let hint = &hints[0];
        assert_eq!(
            (&hint["kind"], &hint["key"], &hint["keys"]),
            (&json!("never-hits"), &json!("product:*"), &json!(1_000))
        );
        let evidence = "none of 6,000 reads in 2.0 s hit; 2,000 sets, largest value last seen 0 B";
        assert_eq!(hint["evidence"], evidence);
    }
}

#[test]
fn a_grouped_table_shows_the_grouping() {
    let all = recorded().1;
    let table = output(&mut mctop(&["report", FLASH_SALE, "-g", "auto", "-n", "2", "--no-hints"]));
    let lines: Vec<&str> = table.lines().collect();
    assert!(
        lines
            .iter()
            .any(|line| line.contains(&format!("{all} keys in ")) && line.contains(" rows, grouped by auto, by calls")),
        "{table}"
    );
    let rows = lines.iter().position(|line| line.trim_start().starts_with('#')).unwrap();
    assert_eq!(lines[rows].split_whitespace().take(4).collect::<Vec<_>>(), ["#", "KEY", "KEYS", "CALLS"]);
    assert!(lines[rows + 1].contains(HOT_KEY) && lines[rows + 2].contains("shop-*"), "{table}");
    assert!(table.ends_with(" more rows\n") || table.ends_with(" more row\n"), "{table}");
    let failure = mctop(&["report", FLASH_SALE, "-g", "x:2"]).output().unwrap();
    assert_eq!(failure.status.code(), Some(2));
    let said = String::from_utf8(failure.stderr).unwrap();
    assert!(said.contains("for '--group <PATTERN>': expected auto, a separator and a depth"), "{said}");
}

#[test]
fn a_capture_in_which_nothing_happened() {
    let (_directory, path) = file("quiet", &capture(&[interval(0, &[]), interval(1, &[])]));
    let table = output(&mut mctop(&["report", text(&path)]));
    assert!(table.contains("0 calls") && table.contains("No operations were seen"), "{table}");
    let document = report(text(&path), &[]);
    assert_eq!((&document["totals"]["calls"], &document["duration_s"]), (&json!(0), &json!(2.0)));
    let (_directory, path) = file("none", &capture(&[]));
    assert_eq!(report(text(&path), &[])["duration_s"], 0.0);
}

#[test]
fn an_interrupted_capture_is_marked() {
    let whole = String::from_utf8(capture(&[interval(0, &[json!({"key": "a", "hits": 1})])])).unwrap();
    let (_directory, path) = file("early", whole.replace("\"interrupted\":false", "\"interrupted\":true").as_bytes());
    assert_eq!(report(text(&path), &[])["interrupted"], true);
    assert!(output(&mut mctop(&["report", text(&path)])).contains("interrupted"));
}

#[test]
fn keys_of_any_bytes_are_escaped_in_text_and_exact_in_json() {
    let keys = [
        json!({"key": "\u{1b}]0;owned\u{7}", "hits": 3}),
        json!({"key": "back\\slash\u{202e}", "hits": 2}),
        json!({"key_b64": "//57", "hits": 1}),
    ];
    let (_directory, path) = file("hostile", &capture(&[interval(0, &keys)]));
    let table = output(&mut mctop(&["report", text(&path)]));
    for shown in ["\\x1b]0;owned\\x07", "back\\\\slash\\u{202e}", "\\xff\\xfe{"] {
        assert!(table.contains(shown), "{shown} is not in: {table}");
    }
    assert!(!table.contains(|c: char| c.is_control() && c != '\n'), "{table:?}");
    let written = output(&mut mctop(&["report", text(&path), "--format", "json"]));
    assert!(!written.contains(|c: char| c == '\u{202e}' || c.is_control() && c != '\n'), "{written:?}");
    let document: Value = serde_json::from_str(&written).unwrap();
    assert_eq!(document["keys"][0]["key"], "\u{1b}]0;owned\u{7}");
    assert_eq!(document["keys"][1]["key"], "back\\slash\u{202e}");
    assert_eq!(document["keys"][2]["key_b64"], "//57");
}

#[test]
fn control_characters_in_the_header_are_escaped() {
    let evil = "\u{1b}[31mevil\r\n\u{9b}2J";
    let mut whole = String::from_utf8(capture(&[interval(0, &[json!({"key": "a", "hits": 1})])])).unwrap();
    for honest in ["web-1", "6.1.0", "1.6.18", "127.0.0.1:11211", "/usr/bin/memcached"] {
        whole = whole.replace(&format!("\"{honest}\""), &serde_json::to_string(evil).unwrap());
    }
    whole = whole.replace("\"notes\":[]", "\"notes\":[\"\\u001b[2Jnote\"]");
    let (_directory, path) = file("evil\u{1b}[2J", whole.as_bytes());
    let table = output(&mut mctop(&["report", text(&path)]));
    assert!(table.contains("evil") && table.contains("note"), "{table}");
    assert!(!table.contains(|c: char| c.is_control() && c != '\n'), "{table:?}");
}

#[test]
fn equal_keys_of_two_servers_are_two_rows() {
    let keys = [json!({"key": "same", "hits": 1}), json!({"key": "same", "hits": 2, "target": 1})];
    let mut whole = String::from_utf8(capture(&[interval(0, &keys)])).unwrap();
    let target = mctop_test_support::captures::header()["targets"][0].to_string();
    whole = whole.replace(&target, &format!("{target},{}", target.replace("42", "43")));
    let (_directory, path) = file("two", whole.as_bytes());
    let table = output(&mut mctop(&["report", text(&path)]));
    let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().take(4).collect()).collect();
    assert!(rows.contains(&vec!["#", "KEY", "PID", "CALLS"]), "{table}");
    assert!(rows.contains(&vec!["1", "same", "43", "2"]) && rows.contains(&vec!["2", "same", "42", "1"]), "{table}");
}

#[test]
fn each_gap_names_the_process_that_followed() {
    let server = |pid: u32| {
        let mut server = mctop_test_support::captures::header()["targets"][0].clone();
        server["pid"] = json!(pid);
        server
    };
    let restart = |second: u64, pid: u32| {
        let mut interval = interval(second, &[json!({"key": "a", "hits": 1})]);
        let at = second as f64;
        interval["changes"] = json!([
            {"change": "exited", "target": 0, "at_s": at + 0.2},
            {"change": "attached", "target": 0, "at_s": at + 0.4, "info": server(pid)},
        ]);
        interval
    };
    let mut late = restart(3, 45);
    let appeared = json!({"change": "attached", "target": 1, "at_s": 3.7, "info": server(50)});
    late["changes"].as_array_mut().unwrap().push(appeared);
    let mut last = interval(4, &[json!({"key": "a", "hits": 1})]);
    last["changes"] = json!([
        {"change": "exited", "target": 1, "at_s": 4.2},
        {"change": "attached", "target": 1, "at_s": 4.4, "info": server(51)},
        {"change": "exited", "target": 0, "at_s": 4.7},
    ]);
    let intervals = [interval(0, &[]), restart(1, 43), restart(2, 44), late, last];
    let (_directory, path) = file("restarts", &capture(&intervals));
    let gaps = [
        "GAP: pid 42 had exited by 1.2 s; pid 43 is watched in its place from 1.4 s",
        "GAP: pid 43 had exited by 2.2 s; pid 44 is watched in its place from 2.4 s",
        "GAP: pid 44 had exited by 3.2 s; pid 45 is watched in its place from 3.4 s",
        "pid 50 appeared and is watched from 3.7 s",
        "GAP: pid 50 had exited by 4.2 s; pid 51 is watched in its place from 4.4 s",
        "GAP: pid 45 had exited by 4.7 s; no process has taken its place",
    ];
    for format in ["table", "markdown", "html"] {
        let printed = output(&mut mctop(&["report", text(&path), "--format", format]));
        let printed: Vec<&str> = printed.lines().filter_map(|line| line.get(line.find("pid ")?..)).collect();
        for gap in gaps {
            let gap = gap.trim_start_matches("GAP: ");
            assert!(printed.iter().any(|line| line.starts_with(gap)), "{gap} is not in {printed:#?}");
        }
    }
    let pids: Vec<_> =
        report(text(&path), &[])["gaps"].as_array().unwrap().iter().map(|gap| gap["new_pid"].clone()).collect();
    assert_eq!(json!(pids), json!([43, 44, 45, 50, 51, null]));
}

#[test]
fn filters_match_keys_as_they_are_shown() {
    let keys = [
        json!({"key_b64": "YmFk/w==", "hits": 1}),
        json!({"key": "tab\there", "hits": 1}),
        json!({"key": "{:raw=>true}", "hits": 1}),
        json!({"key": "\u{65e5}\u{202e}", "hits": 1}),
        json!({"key": "plain", "hits": 1}),
    ];
    let (_directory, path) = file("shown", &capture(&[interval(0, &keys)]));
    for (filter, shown) in [
        ("bad\\xff", "bad\\xff"),
        ("tab\\x09here", "tab\\x09here"),
        ("{:raw=>true}", "{:raw=>true}"),
        ("\"{:raw=>true}\"", "{:raw=>true}"),
        ("\\u{65e5}\\u{202e}", "\u{65e5}\\u{202e}"),
        ("\u{65e5}", "\u{65e5}\\u{202e}"),
        ("pl\u{2026}in", "plain"),
    ] {
        let table = output(&mut mctop(&["report", text(&path), "--no-hints", "-f", filter]));
        let row = table.lines().last().unwrap();
        assert!(table.contains("1 of 5 keys match") && row.starts_with(&format!("1  {shown} ")), "{filter}: {table}");
    }
}
