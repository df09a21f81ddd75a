//! Captures of a real server: compared with a dump, before and after a fix, and when mctop is killed.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use mctop_test_support::client::Client;
use mctop_test_support::observer::{Document, Observer};
use mctop_test_support::program::{self, mctop, mctop_path, output, prepared, run, said, text};
use mctop_test_support::server::Server;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

const HOT: &str = "podYYY:rails:NN::feature_rollout:percentages";
const SIZE: usize = 13_961;

/// Starts a capture of a server.
fn record(server: &Server, path: &Path, options: &[&str]) -> Observer {
    record_by(mctop(&[]), server, path, options)
}

/// As [`record`], by a command that becomes mctop.
fn record_by(mut mctop: Command, server: &Server, path: &Path, options: &[&str]) -> Observer {
    mctop.args(["capture", "-i", "200ms", "-d", "60s", "--pid", &server.pid().to_string(), "-o", text(path)]);
    Observer::spawn(mctop.args(options))
}

/// Ends a capture.
fn finish(capture: Observer) {
    capture.signal(Signal::INT);
    let (code, _, errors) = capture.ended();
    assert_eq!(code, Some(0), "{errors}");
}

fn report(path: &Path) -> Document {
    Document(program::report(text(path), &[]))
}

/// Stores the hot key and some others; their values are as large as in the incident.
fn store(client: &mut Client) {
    let value = "v".repeat(SIZE);
    client.ask(&format!("set {HOT} 1 300 {SIZE}\r\n{value}\r\n"));
    for shop in 0..10 {
        client.ask(&format!("set shop:{shop} 0 0 5\r\nhello\r\n"));
    }
}

fn read(client: &mut Client, key: &str, times: usize) {
    for _ in 0..times.div_ceil(100) {
        client.ask(&format!("get {key}\r\n").repeat(times.min(100)));
    }
}

#[test]
#[ignore = "needs root, eBPF and memcached"]
fn a_report_equals_a_dump_of_the_same_time() {
    let server = Server::start(&[]);
    let directory = tempfile::tempdir().unwrap();
    let mut client = server.connect();
    // Both watch before the first request, and until after the last.
    let observer = Observer::start(&server, &[]);
    let [path, few] = ["sale.ndjson.zst", "few.ndjson"].map(|name| directory.path().join(name));
    let captures = [record(&server, &path, &[]), record(&server, &few, &["--keys", "1"])];
    store(&mut client);
    read(&mut client, HOT, 2_000);
    read(&mut client, "shop:1", 300);
    read(&mut client, "nowhere", 100);
    captures.into_iter().for_each(finish);
    let dump = observer.finish();
    let report = report(&path);
    for document in [&dump, &report] {
        document.assert_whole();
    }
    let figures = |document: &Document| {
        let mut keys: Vec<Value> = document.keys().to_vec();
        for key in &mut keys {
            let key = key.as_object_mut().unwrap();
            // Rates and TTLs depend on when each of them started and ended.
            key.retain(|name, _| !name.ends_with("_per_s") && name != "ttl");
        }
        keys.sort_by_key(|key| key["key"].to_string());
        keys
    };
    assert_eq!(figures(&report), figures(&dump));
    for total in ["calls", "gets", "hits", "misses", "sets", "bytes", "bytes_in", "bytes_out"] {
        assert_eq!(report.total(total), dump.total(total), "{total}");
    }
    // Sums hold also where only one key per interval was kept.
    let few: Document = self::report(&few);
    let keys: u64 = few.keys().iter().map(|key| key["calls"].as_u64().unwrap()).sum();
    assert_eq!(keys + few.0["others"]["calls"].as_u64().unwrap_or(0), few.total("calls"));
    assert_eq!(few.total("calls"), dump.total("calls"));
    assert!(few.keys().len() < dump.keys().len());
}

/// A flash sale before and after clients cache the hot key, which is then read a hundredth as often.
#[test]
#[ignore = "needs root, eBPF and memcached"]
fn a_fix_shows_in_the_first_lines_of_a_comparison() {
    let server = Server::start(&[]);
    let directory = tempfile::tempdir().unwrap();
    let mut client = server.connect();
    store(&mut client);
    let mut sale = |name: &str, hot: usize, at_least: Duration| {
        let path = directory.path().join(name);
        let capture = record(&server, &path, &[]);
        read(&mut client, HOT, hot);
        read(&mut client, "shop:1", 20);
        sleep(at_least);
        finish(capture);
        path
    };
    let before = sale("before.ndjson", 20_000, Duration::ZERO);
    // At least as long as the first, so that no rate has risen.
    let window = report(&before).0["duration_s"].as_f64().unwrap();
    let after = sale("after.ndjson", 200, Duration::from_secs_f64(window));
    let paths = [before.to_str().unwrap(), after.to_str().unwrap()];
    let difference: Value =
        serde_json::from_str(&output(&mut mctop(&["diff", paths[0], paths[1], "--format", "json"]))).unwrap();
    let hot = &difference["keys"][0];
    assert_eq!(hot["key"], HOT);
    assert_eq!((&hot["before"]["calls"], &hot["after"]["calls"]), (&20_000.into(), &200.into()));
    let size = SIZE as u64;
    assert_eq!(hot["before"]["bytes_out"], 20_000 * size);
    assert_eq!(hot["after"]["bytes_out"], 200 * size);
    // The factor is one of rates, because the captures differ in length.
    let seconds = |side: &str| difference[side]["duration_s"].as_f64().unwrap();
    let factor = (200.0 / seconds("after")) / (20_000.0 / seconds("before"));
    for name in ["calls_factor", "bytes_factor"] {
        let printed = hot["change"][name].as_f64().unwrap();
        assert!((printed / factor - 1.0).abs() < 1e-6, "{name}: {printed} is not {factor}");
    }
    let text = output(&mut mctop(&["diff", paths[0], paths[1]]));
    let lines: Vec<&str> = text.lines().take(3).collect();
    assert!(lines[1].starts_with("All: calls fell from ") && lines[1].contains("bytes fell from "), "{text}");
    assert!(
        lines[2].starts_with(&format!("{HOT}: calls fell from ")) && lines[2].contains("bytes fell from "),
        "{text}"
    );
}

#[test]
#[ignore = "needs root, eBPF and memcached"]
fn a_killed_capture_can_be_read_and_is_reported_as_truncated() {
    let server = Server::start(&[]);
    let directory = tempfile::tempdir().unwrap();
    let mut client = server.connect();
    for name in ["sale.ndjson", "sale.ndjson.zst"] {
        let path = directory.path().join(name);
        let mut capture = record(&server, &path, &["--trigger", "/^hot$/", "--before", "0"]);
        client.ask(&"get hot\r\n".repeat(50));
        capture.await_words("mctop: the trigger matched");
        // The interval that fired the trigger is written soon after the message.
        let all = (0..1_000).any(|_| {
            sleep(Duration::from_millis(10));
            report(&path).total("calls") == 50
        });
        assert!(all, "not everything was written: {}", report(&path).total("calls"));
        capture.kill();
        let report = run(&["report", text(&path), "--format", "json"]);
        assert!(report.code == 0 && report.err.contains("without a footer"), "{report:?}");
        let document = Document(report.json());
        assert_eq!((document.total("calls"), &document.0["interrupted"]), (50, &true.into()));
    }
}

/// Standard output as a pipe, a pipe whose reader has gone, and a file with a limit on its size.
#[test]
#[ignore = "needs root, eBPF and memcached"]
fn captures_are_written_to_pipes_and_limited_files() {
    let server = Server::start(&[]);
    let directory = tempfile::tempdir().unwrap();
    let pid = server.pid().to_string();
    let capture = ["capture", "-i", "200ms", "--pid", &pid, "-o"];
    let mut client = server.connect();
    store(&mut client);
    // Standard output.
    let mut child = mctop(&capture).args(["-", "-d", "60s"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.next().unwrap().contains("\"mctop.capture/1\""));
    assert!(lines.next().unwrap().starts_with("{\"type\":\"interval\""));
    kill_process(Pid::from_raw(child.id().cast_signed()).unwrap(), Signal::TERM).unwrap();
    assert!(lines.last().unwrap().starts_with("{\"type\":\"footer\""));
    assert!(child.wait().unwrap().success());
    // A reader that has seen enough.
    let mut command = mctop(&capture);
    let mut child = command.args(["-", "-d", "60s"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut header = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut header).unwrap();
    let ended = child.wait_with_output().unwrap();
    assert_eq!((ended.status.code(), &*ended.stderr), (Some(0), &b""[..]));
    // The header fits into the limit, and the first intervals exceed it.
    let path = directory.path().join("limited.ndjson");
    let limited = ["-c", "ulimit -f 8; exec \"$0\" \"$@\"", mctop_path()];
    let ended = said(prepared("sh").args(limited).args(capture).arg(&path).args(["-d", "60s"]));
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.err.contains("File too large") && ended.err.contains("the file has "), "{ended:?}");
    let opened = run(&["report", text(&path)]);
    assert!(opened.code == 0 && opened.err.contains("without a footer"), "{opened:?}");
}

#[test]
#[ignore = "needs root, eBPF and memcached"]
fn a_hangup_ends_a_capture_unless_it_is_ignored() {
    let server = Server::start(&[]);
    let directory = tempfile::tempdir().unwrap();
    let footer = |path: &Path| {
        let content = std::fs::read_to_string(path).unwrap();
        serde_json::from_str::<Value>(content.lines().last().unwrap()).unwrap()
    };
    let path = directory.path().join("ended.ndjson");
    let capture = record(&server, &path, &[]);
    capture.signal(Signal::HUP);
    assert_eq!(capture.ended().0, Some(0));
    assert_eq!(footer(&path)["ended_by"], "signal");
    let path = directory.path().join("ignored.ndjson");
    let mut command = Command::new("nohup");
    command.arg(mctop_path());
    let capture = record_by(command, &server, &path, &["--until", "/^enough$/"]);
    capture.signal(Signal::HUP);
    // It is still there to see this.
    server.connect().ask("get enough\r\n");
    assert_eq!(capture.ended().0, Some(0));
    assert_eq!(footer(&path)["ended_by"], "until");
}
