//! A client that sends requests as they are and reads everything that comes back.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

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

    /// Sends requests, and returns the lines of all answers. A meta no-op behind them, which names no key and so counts
    /// nowhere, marks the end.
    pub fn ask(&mut self, requests: &str) -> Vec<String> {
        self.ask_bytes(requests.as_bytes())
    }

    pub fn ask_bytes(&mut self, requests: &[u8]) -> Vec<String> {
        self.output.write_all(requests).unwrap();
        self.output.write_all(b"mn\r\n").unwrap();
        let mut lines = Vec::new();
        loop {
            let mut line = Vec::new();
            let read = self.input.read_until(b'\n', &mut line).unwrap();
            assert!(read > 0, "the server closed the connection");
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            if line == "MN" {
                return lines;
            }
            lines.push(line);
        }
    }

    /// Sends without waiting for an answer.
    pub fn send(&mut self, bytes: &[u8]) {
        self.output.write_all(bytes).unwrap();
    }
}
