//! A private memcached on a free loopback port, stopped when dropped.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::client::Client;
use crate::version::Version;

/// The words of the command that starts memcached, separated by spaces. It must become memcached by `exec`, as `chroot`
/// does, so that the process that was started is the server.
const COMMAND_VARIABLE: &str = "MCTOP_TEST_MEMCACHED";

/// Without [`COMMAND_VARIABLE`]: where distributions install it.
const MEMCACHED: &str = "/usr/bin/memcached";

/// The same for a second memcached, of another build, that runs beside the first.
const SECOND_COMMAND_VARIABLE: &str = "MCTOP_TEST_MEMCACHED_2";

/// A running server.
pub struct Server {
    command: Vec<String>,
    child: Child,
    port: u16,
    /// Where it listens instead of at a port.
    socket: Option<PathBuf>,
    version: Version,
}

/// The words of the command that starts memcached.
pub fn command() -> Vec<String> {
    words(COMMAND_VARIABLE).unwrap_or_else(|| vec![MEMCACHED.to_owned()])
}

/// The words of the command that starts the second memcached, where there is one.
pub fn second_command() -> Option<Vec<String>> {
    words(SECOND_COMMAND_VARIABLE)
}

fn words(variable: &str) -> Option<Vec<String>> {
    let words = std::env::var(variable).unwrap_or_default();
    let words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
    (!words.is_empty()).then_some(words)
}

/// The root directory of memcached.
fn root() -> PathBuf {
    let command = command();
    if command[0] == "chroot" { PathBuf::from(&command[1]) } else { PathBuf::from("/") }
}

/// The file that memcached is, seen from here.
pub fn program() -> PathBuf {
    root().join(command().last().unwrap().trim_start_matches('/'))
}

/// A directory that memcached and everybody else can write into, and its path as memcached sees it.
pub fn directory() -> (TempDir, String) {
    let root = root();
    let directory = TempDir::new_in(if root == Path::new("/") { std::env::temp_dir() } else { root.clone() }).unwrap();
    std::fs::set_permissions(directory.path(), PermissionsExt::from_mode(0o777)).unwrap();
    let inside = Path::new("/").join(directory.path().strip_prefix(&root).unwrap());
    (directory, inside.to_str().unwrap().to_owned())
}

/// Whether memcached's help mentions an option; when it does not, says what the test leaves out.
pub fn offers(option: &str, what: &str) -> bool {
    let command = command();
    let help = Command::new(&command[0]).args(&command[1..]).arg("-h").output().unwrap();
    let offers = String::from_utf8_lossy(&help.stdout).contains(option);
    if !offers {
        println!("LEFT OUT on {}: {what}, which it was not built with", program().display());
    }
    offers
}

pub fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
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
    /// supported, from 1.4.34 on, or ones that it was asked for.
    pub fn start(options: &[&str]) -> Self {
        Self::run(command(), options)
    }

    /// As [`Self::start`], by another command.
    pub fn run(command: Vec<String>, options: &[&str]) -> Self {
        let socket = options.iter().position(|option| *option == "-s").map(|at| {
            let below = options[at + 1].trim_start_matches('/');
            root().join(below)
        });
        for _ in 0..5 {
            let port = free_port();
            let child = spawn(&command, port, options);
            let (command, socket) = (command.clone(), socket.clone());
            let mut server = Self { command, child, port, socket, version: Version::default() };
            if server.answers() {
                server.version = server.connect().version();
                return server;
            }
        }
        panic!("`{}` did not start a memcached on any of five ports", command.join(" "));
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
            if self.try_to_connect().is_ok() {
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
        self.child = spawn(&self.command, self.port, &[]);
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

    /// A connection that is not encrypted.
    pub fn connect(&self) -> Client {
        self.try_to_connect().unwrap()
    }

    fn try_to_connect(&self) -> io::Result<Client> {
        match &self.socket {
            Some(path) => UnixStream::connect(path).map(Client::on_unix_socket),
            None => TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).map(Client::new),
        }
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

fn spawn(command: &[String], port: u16, options: &[&str]) -> Child {
    // Where connections are encrypted, one that is not is needed too.
    let listen = if options.contains(&"-Z") { format!("notls:127.0.0.1:{port}") } else { "127.0.0.1".to_owned() };
    Command::new(&command[0])
        .args(&command[1..])
        .args(["-u", "nobody", "-l", &listen, "-U", "0", "-t", "4", "-m", "128", "-p", &port.to_string()])
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
