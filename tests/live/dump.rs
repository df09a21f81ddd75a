//! `mctop dump`: its formats, what ends it, and its exit codes.

use std::io::Write;
use std::process::Stdio;
use std::thread::sleep;
use std::time::Duration;

use mctop_test_support::observer::{Document, Observer};
use mctop_test_support::program::mctop;
use mctop_test_support::schema::Judge;
use mctop_test_support::server::Server;
use rustix::process::Signal;
use serde_json::Value;

/// Requests with every verb, on keys of every kind.
const REQUESTS: &[u8] = b"set plain 0 300 5\r\nhello\r\nget plain\r\nget missing\r\ndelete plain\r\nincr no 1\r\n\
                          get =1+1\r\nget \xff\xfe\r\nget a|`b`\r\nget user:1234:cart\r\n";
const CALLS: u64 = 9;

fn dump(server: &Server, options: &[&str]) -> Observer {
    Observer::run(&[&["dump", "--pid", &server.pid().to_string(), "-d", "60s"], options].concat())
}

/// The output for [`REQUESTS`] in a format.
fn printed(server: &Server, options: &[&str]) -> String {
    let observer = dump(server, options);
    server.connect().ask_bytes(REQUESTS);
    observer.signal(Signal::INT);
    let (code, out, errors) = observer.ended();
    assert_eq!((code, &*errors), (Some(0), ""));
    out
}

#[test]
#[ignore = "needs root, eBPF and memcached"]
fn all_formats_have_the_same_figures() {
    let server = Server::start(&[]);
    let document: Value = serde_json::from_str(&printed(&server, &["--format", "json"])).unwrap();
    Judge::of("snapshot-1").accept(&document);
    assert_eq!(document["totals"]["calls"], CALLS);
    let judge = Judge::of("snapshot-lines-1");
    let lines = printed(&server, &["--format", "ndjson"]);
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    lines.iter().for_each(|line| judge.accept(line));
    assert_eq!(lines[0]["totals"]["calls"], CALLS);
    assert_eq!(lines[1..].iter().map(|line| line["calls"].as_u64().unwrap()).sum::<u64>(), CALLS);
    assert_eq!(lines.len() as u64 - 1, lines[0]["keys_shown"].as_u64().unwrap());
    let csv = printed(&server, &["--format", "csv"]);
    let rows: Vec<csv::StringRecord> = csv::Reader::from_reader(csv.as_bytes()).records().map(Result::unwrap).collect();
    assert_eq!((&rows[0][0], &rows[0][7]), ("total", &*CALLS.to_string()));
    assert_eq!(rows.len(), lines.len());
    assert!(rows.iter().any(|row| &row[5] == "'=1+1" && &row[6] == "PTErMQ=="), "{csv}");
    let markdown = printed(&server, &["--format", "markdown"]);
    assert!(markdown.contains("| ``a\\|`b` `` |") || markdown.contains("| `` a\\|`b` `` |"), "{markdown}");
    let table = printed(&server, &["--format", "table"]);
    for printed in [&markdown, &table] {
        assert!(
            printed.contains("9 calls") && printed.contains("lost: nothing") && printed.contains("interrupted"),
            "{printed}"
        );
    }
}

#[test]
#[ignore = "needs root, eBPF and memcached"]
fn text_is_ascii_in_the_c_locale() {
    let server = Server::start(&[]);
    let dumping = mctop(&["--symbols", "auto", "-v", "dump", "-d", "3s", "--pid", &server.pid().to_string()])
        .env("LC_ALL", "C")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut client = server.connect();
    for _ in 0..25 {
        client.ask_bytes("set r\u{e9}sum\u{e9} 0 0 2\r\nhi\r\nget r\u{e9}sum\u{e9}\r\n".as_bytes());
        sleep(Duration::from_millis(100));
    }
    let output = dumping.wait_with_output().unwrap();
    let (out, errors) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(out.is_ascii() && errors.is_ascii(), "{out}{errors}");
    assert!(out.contains(" | ") && out.contains("r\\u{e9}sum\\u{e9} ") && out.contains(" never "), "{out}");
    assert!(errors.contains("watching for 3s"), "{errors}");
}

#[test]
#[ignore = "needs root, eBPF and memcached"]
fn an_interrupt_right_at_the_start_prints_an_empty_dump() {
    let server = Server::start(&[]);
    let observer = dump(&server, &["--format", "json"]);
    observer.signal(Signal::INT);
    let (document, errors) = observer.wait();
    assert_eq!((&document.0["interrupted"], &document.0["totals"]["calls"], &*errors), (&true.into(), &0.into(), ""));
    assert!(document.0["duration_s"].as_f64().unwrap() < 60.0);
}

#[test]
#[ignore = "needs root, eBPF and memcached"]
fn waiting_ends_when_the_condition_holds() {
    let server = Server::start(&[]);
    let observer = dump(&server, &["--format", "json", "--wait-for", "/^hot$/ and calls>=3"]);
    server.connect().ask("get cold\r\nget cold\r\nget cold\r\nget hot\r\nget hot\r\nget hot\r\n");
    // It ends long before its time is up.
    let (document, errors) = observer.wait();
    assert_eq!((&document.0["interrupted"], &*errors), (&false.into(), ""));
    assert_eq!(document.key("hot")["calls"], 3);
    let notes = document.0["notes"].to_string();
    assert!(notes.contains("/^hot$/ and calls>=3 matched in the interval"), "{notes}");
}

#[test]
#[ignore = "needs root, eBPF and memcached"]
fn a_condition_that_never_holds_is_a_failure_after_the_output() {
    let server = Server::start(&[]);
    let pid = server.pid().to_string();
    let observer = Observer::run(&["dump", "--pid", &pid, "-d", "1s", "--format", "json", "--wait-for", "/never/"]);
    let (code, out, errors) = observer.ended();
    assert_eq!(code, Some(1), "{errors}");
    assert!(errors.starts_with("mctop: No key matched /never/ in any interval within 1s."), "{errors}");
    let document: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(document["interrupted"], false);
    assert!(document["notes"].to_string().contains("/never/ never matched in"), "{document:#}");
}

#[test]
#[ignore = "needs root, eBPF and memcached"]
fn losses_are_an_exit_code_with_strict() {
    let server = Server::start(&[]);
    let requests: String = (0..20_000).map(|n| format!("get key-{n}\r\n")).collect();
    let lossy = |command: &[&str]| {
        let observer = Observer::run(&[command, &["--pid", &server.pid().to_string(), "--memory", "1M"]].concat());
        server.connect().ask(&requests);
        observer.signal(Signal::INT);
        observer.ended()
    };
    let (code, out, errors) = lossy(&["dump", "-d", "60s", "--format", "json", "--strict"]);
    assert_eq!(code, Some(5), "{errors}");
    assert!(errors.contains("Something was lost") && errors.contains(" untracked"), "{errors}");
    Document(serde_json::from_str(&out).unwrap()).assert_sums();
    let (code, _, errors) = lossy(&["dump", "-d", "60s"]);
    assert_eq!((code, &*errors), (Some(0), ""));
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("capture");
    let (code, out, errors) = lossy(&["capture", "-d", "60s", "--strict", "-o", file.to_str().unwrap()]);
    assert_eq!((code, &*out), (Some(5), ""), "{errors}");
    assert!(errors.contains("Something was lost"), "{errors}");
    assert!(std::fs::read_to_string(file).unwrap().contains("\"type\":\"footer\""));
}

#[test]
#[ignore = "needs root, eBPF and memcached"]
fn redacted_keys_are_in_no_output() {
    let server = Server::start(&[]);
    let mut secret = tempfile::NamedTempFile::new().unwrap();
    secret.write_all(b"0123456789abcdef\n").unwrap();
    let key = secret.path().to_str().unwrap();
    let written = printed(&server, &["--format", "json", "--redact=user:(\\d+)", "--redact-key", key]);
    assert!(!written.contains("1234:cart"), "{written}");
    let document = Document(serde_json::from_str(&written).unwrap());
    Judge::of("snapshot-1").accept(&document.0);
    document.assert_sums();
    assert_eq!(document.key("user:~0d7432fcc9d51408:cart")["calls"], 1);
    assert_eq!(document.key("plain")["calls"], 3);
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("capture");
    let pid = server.pid().to_string();
    let observer = Observer::run(&["capture", "--pid", &pid, "-d", "60s", "--redact", "-o", file.to_str().unwrap()]);
    server.connect().ask_bytes(REQUESTS);
    observer.signal(Signal::INT);
    assert_eq!(observer.ended(), (Some(0), String::new(), String::new()));
    let capture = std::fs::read_to_string(file).unwrap();
    for secret in ["plain", "cart", "1234", "=1+1", "//4="] {
        assert!(!capture.contains(&format!("\"{secret}")), "{secret} is in {capture}");
    }
    assert!(capture.contains("\"redaction\":\"Every key is replaced by ~"), "{capture}");
}
