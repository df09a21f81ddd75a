//! A client that sends requests as they are and reads everything that comes back.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use crate::version::Version;

/// How long an answer may take.
pub const PATIENCE: Duration = Duration::from_secs(30);

pub struct Client {
    input: BufReader<Box<dyn Read + Send>>,
    output: Box<dyn Write + Send>,
}

impl Client {
    pub fn new(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self::of(stream.try_clone().unwrap(), stream)
    }

    pub fn on_unix_socket(stream: UnixStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self::of(stream.try_clone().unwrap(), stream)
    }

    /// A client of any connection, by its two directions.
    pub fn of(input: impl Read + Send + 'static, output: impl Write + Send + 'static) -> Self {
        Self { input: BufReader::new(Box::new(input)), output: Box::new(output) }
    }

    /// Sends requests, and returns the lines of all answers. Behind them the version is asked for, which every memcached
    /// knows and which counts nowhere, since it names no key; its answer marks the end.
    pub fn ask(&mut self, requests: &str) -> Vec<String> {
        self.ask_bytes(requests.as_bytes())
    }

    pub fn ask_bytes(&mut self, requests: &[u8]) -> Vec<String> {
        self.lines_and_version(requests).0
    }

    /// The server's version.
    pub fn version(&mut self) -> Version {
        self.lines_and_version(b"").1.parse().unwrap()
    }

    fn lines_and_version(&mut self, requests: &[u8]) -> (Vec<String>, String) {
        self.send(requests);
        self.send(b"version\r\n");
        let mut lines = Vec::new();
        loop {
            let line = self.line();
            if let Some(version) = line.strip_prefix("VERSION ") {
                return (lines, version.to_owned());
            }
            lines.push(line);
        }
    }

    /// Sends without waiting for an answer.
    pub fn send(&mut self, bytes: &[u8]) {
        self.output.write_all(bytes).unwrap();
        self.output.flush().unwrap();
    }

    /// The next line that comes back, without its end.
    pub fn line(&mut self) -> String {
        let mut line = Vec::new();
        let read = self.input.read_until(b'\n', &mut line).unwrap();
        assert!(read > 0, "the server closed the connection");
        String::from_utf8_lossy(&line).trim_end().to_owned()
    }

    /// Reads as many bytes as there are places for.
    pub fn read_exact(&mut self, bytes: &mut [u8]) {
        self.input.read_exact(bytes).unwrap();
    }
}
