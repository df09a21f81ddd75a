//! A private memcached on a free loopback port, stopped when dropped.

use std::collections::HashMap;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::client::Client;

const MEMCACHED: &str = "/usr/bin/memcached";

/// A running server.
pub struct Server {
    child: Child,
    port: u16,
}

/// Whether live tests can run here; says why not, and fails where they must run.
pub fn possible() -> bool {
    let missing = if !rustix::process::geteuid().is_root() {
        "not root"
    } else if !Path::new(MEMCACHED).exists() {
        "no /usr/bin/memcached"
    } else if !Path::new("/sys/bus/event_source/devices/uprobe").exists() {
        "this kernel has no uprobes"
    } else {
        return true;
    };
    let required = std::env::var("MCTOP_TEST_LIVE").is_ok_and(|value| value == "required");
    assert!(!required, "live tests must run here, but: {missing}");
    println!("SKIPPED: no live test was run: {missing}");
    false
}

impl Server {
    /// Starts memcached with four worker threads and `options`.
    pub fn start(options: &[&str]) -> Self {
        for _ in 0..5 {
            let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
            let mut server = Self { child: spawn(port, options), port };
            if server.answers() {
                return server;
            }
        }
        panic!("memcached did not start on any of five ports");
    }

    fn answers(&mut self) -> bool {
        let deadline = Instant::now() + Duration::from_secs(10);
        while Instant::now() < deadline && self.child.try_wait().unwrap().is_none() {
            if TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok() {
                return true;
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
    Command::new(MEMCACHED)
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
