//! Answers to reads, counted by the first byte of their lines.

use std::io::Read;

use anyhow::{Context, Result, bail};

/// Bytes read from the socket at once.
const BUFFER: usize = 128 * 1024;

/// Reader of answers.
#[derive(Debug)]
pub struct Answers {
    buffer: Box<[u8]>,
    /// Whether the next byte starts a line.
    at_line: bool,
}

impl Default for Answers {
    fn default() -> Self {
        Self { buffer: vec![0; BUFFER].into_boxed_slice(), at_line: true }
    }
}

impl Answers {
    /// Reads the answers to a number of `get` requests and returns the number of values: each answer ends with `END`, and values
    /// consist of `v`s.
    pub fn read(&mut self, stream: &mut impl Read, requests: u64) -> Result<u64> {
        let (mut values, mut ends) = (0, 0);
        while ends < requests || !self.at_line {
            self.lines(stream, |first| {
                values += u64::from(first == b'V');
                ends += u64::from(first == b'E');
                matches!(first, b'V' | b'E' | b'v')
            })?;
        }
        if ends > requests {
            bail!("the server sent more answers than there were requests");
        }
        Ok(values)
    }

    /// Reads the answers to a number of `set` requests.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn read_stored(stream: &mut impl Read, requests: u64) -> Result<()> {
        const STORED: &[u8] = b"STORED\r\n";
        for _ in 0..requests {
            let mut line = [0; STORED.len()];
            stream.read_exact(&mut line).context("cannot read from the server")?;
            if line != STORED {
                bail!("the server answered `{}` instead of storing a value", line.escape_ascii());
            }
        }
        Ok(())
    }

    /// Reads once and passes on the first byte of each line; the callback returns `false` for an unexpected one.
    fn lines(&mut self, stream: &mut impl Read, mut begins: impl FnMut(u8) -> bool) -> Result<()> {
        let read = stream.read(&mut self.buffer).context("cannot read from the server")?;
        if read == 0 {
            bail!("the server closed the connection");
        }
        for &byte in self.buffer.iter().take(read) {
            if self.at_line && !begins(byte) {
                bail!("the server answered a line that starts with `{}`", byte.escape_ascii());
            }
            self.at_line = byte == b'\n';
        }
        Ok(())
    }
}
