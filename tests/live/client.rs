//! A client that sends requests as they are and reads everything that comes back.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::version::Version;

pub struct Client {
    input: BufReader<TcpStream>,
    output: TcpStream,
}

impl Client {
    pub fn new(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { input: BufReader::new(stream.try_clone().unwrap()), output: stream }
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
        self.output.write_all(requests).unwrap();
        self.output.write_all(b"version\r\n").unwrap();
        let mut lines = Vec::new();
        loop {
            let mut line = Vec::new();
            let read = self.input.read_until(b'\n', &mut line).unwrap();
            assert!(read > 0, "the server closed the connection");
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            if let Some(version) = line.strip_prefix("VERSION ") {
                return (lines, version.to_owned());
            }
            lines.push(line);
        }
    }

    /// Sends without waiting for an answer.
    pub fn send(&mut self, bytes: &[u8]) {
        self.output.write_all(bytes).unwrap();
    }
}
