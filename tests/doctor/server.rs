//! A memcached run in some way, stopped when dropped.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::process::{Child, Command, Stdio};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use mctop::{Selection, discover};
use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

pub use crate::requirement::MEMCACHED;

/// How long a server may take to start.
const PATIENCE: Duration = Duration::from_secs(10);

/// A running server.
pub struct Server {
    child: Child,
    pid: u32,
    port: u16,
}

impl Server {
    /// Starts the stock memcached.
    pub fn start() -> Self {
        Self::run([MEMCACHED], &["-u", "nobody", "-l", "127.0.0.1"])
    }

    /// Runs a memcached by this command and options, on a port of its own.
    pub fn run<S: AsRef<OsStr>>(command: impl IntoIterator<Item = S>, options: &[&str]) -> Self {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let mut words = command.into_iter();
        let mut command = Command::new(words.next().unwrap());
        command.args(words).args(options);
        Self::spawn(&mut command, port)
    }

    /// Runs a command that is completed by the port; the server is its process, or that one's child.
    pub fn spawn(command: &mut Command, port: u16) -> Self {
        command.args(["-U", "0", "-m", "16", "-p", &port.to_string()]);
        let child = command.stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let mut server = Self { pid: child.id(), child, port };
        let deadline = Instant::now() + PATIENCE;
        while !server.listens() {
            assert!(Instant::now() < deadline, "memcached does not listen on port {port}");
            assert_eq!(server.child.try_wait().unwrap(), None, "memcached ended");
            sleep(Duration::from_millis(10));
        }
        server
    }

    fn listens(&mut self) -> bool {
        let processes = procfs::process::all_processes().unwrap().flatten();
        let stats = processes.filter_map(|process| process.stat().ok());
        let wrapper = self.child.id().cast_signed();
        self.pid =
            stats.into_iter().find(|stat| stat.ppid == wrapper).map_or(self.pid, |stat| stat.pid.cast_unsigned());
        let found = discover(&Selection { pids: vec![self.pid], ..Selection::default() });
        found.is_ok_and(|found| found.iter().any(|process| process.ports().any(|port| port == self.port)))
    }

    /// Sends requests from within the server's network namespace, and waits for all answers.
    pub fn ask(&self, requests: &'static str) {
        let namespace = File::open(format!("/proc/{}/ns/net", self.pid)).unwrap();
        let port = self.port;
        // A thread of its own, which is left where it goes.
        let client = thread::spawn(move || {
            move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
            let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
            stream.write_all(requests.as_bytes()).unwrap();
            stream.write_all(b"quit\r\n").unwrap();
            let mut answers = String::new();
            stream.read_to_string(&mut answers).unwrap();
            assert!(!answers.contains("ERROR"), "{answers}");
        });
        client.join().unwrap();
    }

    pub fn pid(&self) -> u32 {
        self.pid
    }

    pub fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.pid != self.child.id()
            && let Some(pid) = Pid::from_raw(self.pid.cast_signed())
        {
            let _ = kill_process(pid, Signal::KILL);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
