//! A private memcached: on a free port of the loopback interface or a Unix socket, stopped when dropped.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};
use std::{env, io};

use anyhow::{Context, Result, bail};
use rustix::net::{AddressFamily, SocketType, bind, connect, socket};
use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use tempfile::TempDir;

use crate::client::{Client, PATIENCE};
use crate::version::{CRAWLERS_ON, Version};

/// Where distributions install memcached. A locally built one with symbols in `PATH` may hide the stripped one that users have.
pub const MEMCACHED: &str = "/usr/bin/memcached";

/// The words of the command that starts memcached instead of [`MEMCACHED`], separated by spaces. It must become memcached by
/// `exec`, as `chroot` does.
pub const COMMAND_VARIABLE: &str = "MCTOP_TEST_MEMCACHED";

/// The same for a second memcached, of another build, that runs beside the first.
pub const SECOND_COMMAND_VARIABLE: &str = "MCTOP_TEST_MEMCACHED_2";

/// How many ports are tried: another process may take a free one before memcached does.
const ATTEMPTS: u32 = 10;

/// How long a server may take to listen.
const START_TIMEOUT: Duration = Duration::from_secs(10);

/// The words of the command that starts memcached.
pub fn command() -> Vec<String> {
    words(COMMAND_VARIABLE).unwrap_or_else(|| vec![MEMCACHED.to_owned()])
}

/// The words of the command that starts the second memcached, if there is one.
pub fn second_command() -> Option<Vec<String>> {
    words(SECOND_COMMAND_VARIABLE)
}

fn words(variable: &str) -> Option<Vec<String>> {
    let words: Vec<String> = env::var(variable).ok()?.split_whitespace().map(str::to_owned).collect();
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

/// A directory that memcached and all users can write into, and its path as memcached sees it.
pub fn directory() -> (TempDir, String) {
    let root = root();
    let directory = TempDir::new_in(if root == Path::new("/") { env::temp_dir() } else { root.clone() }).unwrap();
    fs::set_permissions(directory.path(), PermissionsExt::from_mode(0o777)).unwrap();
    let inside = Path::new("/").join(directory.path().strip_prefix(&root).unwrap());
    (directory, inside.to_str().unwrap().to_owned())
}

/// A TCP port that no process listens on. memcached takes port 0 for "no TCP", so it cannot choose one itself.
pub fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// A running memcached.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// The child, or its own child where that is a wrapper such as unshare(1).
    pid: u32,
    port: u16,
    /// The Unix socket where it listens instead of at a port.
    socket: Option<PathBuf>,
}

impl Server {
    /// Starts the memcached under test with options. All of them must be known to every supported version, from [`crate::version::OLDEST`] on, or be
    /// ones that the test is about.
    pub fn start(options: &[&str]) -> Self {
        Self::run(&command(), options)
    }

    /// Starts a memcached by another command.
    pub fn run<S: AsRef<OsStr>>(words: &[S], options: &[&str]) -> Self {
        Self::try_start(|| with_words(words), options).unwrap_or_else(|error| panic!("{error:#}"))
    }

    /// Starts the memcached under test without the threads that would remove expired items before they are looked up.
    pub fn start_without_crawler() -> Self {
        let server = Self::start(&[]);
        // In earlier versions both are off by default, and the options that turn them off unknown.
        if server.version() < CRAWLERS_ON {
            return server;
        }
        drop(server);
        Self::start(&["-o", "no_lru_crawler,no_lru_maintainer"])
    }

    /// Starts a memcached by a command, to which the options and a free port are added, and waits until it listens.
    pub fn try_start(new_command: impl Fn() -> Command, options: &[&str]) -> Result<Self> {
        let mut said = String::new();
        for _ in 0..ATTEMPTS {
            let mut command = new_command();
            match Self::listening(&mut command, free_port(), options)? {
                Ok(server) => return Ok(server),
                Err(message) => said = format!("{} ended at once: {}", command.get_program().display(), message.trim()),
            }
        }
        bail!(said)
    }

    /// The server, or what it wrote to standard error before it ended.
    fn listening(command: &mut Command, port: u16, options: &[&str]) -> Result<Result<Self, String>> {
        // Encrypted servers need one more port without encryption, for the tests' own questions.
        let listen = if options.contains(&"-Z") { format!("notls:127.0.0.1:{port}") } else { "127.0.0.1".to_owned() };
        if rustix::process::geteuid().is_root() {
            command.args(["-u", "nobody"]);
        }
        command.args(["-l", &listen, "-U", "0", "-t", "4", "-m", "128", "-p", &port.to_string()]).args(options);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let child = command.spawn().with_context(|| format!("cannot start {}", command.get_program().display()))?;
        let socket = options.iter().position(|option| *option == "-s");
        let socket = socket.map(|at| root().join(options[at + 1].trim_start_matches('/')));
        // From here on an early return kills it.
        let mut server = Self { pid: child.id(), child, port, socket };
        let deadline = Instant::now() + START_TIMEOUT;
        while !server.listens() {
            if server.child.try_wait().context("cannot wait for memcached")?.is_some() {
                let stderr = server.child.stderr.take().context("memcached has no standard error")?;
                return Ok(Err(io::read_to_string(stderr).context("cannot read memcached's standard error")?));
            }
            if Instant::now() > deadline {
                bail!("memcached (pid {}) did not listen on port {port} within {START_TIMEOUT:?}", server.pid);
            }
            sleep(Duration::from_millis(10));
        }
        Ok(Ok(server))
    }

    /// Whether this very process listens, which holds in network namespaces of its own, too.
    fn listens(&mut self) -> bool {
        self.pid = child_of(self.child.id()).unwrap_or(self.child.id());
        match &self.socket {
            Some(path) => UnixStream::connect(path).is_ok(),
            None => listening_socket(self.pid, self.port).is_some_and(|inode| has_socket(self.pid, &inode)),
        }
    }

    /// Kills the server and starts the memcached under test on its port, without options.
    pub fn restart(&mut self) {
        let port = self.port;
        self.kill();
        *self = Self::listening(&mut with_words(&command()), port, &[]).unwrap().unwrap();
    }

    /// Kills the server.
    pub fn kill(&mut self) {
        if let Some(pid) = Pid::from_raw(self.pid.cast_signed())
            && self.pid != self.child.id()
        {
            // It may have ended with its wrapper.
            let _ = kill_process(pid, Signal::KILL);
            // Another process may get this id.
            self.pid = self.child.id();
        }
        // Both fail only when the process has ended and been waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Its TCP port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// Its version.
    pub fn version(&self) -> Version {
        self.connect().version()
    }

    /// A connection without encryption.
    pub fn connect(&self) -> Client {
        self.try_connect().unwrap()
    }

    /// A connection from another address of the loopback interface.
    pub fn connect_from(&self, address: Ipv4Addr) -> Client {
        let socket = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
        bind(&socket, &SocketAddrV4::new(address, 0)).unwrap();
        connect(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, self.port)).unwrap();
        Client::tcp(TcpStream::from(socket)).unwrap()
    }

    fn try_connect(&self) -> io::Result<Client> {
        if let Some(path) = &self.socket {
            let stream = UnixStream::connect(path)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            return Ok(Client::of(stream.try_clone()?, stream));
        }
        let namespace = |process: &str| fs::read_link(format!("/proc/{process}/ns/net"));
        let (address, own) = (self.address(), namespace("self")?);
        if namespace(&self.pid.to_string()).is_ok_and(|other| other != own) {
            let other = File::open(format!("/proc/{}/ns/net", self.pid))?;
            // A thread of its own, which is left in the namespace that it enters.
            let connected = thread::spawn(move || {
                move_into_link_name_space(other.as_fd(), Some(LinkNameSpaceType::Network))?;
                TcpStream::connect(address)
            });
            return Client::tcp(connected.join().unwrap()?);
        }
        Client::tcp(TcpStream::connect(address)?)
    }

    /// memcached's own counters: its whole-numbered general statistics, by name.
    pub fn stats(&self) -> HashMap<String, u64> {
        self.try_stats().unwrap()
    }

    /// As [`Self::stats`].
    pub fn try_stats(&self) -> Result<HashMap<String, u64>> {
        let answer = self.try_connect().and_then(|mut client| client.try_ask(b"stats\r\n"));
        let answer = answer.with_context(|| format!("no answer to `stats` on {}", self.address()))?;
        let numbers = answer.0.iter().filter_map(|line| {
            let (name, value) = line.strip_prefix("STAT ")?.split_once(' ')?;
            Some((name.to_owned(), value.parse().ok()?))
        });
        Ok(numbers.collect())
    }

    /// Whether this memcached has what exists since a version; when it has not, prints what the test leaves out.
    pub fn has(&self, since: Version, what: &str) -> bool {
        let version = self.version();
        if version < since {
            println!("LEFT OUT on {version}: {what}, there since {since}");
        }
        version >= since
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

fn with_words<S: AsRef<OsStr>>(words: &[S]) -> Command {
    let (program, arguments) = words.split_first().unwrap();
    let mut command = Command::new(program);
    command.args(arguments);
    command
}

/// A process's first child, if it has one.
fn child_of(pid: u32) -> Option<u32> {
    let processes = fs::read_dir("/proc").ok()?.flatten();
    let mut pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.find(|child| {
        let stat = fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
        // PID (NAME) STATE PPID …; proc_pid_stat(5).
        let parent = stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1)?.parse().ok());
        parent == Some(pid)
    })
}

/// The inode of the socket that listens on a TCP port, as a process sees its network.
fn listening_socket(pid: u32, port: u16) -> Option<String> {
    let sockets = fs::read_to_string(format!("/proc/{pid}/net/tcp")).ok()?;
    // Fields of proc_pid_net(5): number, local address, remote address, state, …, inode; 0A is TCP_LISTEN.
    sockets.lines().find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let is_it = fields.get(3) == Some(&"0A") && fields.get(1)?.ends_with(&format!(":{port:04X}"));
        is_it.then(|| fields.get(9).map(ToString::to_string))?
    })
}

fn has_socket(pid: u32, inode: &str) -> bool {
    let Ok(descriptors) = fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
    let target = PathBuf::from(format!("socket:[{inode}]"));
    descriptors.flatten().any(|entry| fs::read_link(entry.path()).is_ok_and(|to| to == target))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_ends_at_once_is_reported() {
        let start = |program| Server::try_start(|| Command::new(program), &[]).unwrap_err().to_string();
        assert!(start("/bin/false").contains("/bin/false ended at once"));
        assert!(start("/nonexistent").contains("cannot start /nonexistent"));
    }

    #[test]
    #[ignore = "needs memcached"]
    fn a_server_answers_and_is_gone_after_drop() {
        let server = Server::start(&[]);
        let (pid, address) = (server.pid(), server.address());
        assert_eq!(server.stats()["pid"], u64::from(pid));
        drop(server);
        assert!(!Path::new(&format!("/proc/{pid}")).exists());
        assert!(address.ip().is_loopback() && TcpStream::connect(address).is_err());
    }
}
