//! A private memcached on a free loopback port, stopped when dropped.

use std::collections::HashMap;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::client::Client;
use crate::version::Version;

/// The words of the command that starts memcached, separated by spaces. It must become memcached by `exec`, as `chroot`
/// does, so that the process that was started is the server.
const COMMAND_VARIABLE: &str = "MCTOP_TEST_MEMCACHED";

/// Without [`COMMAND_VARIABLE`]: where distributions install it.
const MEMCACHED: &str = "/usr/bin/memcached";

/// A running server.
pub struct Server {
    child: Child,
    port: u16,
    version: Version,
}

/// The words of the command that starts memcached.
fn command() -> Vec<String> {
    let words = std::env::var(COMMAND_VARIABLE).unwrap_or_default();
    let words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
    if words.is_empty() { vec![MEMCACHED.to_owned()] } else { words }
}

/// Whether live tests can run here; says why not, and fails where they must run.
pub fn possible() -> bool {
    let program = command().remove(0);
    let missing = if !rustix::process::geteuid().is_root() {
        "not root".to_owned()
    } else if program.contains('/') && !Path::new(&program).exists() {
        format!("no {program}")
    } else if !Path::new("/sys/bus/event_source/devices/uprobe").exists() {
        "this kernel has no uprobes".to_owned()
    } else {
        return true;
    };
    let required = std::env::var("MCTOP_TEST_LIVE").is_ok_and(|value| value == "required");
    assert!(!required, "live tests must run here, but: {missing}");
    println!("SKIPPED: no live test was run: {missing}");
    false
}

impl Server {
    /// Starts memcached with four worker threads and `options`. All of them must be known to every version that is
    /// supported, from 1.4.34 on.
    pub fn start(options: &[&str]) -> Self {
        for _ in 0..5 {
            let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
            let mut server = Self { child: spawn(port, options), port, version: Version::default() };
            if server.answers() {
                server.version = server.connect().version();
                return server;
            }
        }
        panic!("`{}` did not start a memcached on any of five ports", command().join(" "));
    }

    /// As [`Self::start`], without the background threads that would take expired items away before they are looked up.
    pub fn start_without_crawler() -> Self {
        let server = Self::start(&[]);
        // Before, both were off unless asked for, and the options to turn them off unknown.
        if server.version < Version([1, 5, 0]) {
            return server;
        }
        drop(server);
        Self::start(&["-o", "no_lru_crawler,no_lru_maintainer"])
    }

    /// Waits until it can be talked to.
    fn answers(&mut self) -> bool {
        let deadline = Instant::now() + Duration::from_secs(10);
        while Instant::now() < deadline && self.child.try_wait().unwrap().is_none() {
            if TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok() {
                // Another server may have taken the port first.
                return self.stats().get("pid") == Some(&u64::from(self.pid()));
            }
            sleep(Duration::from_millis(10));
        }
        false
    }

    /// Kills the server and starts another on its port.
    pub fn restart(&mut self) {
        self.kill();
        self.child = spawn(self.port, &[]);
        assert!(self.answers(), "memcached did not start again on port {}", self.port);
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether this memcached has what is there since `since`; when it has not, says what the test leaves out.
    pub fn has(&self, since: Version, what: &str) -> bool {
        let has = self.version >= since;
        if !has {
            println!("LEFT OUT on {}: {what}, there since {since}", self.version);
        }
        has
    }

    pub fn version(&self) -> Version {
        self.version
    }

    pub fn connect(&self) -> Client {
        Client::new(TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).unwrap())
    }

    /// memcached's own counters.
    pub fn stats(&self) -> HashMap<String, u64> {
        let lines = self.connect().ask("stats\r\n");
        lines
            .iter()
            .filter_map(|line| {
                let mut words = line.strip_prefix("STAT ")?.split(' ');
                Some((words.next()?.to_owned(), words.next()?.parse().ok()?))
            })
            .collect()
    }

    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn spawn(port: u16, options: &[&str]) -> Child {
    let command = command();
    Command::new(&command[0])
        .args(&command[1..])
        .args(["-u", "nobody", "-l", "127.0.0.1", "-U", "0", "-t", "4", "-m", "128", "-p", &port.to_string()])
        .args(options)
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
