//! A capture as systemd and cron start it: no terminal, no session of a user, an empty environment, and standard input,
//! output and error that are closed or lead nowhere.

use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use crate::observer::Document;
use crate::server::{self, Server};

#[test]
fn a_capture_needs_no_terminal() {
    if !server::possible() {
        return;
    }
    let server = Server::start(&[]);
    let directory = tempfile::tempdir().unwrap();
    let mut client = server.connect();
    for (name, streams) in [("closed.ndjson", "<&- >&- 2>&-"), ("nowhere.ndjson.zst", "</dev/null >/dev/null 2>&1")] {
        let path = directory.path().join(name);
        let mut capture = Command::new("setsid")
            .args(["sh", "-c", &format!("exec \"$@\" {streams}"), "sh", env!("CARGO_BIN_EXE_mctop")])
            .args(["capture", "--verbose", "-i", "100ms", "-d", "60s", "--until", "/^last$/"])
            .args(["--pid", &server.pid().to_string(), "-o"])
            .arg(&path)
            .env_clear()
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        // Until it has seen what ends it.
        let status = loop {
            if let Some(status) = capture.try_wait().unwrap() {
                break status;
            }
            client.ask("get last\r\n");
            sleep(Duration::from_millis(10));
        };
        assert!(status.success(), "{name}: {status}");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let report = Command::new(env!("CARGO_BIN_EXE_mctop"))
            .args(["report", path.to_str().unwrap(), "--format", "json"])
            .output()
            .unwrap();
        // Whole, and nothing in it that was meant for a standard stream.
        assert_eq!(String::from_utf8_lossy(&report.stderr), "");
        let document = Document(serde_json::from_slice(&report.stdout).unwrap());
        document.assert_sums();
        assert_eq!(document.0["interrupted"], false);
        assert_eq!(document.keys().iter().filter_map(|key| key["key"].as_str()).collect::<Vec<_>>(), ["last"]);
    }
}
