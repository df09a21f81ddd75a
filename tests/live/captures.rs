//! Captures of a real server: what they say of the same window as a dump, before and after a fix, and when killed.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::client::Client;
use crate::observer::{Document, Observer};
use crate::server::{self, Server};

const HOT: &str = "podYYY:rails:NN::feature_rollout:percentages";
const SIZE: usize = 13_961;

/// A capture under way.
struct Capture {
    child: Child,
    errors: BufReader<ChildStderr>,
    path: PathBuf,
}

impl Capture {
    fn start(server: &Server, path: &Path, options: &[&str]) -> Self {
        Self::start_as(mctop(), server, path, options)
    }

    fn start_as(mut command: Command, server: &Server, path: &Path, options: &[&str]) -> Self {
        let mut child = command
            .args(["capture", "--verbose", "-i", "200ms", "-d", "60s", "--pid", &server.pid().to_string(), "-o"])
            .arg(path)
            .args(options)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let errors = BufReader::new(child.stderr.take().unwrap());
        let mut capture = Self { child, errors, path: path.to_owned() };
        capture.await_words("mctop: watching");
        capture
    }

    fn await_words(&mut self, words: &str) {
        let mut said = String::new();
        while !said.contains(words) {
            let read = self.errors.read_line(&mut said).unwrap();
            assert!(read > 0, "mctop ended with {}: {said}", self.child.wait().unwrap());
        }
    }

    fn finish(mut self) -> PathBuf {
        kill_process(Pid::from_raw(self.child.id().cast_signed()).unwrap(), Signal::INT).unwrap();
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}");
        self.path
    }
}

fn mctop() -> Command {
    Command::new(env!("CARGO_BIN_EXE_mctop"))
}

fn output(arguments: &[&str]) -> String {
    let output = mctop().args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn report(path: &Path) -> Document {
    Document(serde_json::from_str(&output(&["report", path.to_str().unwrap(), "--format", "json"])).unwrap())
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
fn a_report_tells_what_a_dump_of_the_same_window_does() {
    if !server::possible() {
        return;
    }
    let server = Server::start(&[]);
    let directory = tempfile::tempdir().unwrap();
    let mut client = server.connect();
    // Both watch before the first request, and until after the last.
    let observer = Observer::start(&server, &[]);
    let capture = Capture::start(&server, &directory.path().join("sale.ndjson.zst"), &[]);
    let few = Capture::start(&server, &directory.path().join("few.ndjson"), &["--keys", "1"]);
    store(&mut client);
    read(&mut client, HOT, 2_000);
    read(&mut client, "shop:1", 300);
    read(&mut client, "nowhere", 100);
    let (path, few) = (capture.finish(), few.finish());
    let dump = observer.finish();
    let report = report(&path);
    for document in [&dump, &report] {
        document.assert_sums();
        document.assert_nothing_lost();
    }
    let figures = |document: &Document| {
        let mut keys: Vec<Value> = document.keys().to_vec();
        for key in &mut keys {
            let key = key.as_object_mut().unwrap();
            // Rates depend on the window, which was begun and ended by hand; so does how old a lifetime is.
            key.retain(|name, _| !name.ends_with("_per_s") && name != "ttl");
        }
        keys.sort_by_key(|key| key["key"].to_string());
        keys
    };
    assert_eq!(figures(&report), figures(&dump));
    for total in ["calls", "gets", "hits", "misses", "sets", "bytes", "bytes_in", "bytes_out"] {
        assert_eq!(report.total(total), dump.total(total), "{total}");
    }
    // Sums hold where only one key an interval was kept, too.
    let few: Document = self::report(&few);
    let keys: u64 = few.keys().iter().map(|key| key["calls"].as_u64().unwrap()).sum();
    assert_eq!(keys + few.0["others"]["calls"].as_u64().unwrap_or(0), few.total("calls"));
    assert_eq!(few.total("calls"), dump.total("calls"));
    assert!(few.keys().len() < dump.keys().len());
}

/// A flash sale without, then with a cache in the clients: the hot key is read a hundredth as often.
#[test]
fn a_fix_shows_in_the_first_lines_of_a_comparison() {
    if !server::possible() {
        return;
    }
    let server = Server::start(&[]);
    let directory = tempfile::tempdir().unwrap();
    let mut client = server.connect();
    store(&mut client);
    let mut sale = |name: &str, hot: usize, at_least: Duration| {
        let capture = Capture::start(&server, &directory.path().join(name), &[]);
        read(&mut client, HOT, hot);
        read(&mut client, "shop:1", 20);
        sleep(at_least);
        capture.finish()
    };
    let before = sale("before.ndjson", 20_000, Duration::ZERO);
    // Not shorter than the one before, so that no rate has risen.
    let window = report(&before).0["duration_s"].as_f64().unwrap();
    let after = sale("after.ndjson", 200, Duration::from_secs_f64(window));
    let paths = [before.to_str().unwrap(), after.to_str().unwrap()];
    let difference: Value = serde_json::from_str(&output(&["diff", paths[0], paths[1], "--format", "json"])).unwrap();
    let hot = &difference["keys"][0];
    assert_eq!(hot["key"], HOT);
    assert_eq!((&hot["before"]["calls"], &hot["after"]["calls"]), (&20_000.into(), &200.into()));
    let size = SIZE as u64;
    assert_eq!(hot["before"]["bytes_out"], 20_000 * size);
    assert_eq!(hot["after"]["bytes_out"], 200 * size);
    // The true factor is that of the rates: the windows were begun and ended by hand.
    let seconds = |side: &str| difference[side]["duration_s"].as_f64().unwrap();
    let factor = (200.0 / seconds("after")) / (20_000.0 / seconds("before"));
    for name in ["calls_factor", "bytes_factor"] {
        let told = hot["change"][name].as_f64().unwrap();
        assert!((told / factor - 1.0).abs() < 1e-6, "{name}: {told} is not {factor}");
    }
    let text = output(&["diff", paths[0], paths[1]]);
    let lines: Vec<&str> = text.lines().take(3).collect();
    assert!(lines[1].starts_with("All: calls fell from ") && lines[1].contains("bytes fell from "), "{text}");
    assert!(
        lines[2].starts_with(&format!("{HOT}: calls fell from ")) && lines[2].contains("bytes fell from "),
        "{text}"
    );
}

#[test]
fn a_killed_capture_opens_and_says_that_its_end_is_missing() {
    if !server::possible() {
        return;
    }
    let server = Server::start(&[]);
    let directory = tempfile::tempdir().unwrap();
    let mut client = server.connect();
    for name in ["sale.ndjson", "sale.ndjson.zst"] {
        let path = directory.path().join(name);
        let mut capture = Capture::start(&server, &path, &["--trigger", "/^hot$/", "--before", "0"]);
        client.ask(&"get hot\r\n".repeat(50));
        capture.await_words("mctop: the trigger matched");
        // What fired it is in the file before that is said of the next interval: wait until it is.
        let all = (0..1_000).any(|_| {
            sleep(Duration::from_millis(10));
            report(&path).total("calls") == 50
        });
        assert!(all, "not everything was written: {}", report(&path).total("calls"));
        capture.child.kill().unwrap();
        capture.child.wait().unwrap();
        let report = mctop().args(["report", path.to_str().unwrap(), "--format", "json"]).output().unwrap();
        assert!(report.status.success());
        assert!(String::from_utf8_lossy(&report.stderr).contains("without a footer"));
        let document = Document(serde_json::from_slice(&report.stdout).unwrap());
        assert_eq!((document.total("calls"), &document.0["interrupted"]), (50, &true.into()));
    }
}

/// What a shell makes of an output: a pipe, a pipe that nobody reads any more, and a file that may not grow.
#[test]
fn outputs_of_every_kind() {
    if !server::possible() {
        return;
    }
    let server = Server::start(&[]);
    let directory = tempfile::tempdir().unwrap();
    let pid = server.pid().to_string();
    let capture = ["capture", "-i", "200ms", "--pid", &pid, "-o"];
    let mut client = server.connect();
    store(&mut client);
    // Standard output.
    let mut child = mctop().args(capture).args(["-", "-d", "60s"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.next().unwrap().contains("\"mctop.capture/1\""));
    assert!(lines.next().unwrap().starts_with("{\"type\":\"interval\""));
    kill_process(Pid::from_raw(child.id().cast_signed()).unwrap(), Signal::TERM).unwrap();
    assert!(lines.last().unwrap().starts_with("{\"type\":\"footer\""));
    assert!(child.wait().unwrap().success());
    // Whoever reads has seen enough.
    let mut command = mctop();
    let mut child =
        command.args(capture).args(["-", "-d", "60s"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut header = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut header).unwrap();
    let ended = child.wait_with_output().unwrap();
    assert_eq!((ended.status.code(), &*ended.stderr), (Some(0), &b""[..]));
    // A limit that the header is within; intervals without a key fill it soon.
    let path = directory.path().join("limited.ndjson");
    let limited = ["-c", "ulimit -f 8; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_mctop")];
    let ended = Command::new("sh").args(limited).args(capture).arg(&path).args(["-d", "60s"]).output().unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(1), "{said}");
    assert!(said.contains("File too large") && said.contains("the file has "), "{said}");
    let opened = mctop().args(["report", path.to_str().unwrap()]).output().unwrap();
    assert!(opened.status.success() && String::from_utf8(opened.stderr).unwrap().contains("without a footer"));
}

#[test]
fn a_hangup_ends_a_capture_unless_it_is_ignored() {
    if !server::possible() {
        return;
    }
    let server = Server::start(&[]);
    let directory = tempfile::tempdir().unwrap();
    let hang_up = |capture: &Capture| {
        kill_process(Pid::from_raw(capture.child.id().cast_signed()).unwrap(), Signal::HUP).unwrap();
    };
    let footer = |path: &Path| {
        let content = std::fs::read_to_string(path).unwrap();
        serde_json::from_str::<Value>(content.lines().last().unwrap()).unwrap()
    };
    let path = directory.path().join("ended.ndjson");
    let mut capture = Capture::start(&server, &path, &[]);
    hang_up(&capture);
    assert!(capture.child.wait().unwrap().success());
    assert_eq!(footer(&path)["ended_by"], "signal");
    let path = directory.path().join("ignored.ndjson");
    let mut command = Command::new("nohup");
    command.arg(env!("CARGO_BIN_EXE_mctop"));
    let mut capture = Capture::start_as(command, &server, &path, &["--until", "/^enough$/"]);
    hang_up(&capture);
    // It is still there to see this.
    server.connect().ask("get enough\r\n");
    assert!(capture.child.wait().unwrap().success());
    assert_eq!(footer(&path)["ended_by"], "until");
}
