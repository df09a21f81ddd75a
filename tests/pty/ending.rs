//! However the live table ends, the terminal is restored and the exit code is 0.

use mctop_test_support::captures::{capture, header, interval, lines};
use mctop_test_support::terminal::Terminal;
use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::NamedTempFile;

/// One very short interval.
fn short() -> Vec<Value> {
    let mut interval = interval(0, &[json!({"key": "only", "hits": 5})]);
    interval["end_s"] = json!(0.01);
    vec![interval]
}

fn file(content: &[u8]) -> NamedTempFile {
    let file = NamedTempFile::new().unwrap();
    std::fs::write(file.path(), content).unwrap();
    file
}

fn replay(file: &NamedTempFile) -> Terminal {
    let terminal = Terminal::run(&["replay", file.path().to_str().unwrap()]);
    terminal.wait_for("only");
    terminal
}

/// The first interval is shown for as long as it took, so this capture does not end during a test.
fn long() -> NamedTempFile {
    let mut interval = interval(0, &[json!({"key": "only", "hits": 5})]);
    interval["end_s"] = json!(3_600);
    file(&capture(&[interval]))
}

#[test]
fn quitting_restores_the_terminal() {
    let file = long();
    for key in ["q", "Q", "\x03"] {
        let mut terminal = replay(&file);
        assert!(terminal.is_taken());
        terminal.press(key);
        terminal.ended();
    }
}

#[test]
fn signals_restore_the_terminal() {
    let file = long();
    for signal in [Signal::TERM, Signal::HUP, Signal::INT] {
        let mut terminal = replay(&file);
        assert!(terminal.is_taken());
        terminal.signal(signal);
        terminal.ended();
    }
}

#[test]
fn a_capture_ends_and_its_last_table_stays() {
    let whole = capture(&short());
    let interrupted =
        String::from_utf8(whole.clone()).unwrap().replace("\"interrupted\":false", "\"interrupted\":true");
    let mut cut_off = vec![header()];
    cut_off.extend(short());
    let mut damaged = lines(&cut_off);
    damaged.extend_from_slice(b"\x1b[2Jgarbage\n");
    for (content, said) in [
        (&whole[..], "End of the capture."),
        (interrupted.as_bytes(), "which was interrupted here"),
        (&lines(&cut_off), "ends here without a footer"),
        (&damaged, "line 3 of"),
    ] {
        let file = file(content);
        let mut terminal = replay(&file);
        terminal.wait_for(said);
        terminal.wait("the last table", |terminal| {
            terminal.text().contains("ENDED") && terminal.rows().first().is_some_and(|row| row.starts_with("only"))
        });
        terminal.quit();
    }
}
