//! Writing a capture: every interval is on disk before the next one begins.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::SCHEMA;
use super::format::{HeaderLine, IntervalLine, Line};
use super::ledger::Ledger;
use crate::model::interval::Interval;
use crate::source::Header;

/// Writes one capture.
pub struct Writer<W: Write> {
    out: BufWriter<W>,
    ledger: Ledger,
}

impl Writer<File> {
    /// Begins a capture in a file readable by its owner only; keys can be secrets.
    ///
    /// # Errors
    /// When the file cannot be made or written.
    pub fn create(path: &Path, header: &Header) -> io::Result<Self> {
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
        Self::new(file, header)
    }
}

impl<W: Write> Writer<W> {
    /// Begins a capture.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn new(out: W, header: &Header) -> io::Result<Self> {
        let mut writer = Self { out: BufWriter::new(out), ledger: Ledger::default() };
        writer.line(&Line::Header(HeaderLine {
            schema: SCHEMA.into(),
            mctop: env!("CARGO_PKG_VERSION").into(),
            host: header.host.clone(),
            kernel: header.kernel.clone(),
            started_at: header.started_at,
            targets: header.targets.clone(),
            redaction: header.redaction.clone(),
        }))?;
        Ok(writer)
    }

    /// Adds an interval.
    ///
    /// # Errors
    /// When it cannot be written, or its sums do not hold: no reader would take it.
    pub fn interval(&mut self, interval: &Interval) -> io::Result<()> {
        self.ledger.enter(interval).map_err(io::Error::other)?;
        self.line(&Line::Interval(IntervalLine::from(interval)))
    }

    /// Ends the capture.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(mut self, interrupted: bool) -> io::Result<()> {
        self.line(&Line::Footer(self.ledger.footer(interrupted)))
    }

    fn line(&mut self, line: &Line) -> io::Result<()> {
        serde_json::to_writer(&mut self.out, line)?;
        self.out.write_all(b"\n")?;
        self.out.flush()
    }
}
