//! The bytes of a capture file, line by line, decompressed where they are compressed.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};

use super::LINE_MAX;

/// How a zstd frame begins (RFC 8878, 3.1.1).
const ZSTD_MAGIC: [u8; 4] = 0xFD2F_B528_u32.to_le_bytes();
/// Largest window of a frame, as a power of two, that a reader takes memory for: 32 MiB, what `zstd -19` needs and more.
const WINDOW_LOG_MAX: u32 = 25;
/// Bytes read at once.
const BUFFER: usize = 256 << 10;

/// An opened file.
pub type Input = Box<dyn BufRead + Send>;

/// The decompressed content of a file, and whether it was compressed.
///
/// # Errors
/// When it cannot be read.
pub fn open(file: File) -> io::Result<(Input, bool)> {
    let mut input = BufReader::with_capacity(BUFFER, file);
    // A pipe may hand out fewer bytes at first, but one of mctop's own begins with a whole line or block.
    if !input.fill_buf()?.starts_with(&ZSTD_MAGIC) {
        return Ok((Box::new(input), false));
    }
    let mut decoder = zstd::stream::read::Decoder::with_buffer(input)?;
    decoder.window_log_max(WINDOW_LOG_MAX)?;
    Ok((Box::new(BufReader::with_capacity(BUFFER, decoder)), true))
}

/// What came of reading a line.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    /// A line with its newline.
    Whole,
    /// What is there of a last line without one.
    Rest,
    /// Nothing more.
    End,
    /// A line longer than [`LINE_MAX`].
    TooLong,
}

/// Reads the next line into `line`. A compressed file that ends within a frame ends where its last block does.
///
/// # Errors
/// When the file cannot be read, or is not what zstd wrote.
pub fn read_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<Found> {
    line.clear();
    match input.take(LINE_MAX as u64).read_until(b'\n', line) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {}
        Err(error) => return Err(error),
    }
    Ok(if line.ends_with(b"\n") {
        Found::Whole
    } else if line.is_empty() {
        Found::End
    } else if line.len() == LINE_MAX {
        Found::TooLong
    } else {
        Found::Rest
    })
}
