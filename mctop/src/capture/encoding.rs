//! Writes lines either plain or compressed by zstd. Every line is flushed, so that it can be read before the file is complete.

use std::io::{self, Write};

use zstd::stream::write::Encoder;

use crate::yielder::{Yielder, YieldingWriter};

/// zstd's default compression level. It uses about a tenth of a core at 10,000 keys a second.
const COMPRESSION_LEVEL: i32 = 3;
/// Uncompressed bytes per frame. Each frame ends with a checksum, so damage is noticed within this many bytes.
const FRAME_BYTES: u64 = 4 << 20;

/// Counts the bytes written.
struct CountingWriter<W> {
    out: W,
    written: u64,
}

impl<W: Write> Write for CountingWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.written += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Writes lines to an output. After an error it cannot be used any more.
pub(super) struct LineEncoder<W: Write>(EncodingState<W>);

enum EncodingState<W: Write> {
    Plain(CountingWriter<W>),
    /// The current frame and its uncompressed length.
    Zstd(Box<Encoder<'static, CountingWriter<W>>>, u64),
    /// A frame could not be finished or started.
    Broken,
}

impl<W: Write> LineEncoder<W> {
    /// Creates an encoder.
    pub(super) fn new(out: W, compress: bool) -> io::Result<Self> {
        let out = CountingWriter { out, written: 0 };
        Ok(Self(if compress { EncodingState::Zstd(Box::new(new_frame(out)?), 0) } else { EncodingState::Plain(out) }))
    }

    /// Writes a whole line and flushes it.
    pub(super) fn write_line(&mut self, line: &[u8], yielder: &mut Yielder) -> io::Result<()> {
        match &mut self.0 {
            EncodingState::Plain(out) => {
                out.write_all(line)?;
                return out.flush();
            }
            EncodingState::Zstd(encoder, length) => {
                YieldingWriter::new(encoder, yielder).write_all(line)?;
                *length += line.len() as u64;
                if *length < FRAME_BYTES {
                    return encoder.flush();
                }
            }
            EncodingState::Broken => return Err(io::Error::other("an earlier write failed")),
        }
        if let EncodingState::Zstd(encoder, _) = std::mem::replace(&mut self.0, EncodingState::Broken) {
            let mut out = encoder.finish()?;
            out.flush()?;
            self.0 = EncodingState::Zstd(Box::new(new_frame(out)?), 0);
        }
        Ok(())
    }

    /// Ends the last frame and returns the output.
    pub(super) fn finish(self) -> io::Result<W> {
        let mut counted = match self.0 {
            EncodingState::Plain(out) => out,
            EncodingState::Zstd(encoder, _) => encoder.finish()?,
            EncodingState::Broken => return Err(io::Error::other("an earlier write failed")),
        };
        counted.flush()?;
        Ok(counted.out)
    }

    /// Bytes written to the output so far.
    pub(super) fn written(&self) -> u64 {
        match &self.0 {
            EncodingState::Plain(out) => out.written,
            EncodingState::Zstd(encoder, _) => encoder.get_ref().written,
            EncodingState::Broken => 0,
        }
    }

    /// The output.
    pub(super) fn output(&mut self) -> Option<&mut W> {
        match &mut self.0 {
            EncodingState::Plain(out) => Some(&mut out.out),
            EncodingState::Zstd(encoder, _) => Some(&mut encoder.get_mut().out),
            EncodingState::Broken => None,
        }
    }
}

fn new_frame<W: Write>(out: CountingWriter<W>) -> io::Result<Encoder<'static, CountingWriter<W>>> {
    let mut encoder = Encoder::new(out, COMPRESSION_LEVEL)?;
    encoder.include_checksum(true)?;
    Ok(encoder)
}
