//! A capture as systemd and cron start it: no terminal, no session, an empty environment, and closed or redirected standard
//! streams.

use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use mctop_test_support::observer::Document;
use mctop_test_support::program::{mctop_path, run, text};
use mctop_test_support::server::Server;

#[test]
#[ignore = "needs root, eBPF and memcached"]
fn a_capture_needs_no_terminal() {
    let server = Server::start(&[]);
    let directory = tempfile::tempdir().unwrap();
    let mut client = server.connect();
    for (name, streams) in [("closed.ndjson", "<&- >&- 2>&-"), ("nowhere.ndjson.zst", "</dev/null >/dev/null 2>&1")] {
        let path = directory.path().join(name);
        let mut capture = Command::new("setsid")
            .args(["sh", "-c", &format!("exec \"$@\" {streams}"), "sh", mctop_path()])
            .args(["capture", "--verbose", "-i", "100ms", "-d", "60s", "--until", "/^last$/"])
            .args(["--pid", &server.pid().to_string(), "-o"])
            .arg(&path)
            .env_clear()
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        // Until it has seen the key that ends it.
        let status = loop {
            if let Some(status) = capture.try_wait().unwrap() {
                break status;
            }
            client.ask("get last\r\n");
            sleep(Duration::from_millis(10));
        };
        assert!(status.success(), "{name}: {status}");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let report = run(&["report", text(&path), "--format", "json"]);
        // Whole, and nothing in it that was meant for a standard stream.
        assert_eq!((report.code, &*report.err), (0, ""));
        let document = Document(report.json());
        document.assert_sums();
        assert_eq!(document.0["interrupted"], false);
        assert_eq!(document.keys().iter().filter_map(|key| key["key"].as_str()).collect::<Vec<_>>(), ["last"]);
    }
}
