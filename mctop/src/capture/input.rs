//! Reads a capture file line by line, and decompresses it if necessary.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};

use super::LINE_MAX;

/// First bytes of a zstd frame (RFC 8878, 3.1.1).
const ZSTD_MAGIC: [u8; 4] = 0xFD2F_B528_u32.to_le_bytes();
/// Largest frame window that a reader allocates, as a power of two: 32 MiB, more than `zstd -19` needs.
const WINDOW_LOG_MAX: u32 = 25;
/// Bytes to read at once.
const BUFFER_BYTES: usize = 256 << 10;

/// An opened file.
pub(super) type Input = Box<dyn BufRead + Send>;

/// The decompressed content of a file, and whether the file was compressed.
pub(super) fn open(file: File) -> io::Result<(Input, bool)> {
    let mut input = BufReader::with_capacity(BUFFER_BYTES, file);
    // A pipe may return fewer bytes than the magic number, but not from mctop, which writes whole lines or blocks.
    if !input.fill_buf()?.starts_with(&ZSTD_MAGIC) {
        return Ok((Box::new(input), false));
    }
    let mut decoder = zstd::stream::read::Decoder::with_buffer(input)?;
    decoder.window_log_max(WINDOW_LOG_MAX)?;
    Ok((Box::new(BufReader::with_capacity(BUFFER_BYTES, decoder)), true))
}

/// Result of reading a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum LineRead {
    /// A line with its newline.
    Complete,
    /// A last line without a newline.
    Unterminated,
    /// There are no more lines.
    End,
    /// A line longer than [`LINE_MAX`].
    TooLong,
}

/// Reads the next line into `line`. If a compressed file ends within a frame, everything up to its last complete block is read.
pub(super) fn read_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<LineRead> {
    line.clear();
    match input.take(LINE_MAX as u64).read_until(b'\n', line) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {}
        Err(error) => return Err(error),
    }
    Ok(if line.ends_with(b"\n") {
        LineRead::Complete
    } else if line.is_empty() {
        LineRead::End
    } else if line.len() == LINE_MAX {
        LineRead::TooLong
    } else {
        LineRead::Unterminated
    })
}
