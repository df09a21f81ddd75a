//! Servers that exit while they are looked for.

use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::program::mctop;
use crate::requirement::{Need, is_met};
use crate::server::{MEMCACHED, Server};

/// For how long servers come and go.
const TIME: Duration = Duration::from_secs(8);
/// How many of them there are at once.
const AT_ONCE: u64 = 4;

#[test]
fn a_server_that_has_exited_is_said_to_have() {
    if !is_met(Need::Root) {
        return;
    }
    let mut child = Command::new("true").spawn().unwrap();
    let pid = child.id().to_string();
    // A zombie until it is waited for.
    while !std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap().contains(") Z ") {
        thread::yield_now();
    }
    for arguments in [&["dump", "-d", "1ms", "--pid", &pid][..], &["doctor", "--pid", &pid]] {
        let said = mctop(arguments);
        assert_eq!(said.code, 4, "{said:?}");
        assert!(said.paragraph().contains(&format!("Process {pid} has exited.")), "{said:?}");
    }
    child.wait().unwrap();
}

/// Servers that live for some milliseconds beside one that stays: whatever is seen of them, nothing is wrong with them.
#[test]
fn servers_that_come_and_go_are_no_problem() {
    if !is_met(Need::Probes) {
        return;
    }
    let stays = Server::start();
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        for first in 0..AT_ONCE {
            let is_over = &is_over;
            scope.spawn(move || {
                // Different lives, so that some end at any moment of an examination.
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
        let begin = Instant::now();
        let mut wrong = None;
        while begin.elapsed() < TIME && wrong.is_none() {
            wrong = examine(&stays).err();
        }
        is_over.store(true, Ordering::Relaxed);
        assert_eq!(wrong, None);
    });
}

/// Looks at all servers, in both ways. There may be others on this host, with problems of their own.
fn examine(stays: &Server) -> Result<(), String> {
    let said = mctop(&["doctor", "--json", "--all"]);
    let document = said.document();
    let named = document["servers"].as_array().unwrap().iter().any(|server| server["pid"] == stays.pid());
    let dump = mctop(&["dump", "-d", "1ms", "--all"]);
    let text = format!("{:#} {} {}", document["problems"], dump.out, dump.err);
    let blamed = ["/proc/", "No such process", "is not watched"].into_iter().any(|sign| text.contains(sign));
    if (said.code, dump.code) != (0, 0) || !named || blamed { Err(text) } else { Ok(()) }
}
