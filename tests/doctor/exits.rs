//! Servers that exit while they are looked for.

use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use mctop_test_support::program::run;
use mctop_test_support::server::{MEMCACHED, Server};

use crate::dump_and_doctor;

/// How long servers start and exit.
const TIME: Duration = Duration::from_secs(8);
/// How many of them run at once.
const AT_ONCE: u64 = 4;

#[test]
#[ignore = "needs root"]
fn a_zombie_is_reported_as_exited() {
    let mut child = Command::new("true").spawn().unwrap();
    let pid = child.id().to_string();
    // A zombie until it is waited for.
    while !std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap().contains(") Z ") {
        thread::yield_now();
    }
    for said in dump_and_doctor(&["--pid", &pid]) {
        assert_eq!(said.code, 4, "{said:?}");
        assert!(said.paragraph().contains(&format!("Process {pid} has exited.")), "{said:?}");
    }
    child.wait().unwrap();
}

/// Servers that live for some milliseconds beside one that stays: no report may blame them.
#[test]
#[ignore = "needs root, eBPF and memcached"]
fn servers_that_start_and_exit_meanwhile_are_no_problem() {
    let stays = Server::start(&[]);
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        for first in 0..AT_ONCE {
            let is_over = &is_over;
            scope.spawn(move || {
                // Lifetimes differ, so that servers exit at every stage of an examination.
                let mut lives = (first..).step_by(7).map(|number| Duration::from_millis(20 + number % 50));
                while !is_over.load(Ordering::Relaxed) {
                    let mut command = Command::new(MEMCACHED);
                    command.args(["-u", "nobody", "-l", "127.0.0.1", "-U", "0", "-m", "16", "-p", "-1"]);
                    let mut child = command.stderr(Stdio::null()).spawn().unwrap();
                    thread::sleep(lives.next().unwrap());
                    child.kill().unwrap();
                    child.wait().unwrap();
                }
            });
        }
        let start = Instant::now();
        let mut wrong = None;
        while start.elapsed() < TIME && wrong.is_none() {
            wrong = examine(&stays).err();
        }
        is_over.store(true, Ordering::Relaxed);
        assert_eq!(wrong, None);
    });
}

/// Examines all servers by `doctor` and by `dump`. Other servers of this host may have problems of their own.
fn examine(stays: &Server) -> Result<(), String> {
    let said = run(&["doctor", "--json", "--all"]);
    let document = said.document();
    let named = document["servers"].as_array().unwrap().iter().any(|server| server["pid"] == stays.pid());
    let dump = run(&["dump", "-d", "1ms", "--all"]);
    let text = format!("{:#} {} {}", document["problems"], dump.out, dump.err);
    let blamed = ["/proc/", "No such process", "is not watched"].into_iter().any(|sign| text.contains(sign));
    if (said.code, dump.code) != (0, 0) || !named || blamed { Err(text) } else { Ok(()) }
}
