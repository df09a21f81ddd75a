//! A real memcached of the test's own, on a free port of the loopback interface.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Instant;

use crate::loopback::connect_from;
use crate::requirement::MEMCACHED;
use crate::terminal::PATIENCE;

/// A running server, ended when dropped.
pub struct Memcached {
    process: Child,
    port: u16,
}

impl Memcached {
    /// Starts one and waits until it answers.
    pub fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new(MEMCACHED);
        // It refuses to run as root unless told so.
        command.args(["-u", "root", "-l", "127.0.0.1", "-U", "0", "-p", &port.to_string()]);
        let process = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let mut server = Self { process, port };
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(server.process.try_wait().unwrap().is_none(), "memcached did not start");
            assert!(Instant::now() < deadline, "memcached does not listen");
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        server
    }

    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Sends a request of one line on a connection of its own; the first line of the answer.
    pub fn ask(&self, request: &str) -> String {
        let mut connection = self.connect();
        connection.write_all(format!("{request}\r\n").as_bytes()).unwrap();
        let mut line = String::new();
        BufReader::new(connection).read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// Sends a request so many times on one connection from an address of this machine, each when the one before is answered.
    pub fn ask_from(&self, address: [u8; 4], request: &str, times: usize) {
        let mut output = connect_from(address.into(), self.port);
        let mut input = BufReader::new(output.try_clone().unwrap());
        for _ in 0..times {
            output.write_all(format!("{request}\r\n").as_bytes()).unwrap();
            let mut line = String::new();
            while line != "END\r\n" {
                line.clear();
                assert!(input.read_line(&mut line).unwrap() > 0, "memcached closed the connection");
            }
        }
    }

    fn connect(&self) -> TcpStream {
        let connection = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        connection.set_read_timeout(Some(PATIENCE)).unwrap();
        connection
    }

    /// Gets a key that holds `size` bytes, a hundred times at once, until told to stop.
    pub fn load(&self, key: &str, size: usize) -> Load {
        self.expiring_load(key, size, 0)
    }

    /// The same of a key that expires after so many seconds.
    pub fn expiring_load(&self, key: &str, size: usize, lifetime: u32) -> Load {
        assert_eq!(self.ask(&format!("set {key} 0 {lifetime} {size}\r\n{}", "x".repeat(size))), "STORED");
        let mut connection = self.connect();
        let request = format!("get {key}\r\n").repeat(100);
        let answer = format!("VALUE {key} 0 {size}\r\n").len() + size + "\r\nEND\r\n".len();
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut answers = vec![0; answer * 100];
            let mut gets = 0;
            while !told.load(Ordering::Relaxed) {
                connection.write_all(request.as_bytes()).unwrap();
                connection.read_exact(&mut answers).unwrap();
                gets += 100;
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
            gets
        });
        Load { stop, thread }
    }
}

impl Drop for Memcached {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Requests under way.
pub struct Load {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<u64>,
}

impl Load {
    /// Ends them; how many there were, all of which were answered.
    pub fn stop(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}
