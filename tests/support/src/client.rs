//! A client that sends requests as they are and reads everything that comes back.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::version::Version;

/// How long an answer may take.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A connection to a server.
pub struct Client {
    input: BufReader<Box<dyn Read + Send>>,
    output: Box<dyn Write + Send>,
}

impl Client {
    pub(crate) fn tcp(stream: TcpStream) -> io::Result<Self> {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Self::of(stream.try_clone()?, stream))
    }

    /// A client of any connection, by its two directions.
    pub fn of(input: impl Read + Send + 'static, output: impl Write + Send + 'static) -> Self {
        Self { input: BufReader::new(Box::new(input)), output: Box::new(output) }
    }

    /// Sends requests and returns the lines of all answers. A request for the version follows them: every memcached knows it, and
    /// it counts nowhere, because it names no key; its answer marks the end.
    pub fn ask(&mut self, requests: &str) -> Vec<String> {
        self.ask_bytes(requests.as_bytes())
    }

    /// As [`Self::ask`], of any bytes.
    pub fn ask_bytes(&mut self, requests: &[u8]) -> Vec<String> {
        self.try_ask(requests).unwrap().0
    }

    /// The server's version.
    pub fn version(&mut self) -> Version {
        Version::parse(&self.try_ask(b"").unwrap().1).unwrap()
    }

    pub(crate) fn try_ask(&mut self, requests: &[u8]) -> io::Result<(Vec<String>, String)> {
        self.output.write_all(requests)?;
        self.output.write_all(b"version\r\n")?;
        self.output.flush()?;
        let mut lines = Vec::new();
        loop {
            let line = self.try_line()?;
            if let Some(version) = line.strip_prefix("VERSION ") {
                return Ok((lines, version.to_owned()));
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
        self.try_line().unwrap()
    }

    fn try_line(&mut self) -> io::Result<String> {
        let mut line = Vec::new();
        if self.input.read_until(b'\n', &mut line)? == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the server closed the connection"));
        }
        Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
    }

    /// Fills a buffer with what comes back.
    pub fn read_exact(&mut self, bytes: &mut [u8]) {
        self.input.read_exact(bytes).unwrap();
    }
}
