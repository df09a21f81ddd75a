//! How lines become bytes of a file: as they are, or compressed so that whatever was flushed can be read.

use std::io::{self, Write};

use zstd::stream::write::Encoder;

use crate::pauses::{Pauses, Pausing};

/// Level of compression: zstd's own default, about a tenth of a core at 10,000 keys a second.
const LEVEL: i32 = 3;
/// Bytes of lines after which a frame is ended and its checksum written: damage is noticed within so much.
const FRAME: u64 = 4 << 20;

/// Counts what is written.
struct Counted<W> {
    out: W,
    written: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.written += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Where lines are written to. After an error nothing more may be written.
pub struct Encoding<W: Write>(State<W>);

enum State<W: Write> {
    Plain(Counted<W>),
    /// A frame under way, and how many bytes of lines are in it.
    Zstd(Box<Encoder<'static, Counted<W>>>, u64),
    /// Starting the next frame failed.
    Broken,
}

impl<W: Write> Encoding<W> {
    /// Begins.
    ///
    /// # Errors
    /// When zstd cannot have its memory.
    pub fn new(out: W, compress: bool) -> io::Result<Self> {
        let out = Counted { out, written: 0 };
        Ok(Self(if compress { State::Zstd(Box::new(frame(out)?), 0) } else { State::Plain(out) }))
    }

    /// Writes a whole line, with `pauses`, and hands it on to the system.
    ///
    /// # Errors
    /// Those of the output.
    pub fn line(&mut self, line: &[u8], pauses: &mut Pauses) -> io::Result<()> {
        match &mut self.0 {
            State::Plain(out) => {
                out.write_all(line)?;
                return out.flush();
            }
            State::Zstd(encoder, length) => {
                Pausing::new(encoder, pauses).write_all(line)?;
                *length += line.len() as u64;
                if *length < FRAME {
                    return encoder.flush();
                }
            }
            State::Broken => return Err(io::Error::other("the output has failed before")),
        }
        if let State::Zstd(encoder, _) = std::mem::replace(&mut self.0, State::Broken) {
            let mut out = encoder.finish()?;
            out.flush()?;
            self.0 = State::Zstd(Box::new(frame(out)?), 0);
        }
        Ok(())
    }

    /// Ends the last frame and returns the output.
    ///
    /// # Errors
    /// Those of the output.
    pub fn finish(self) -> io::Result<W> {
        let mut counted = match self.0 {
            State::Plain(out) => out,
            State::Zstd(encoder, _) => encoder.finish()?,
            State::Broken => return Err(io::Error::other("the output has failed before")),
        };
        counted.flush()?;
        Ok(counted.out)
    }

    /// Bytes written to the output so far.
    pub fn written(&self) -> u64 {
        match &self.0 {
            State::Plain(out) => out.written,
            State::Zstd(encoder, _) => encoder.get_ref().written,
            State::Broken => 0,
        }
    }

    /// The output.
    pub fn output(&mut self) -> Option<&mut W> {
        match &mut self.0 {
            State::Plain(out) => Some(&mut out.out),
            State::Zstd(encoder, _) => Some(&mut encoder.get_mut().out),
            State::Broken => None,
        }
    }
}

fn frame<W: Write>(out: Counted<W>) -> io::Result<Encoder<'static, Counted<W>>> {
    let mut encoder = Encoder::new(out, LEVEL)?;
    encoder.include_checksum(true)?;
    Ok(encoder)
}
