//! The client side of memcached's text protocol, pipelined: requests are queued, sent together, and answered in order.
//!
//! Every answer is checked against the request it belongs to (memcached's doc/protocol.txt), and memory stays bounded
//! regardless of the server: lines have a limit, and values are counted, not kept.

use std::io::{Read, Write};

use anyhow::{Context, Result, bail};

use super::address::{Address, Stream};

/// Longest answer line: `VALUE`, a key of 250 bytes, three numbers; error messages are shorter.
const LINE_MAX: usize = 512;

/// Bytes read from the socket at once.
const BUFFER: usize = 256 * 1024;

/// Commands that a load consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Read.
    Get,
    /// Read with the item's version number.
    Gets,
    /// Store.
    Set,
    /// Remove.
    Delete,
}

/// One request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// What to do.
    pub verb: Verb,
    /// 1 to 250 bytes without blanks.
    pub key: String,
    /// Length of the value in bytes: to store, or expected when found.
    pub value_len: usize,
    /// The item's opaque flags.
    pub flags: u32,
    /// `exptime`: seconds to live, 0 for no limit, negative for already expired.
    pub ttl: i32,
}

impl Operation {
    /// An empty slot for a generator to fill.
    #[must_use]
    pub const fn empty() -> Self {
        Self { verb: Verb::Get, key: String::new(), value_len: 0, flags: 0, ttl: 0 }
    }

    /// Upper bound of its size on the wire, in bytes.
    #[must_use]
    pub fn wire_len(&self) -> usize {
        let value = if self.verb == Verb::Set { self.value_len } else { 0 };
        self.key.len() + value + 64
    }
}

/// What the server did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// A read found the key.
    Hit,
    /// A read did not.
    Miss,
    /// The value was stored.
    Stored,
    /// The key was removed.
    Deleted,
    /// There was nothing to remove.
    NotFound,
}

/// A connection.
#[derive(Debug)]
pub struct MemcachedClient<S = Stream> {
    stream: S,
    requests: Vec<u8>,
    answers: Box<[u8]>,
    start: usize,
    end: usize,
}

impl MemcachedClient {
    /// Connects.
    pub fn connect(address: &Address) -> Result<Self> {
        let stream = Stream::connect(address).with_context(|| format!("cannot connect to {address}"))?;
        Ok(Self::new(stream))
    }
}

impl<S: Read + Write> MemcachedClient<S> {
    /// A client on an open stream.
    pub fn new(stream: S) -> Self {
        Self { stream, requests: Vec::new(), answers: vec![0; BUFFER].into_boxed_slice(), start: 0, end: 0 }
    }

    /// Adds a request to those that [`Self::send`] will send.
    pub fn queue(&mut self, operation: &Operation) {
        let Operation { verb, key, value_len, flags, ttl } = operation;
        match verb {
            Verb::Get => self.requests.extend_from_slice(b"get "),
            Verb::Gets => self.requests.extend_from_slice(b"gets "),
            Verb::Set => self.requests.extend_from_slice(b"set "),
            Verb::Delete => self.requests.extend_from_slice(b"delete "),
        }
        self.requests.extend_from_slice(key.as_bytes());
        if *verb == Verb::Set {
            self.requests.extend_from_slice(format!(" {flags} {ttl} {value_len}\r\n").as_bytes());
            self.requests.resize(self.requests.len() + value_len, b'v');
        }
        self.requests.extend_from_slice(b"\r\n");
    }

    /// Sends what was queued.
    pub fn send(&mut self) -> Result<()> {
        let sent = self.stream.write_all(&self.requests).context("cannot send to the server");
        self.requests.clear();
        sent
    }

    /// Reads the answer to the oldest unanswered request, which was `operation`.
    ///
    /// # Errors
    /// When the connection is closed, the server is silent or out of memory, or its answer does not match the request.
    pub fn reply(&mut self, operation: &Operation) -> Result<Reply> {
        let line = self.line()?;
        let reply = match (operation.verb, line) {
            (Verb::Get | Verb::Gets, b"END") => Reply::Miss,
            (Verb::Get | Verb::Gets, line) if line.starts_with(b"VALUE ") => {
                let len = value_len(line, operation)?;
                self.skip(len)?;
                self.expect(b"")?;
                self.expect(b"END")?;
                Reply::Hit
            }
            (Verb::Set, b"STORED") => Reply::Stored,
            (Verb::Delete, b"DELETED") => Reply::Deleted,
            (Verb::Delete, b"NOT_FOUND") => Reply::NotFound,
            (_, b"SERVER_ERROR object too large for cache") => bail!(
                "the server refuses values of {} bytes; start it with a larger item size, such as `-I 4m`",
                operation.value_len
            ),
            (verb, line) => bail!(
                "the server answered `{}` to {verb:?} of `{}`",
                String::from_utf8_lossy(line).escape_debug(),
                operation.key
            ),
        };
        Ok(reply)
    }

    fn expect(&mut self, wanted: &[u8]) -> Result<()> {
        let line = self.line()?;
        if line != wanted {
            bail!(
                "after a value the server sent `{}` instead of `{}`",
                String::from_utf8_lossy(line).escape_debug(),
                String::from_utf8_lossy(wanted)
            );
        }
        Ok(())
    }

    /// The next line, without its CRLF.
    fn line(&mut self) -> Result<&[u8]> {
        let mut searched = 0;
        loop {
            let buffered = &self.answers[self.start..self.end];
            if let Some(at) = buffered[searched..].iter().position(|&byte| byte == b'\n') {
                let (line_start, newline) = (self.start, self.start + searched + at);
                self.start = newline + 1;
                return self.answers[line_start..newline]
                    .strip_suffix(b"\r")
                    .context("the server ended a line without CR");
            }
            searched = buffered.len();
            if searched > LINE_MAX {
                bail!("the server sent a line of more than {LINE_MAX} bytes");
            }
            self.fill()?;
        }
    }

    /// Reads past `count` bytes.
    fn skip(&mut self, mut count: usize) -> Result<()> {
        loop {
            let step = count.min(self.end - self.start);
            self.start += step;
            count -= step;
            if count == 0 {
                return Ok(());
            }
            self.fill()?;
        }
    }

    /// Reads more from the socket; what is unread is kept, and is always shorter than the buffer.
    fn fill(&mut self) -> Result<()> {
        self.answers.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        let read = self.stream.read(&mut self.answers[self.end..]).context("cannot read from the server")?;
        if read == 0 {
            bail!("the server closed the connection");
        }
        self.end += read;
        Ok(())
    }
}

/// The length in a line `VALUE <key> <flags> <bytes> [<cas>]`, which must be the answer to `operation`.
fn value_len(line: &[u8], operation: &Operation) -> Result<usize> {
    let text = std::str::from_utf8(line).context("the server answered with a key that is not UTF-8")?;
    let mut words = text.split(' ').skip(1);
    let (key, flags, len, version) = (words.next(), words.next(), words.next(), words.next());
    let len = len.and_then(|len| len.parse().ok());
    let well_formed = key == Some(operation.key.as_str())
        && flags == Some(operation.flags.to_string().as_str())
        && version.is_some() == (operation.verb == Verb::Gets)
        && words.next().is_none();
    match len {
        Some(len) if well_formed && len == operation.value_len => Ok(len),
        _ => bail!(
            "the server answered `{}` to {:?} of `{}`, whose value was stored with {} bytes and flags {}",
            text.escape_debug(),
            operation.verb,
            operation.key,
            operation.value_len,
            operation.flags
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    /// Answers from a script, in pieces of a few bytes, and keeps what it was sent.
    struct Script {
        answers: Vec<u8>,
        at: usize,
        step: usize,
        sent: Vec<u8>,
    }

    impl Read for Script {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let len = self.step.min(buffer.len()).min(self.answers.len() - self.at);
            buffer[..len].copy_from_slice(&self.answers[self.at..self.at + len]);
            self.at += len;
            Ok(len)
        }
    }

    impl Write for Script {
        fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
            self.sent.extend_from_slice(buffer);
            Ok(buffer.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn client(answers: impl AsRef<[u8]>, step: usize) -> MemcachedClient<Script> {
        MemcachedClient::new(Script { answers: answers.as_ref().to_vec(), at: 0, step, sent: Vec::new() })
    }

    fn operation(verb: Verb, value_len: usize) -> Operation {
        Operation { verb, key: "a:b".to_owned(), value_len, flags: 1, ttl: 30 }
    }

    #[test]
    fn requests_are_written_as_the_protocol_has_them() {
        let mut client = client("", 1);
        for verb in [Verb::Get, Verb::Gets, Verb::Set, Verb::Delete] {
            client.queue(&operation(verb, 3));
        }
        client.send().unwrap();
        assert_eq!(client.stream.sent, b"get a:b\r\ngets a:b\r\nset a:b 1 30 3\r\nvvv\r\ndelete a:b\r\n");
    }

    #[test]
    fn answers_are_read_in_order_however_they_are_cut() {
        let answers =
            "VALUE a:b 1 3\r\nvvv\r\nEND\r\nEND\r\nVALUE a:b 1 0 77\r\n\r\nEND\r\nSTORED\r\nDELETED\r\nNOT_FOUND\r\n";
        for step in 1..answers.len() {
            let mut client = client(answers, step);
            let asked = [
                (Verb::Get, 3, Reply::Hit),
                (Verb::Get, 3, Reply::Miss),
                (Verb::Gets, 0, Reply::Hit),
                (Verb::Set, 3, Reply::Stored),
                (Verb::Delete, 0, Reply::Deleted),
                (Verb::Delete, 0, Reply::NotFound),
            ];
            for (verb, len, wanted) in asked {
                assert_eq!(client.reply(&operation(verb, len)).unwrap(), wanted, "step {step}");
            }
            assert!(client.reply(&operation(Verb::Get, 3)).unwrap_err().to_string().contains("closed"));
        }
    }

    #[test]
    fn a_value_larger_than_the_buffer_is_skipped() {
        let len = 3 * BUFFER + 5;
        let mut answers = format!("VALUE a:b 1 {len}\r\n").into_bytes();
        answers.resize(answers.len() + len, b'v');
        answers.extend_from_slice(b"\r\nEND\r\n");
        assert_eq!(client(answers, usize::MAX).reply(&operation(Verb::Get, len)).unwrap(), Reply::Hit);
    }

    #[test]
    fn wrong_answers_are_refused() {
        let endless = "x".repeat(LINE_MAX * 4);
        for (verb, answers) in [
            (Verb::Get, "VALUE other 1 3\r\nvvv\r\nEND\r\n"),
            (Verb::Get, "VALUE a:b 1 4\r\nvvvv\r\nEND\r\n"),
            (Verb::Get, "VALUE a:b 2 3\r\nvvv\r\nEND\r\n"),
            (Verb::Get, "VALUE a:b 1 3\r\nvvvv\r\nEND\r\n"),
            (Verb::Get, "VALUE a:b 1 99999999999999999999\r\n"),
            (Verb::Gets, "VALUE a:b 1 3\r\nvvv\r\nEND\r\n"),
            (Verb::Get, "END\n"),
            (Verb::Get, "STORED\r\n"),
            (Verb::Set, "SERVER_ERROR out of memory storing object\r\n"),
            (Verb::Set, "SERVER_ERROR object too large for cache\r\n"),
            (Verb::Delete, "ERROR\r\n"),
            (Verb::Delete, endless.as_str()),
        ] {
            assert!(client(answers, 64).reply(&operation(verb, 3)).is_err(), "{verb:?} {answers}");
        }
    }
}
