//! The live table in a pseudo-terminal: the terminal is restored however mctop ends, and shows what it should.
//!
//! Each test runs this test program again, with [`child`] as the program in the terminal.

use std::io::Read;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mctop_test_support::terminal::{CommandBuilder, PATIENCE, PtySize, SIZE, Terminal, count, native_pty_system};
use tokio::sync::{mpsc, watch};

use super::*;
use crate::model::sample;
use crate::text::format;

const SCENARIO: &str = "MCTOP_PTY_SCENARIO";

/// The program that the tests run in the terminal.
#[tokio::main(flavor = "current_thread")]
async fn child(scenario: String) {
    let (news, updates) = watch::channel(Update::Starting("attaching to pid 123".to_owned(), None));
    let (requests, mut received) = mpsc::unbounded_channel();
    let source = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(scenario != "panic", "the source is broken");
        let snapshot = Arc::new(sample::hostile());
        news.send_replace(match &*scenario {
            "colourless" | "ends" => Update::EndedWith(snapshot.into(), "the server has gone".to_owned()),
            _ => Update::Frame(snapshot.into()),
        });
        let mut seen = Vec::new();
        while let Some(request) = received.recv().await {
            seen.push(format!("{request:?}"));
            if request == Request::Stop {
                break;
            }
        }
        seen
    };
    let theme = Theme::of_environment(|name| std::env::var(name).ok());
    let options = TuiOptions { hints: false, ..TuiOptions::new(Settings::default(), theme) };
    let (done, seen) = tokio::join!(run(Feed { updates, requests }, options, || {}), source);
    done.unwrap();
    println!("left after {}", seen.join(" "));
}

/// What makes this test program [`child`].
const ARGUMENTS: [&str; 4] =
    ["--exact", "tui::pty_tests::the_start_is_shown_and_q_restores_the_terminal", "--nocapture", "--test-threads=1"];

fn child_command(scenario: &str) -> CommandBuilder {
    let mut command = CommandBuilder::new(std::env::current_exe().unwrap());
    command.args(ARGUMENTS);
    in_scenario(command, scenario)
}

fn in_scenario(mut command: CommandBuilder, scenario: &str) -> CommandBuilder {
    command.env(SCENARIO, scenario);
    command.env("NO_COLOR", if scenario == "colourless" { "1" } else { "" });
    command
}

fn run_in_terminal(scenario: &str) -> Terminal {
    Terminal::start(child_command(scenario), "xterm-256color", SIZE)
}

#[test]
fn the_start_is_shown_and_q_restores_the_terminal() {
    if let Ok(scenario) = std::env::var(SCENARIO) {
        return child(scenario);
    }
    let mut pty = run_in_terminal("plain");
    pty.wait_for("attaching to pid 123");
    pty.wait_for("CALLS/S▼");
    assert!(pty.is_taken());
    pty.press("S");
    pty.wait_for("SIZE▼");
    pty.press("-+\x0c ");
    pty.wait_for("PAUSED");
    pty.wait("the clock", |pty| !pty.text().contains("PAUSED 0s"));
    pty.press("q");
    assert_eq!(pty.restored(), 0);
    pty.wait_for("left after Interval(2s) Interval(1s) Stop");
}

#[test]
fn hostile_keys_shift_nothing_in_a_terminal() {
    let mut pty = run_in_terminal("plain");
    // This is drawn last.
    pty.wait_for("of 13");
    let screen = pty.screen();
    let cells = |row: u16, from: u16, to: u16| -> String {
        let cell =
            |column| screen.cell(row, column).map(|cell| cell.contents().to_owned()).filter(|cell| !cell.is_empty());
        (from..to).map(|column| cell(column).unwrap_or_else(|| " ".to_owned())).collect()
    };
    let rate = cells(4, 0, 80).find("CALLS/S▼").unwrap() as u16;
    let rates: Vec<String> = (5..18).map(|row| cells(row, rate - 1, 80)).collect();
    for (n, figures) in (1..=13_u64).rev().zip(rates) {
        let expected = format!(
            " {:>8} 100.0%     512 B    60s {:>8}",
            format::count(n * 1_000),
            format::bytes(n as f64 * 512_000.0)
        );
        assert_eq!(figures, expected);
    }
    pty.press("\x03");
    assert_eq!(pty.restored(), 0);
}

/// The terminal is not the controlling one, so that no `SIGHUP` is sent.
#[test]
fn it_ends_with_its_terminal() {
    let mut command = child_command("plain");
    command.env("TERM", "xterm-256color");
    command.set_controlling_tty(false);
    let pair = native_pty_system().openpty(PtySize { rows: SIZE.0, cols: SIZE.1, ..PtySize::default() }).unwrap();
    let mut process = pair.slave.spawn_command(command).unwrap();
    let mut reader = pair.master.try_clone_reader().unwrap();
    let mut output = Vec::new();
    while !String::from_utf8_lossy(&output).contains("CALLS/S") {
        let mut buffer = [0; 4096];
        let length = reader.read(&mut buffer).unwrap();
        output.extend_from_slice(&buffer[..length]);
    }
    drop((reader, pair));
    let deadline = Instant::now() + PATIENCE;
    while process.try_wait().unwrap().is_none() {
        if Instant::now() > deadline {
            process.kill().unwrap();
            panic!("still runs without a terminal");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_panic_restores_the_terminal_and_shows_its_message() {
    let mut pty = run_in_terminal("panic");
    assert_ne!(pty.restored(), 0);
    pty.wait_for("the source is broken");
}

#[test]
fn the_selection_is_visible_without_colour() {
    for (scenario, coloured) in [("ends", true), ("colourless", false)] {
        let mut pty = run_in_terminal(scenario);
        pty.wait_for("the server has gone");
        // Rows are ranked on another thread; before that, no key press can select one.
        pty.wait_for("combining");
        pty.press("jj");
        let cell = |pty: &Terminal, row, column| pty.screen().cell(row, column).unwrap().clone();
        pty.wait("the selection", |pty| cell(pty, 7, 0).inverse());
        assert!(cell(&pty, 5, 0).inverse() && !cell(&pty, 6, 0).inverse() && !cell(&pty, 8, 0).inverse());
        let colours = (0..24).flat_map(|row| (0..80).map(move |column| (row, column)));
        let used = colours.filter(|(row, column)| cell(&pty, *row, *column).fgcolor() != vt100::Color::Default).count();
        assert_eq!(used > 0, coloured);
        assert!(cell(&pty, 3, 0).bold(), "the message");
        pty.press("q");
        assert_eq!(pty.restored(), 0);
    }
}

#[test]
fn a_new_size_is_followed() {
    let mut pty = run_in_terminal("plain");
    pty.wait_for("CALLS/S▼");
    pty.resize(5, 80);
    pty.wait_for("too small: 80×5");
    pty.resize(24, 80);
    pty.wait_for("CALLS/S▼");
    pty.press("q");
    assert_eq!(pty.restored(), 0);
}

#[test]
fn an_idle_table_writes_nothing_and_uses_little_cpu() {
    let mut pty = run_in_terminal("plain");
    pty.wait_for("CALLS/S▼");
    std::thread::sleep(Duration::from_millis(300));
    let pid = pty.pid();
    let used = || {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
        // proc(5): utime and stime are fields 14 and 15, in ticks of 10 ms; the first two fields are cut off.
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    };
    let (written, ticks) = (pty.raw().len(), used());
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(pty.raw().len(), written);
    assert!(used() - ticks <= 1, "{} ticks", used() - ticks);
    pty.press("q");
    assert_eq!(pty.restored(), 0);
}

#[test]
fn a_job_is_stopped_and_continued() {
    let mut command = CommandBuilder::new("bash");
    command.args(["--norc", "--noprofile", "-i"]);
    command.env("PS1", "shell> ");
    let mut pty = Terminal::start(in_scenario(command, "plain"), "xterm-256color", SIZE);
    pty.wait_for("shell> ");
    let program = std::env::current_exe().unwrap();
    pty.press(&format!("'{}' {}\n", program.display(), ARGUMENTS.join(" ")));
    pty.wait_for("CALLS/S▼");
    pty.press("\x1a");
    pty.wait("the shell", |pty| !pty.screen().alternate_screen() && pty.text().contains("Stopped"));
    // The shell enables bracketed paste itself.
    assert!(!pty.screen().hide_cursor() && count(&pty.raw(), b"\x1b[?2004l") > 0);
    pty.press("fg\n");
    pty.wait("the table again", |pty| pty.screen().alternate_screen() && pty.text().contains("CALLS/S▼"));
    assert!(pty.screen().bracketed_paste());
    pty.press("q");
    pty.wait_for("left after Stop");
    assert!(!pty.screen().alternate_screen() && !pty.screen().hide_cursor());
    pty.press("exit\n");
    pty.exit_code();
}
