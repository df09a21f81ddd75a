//! Writing a capture: every interval is on disk before the next one begins.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::SCHEMA;
use super::format::{FooterLine, HeaderLine, IntervalLine, Line};
use crate::model::counts::Counts;
use crate::model::interval::Interval;
use crate::model::snapshot::Loss;
use crate::source::Header;

/// Writes one capture.
pub struct Writer<W: Write> {
    out: BufWriter<W>,
    intervals: u64,
    total: Counts,
    loss: Loss,
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
        let mut writer =
            Self { out: BufWriter::new(out), intervals: 0, total: Counts::default(), loss: Loss::default() };
        writer.line(&Line::Header(HeaderLine {
            schema: SCHEMA.into(),
            mctop: env!("CARGO_PKG_VERSION").into(),
            host: header.host.clone(),
            kernel: header.kernel.clone(),
            started_at: header.started_at,
            targets: header.targets.clone(),
        }))?;
        Ok(writer)
    }

    /// Adds an interval.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn interval(&mut self, interval: &Interval) -> io::Result<()> {
        self.intervals += 1;
        self.total += &interval.total;
        self.loss += &interval.loss;
        self.line(&Line::Interval(IntervalLine::from(interval)))
    }

    /// Ends the capture.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(mut self, interrupted: bool) -> io::Result<()> {
        let footer = FooterLine { intervals: self.intervals, interrupted, total: self.total, loss: self.loss };
        self.line(&Line::Footer(footer))
    }

    fn line(&mut self, line: &Line) -> io::Result<()> {
        serde_json::to_writer(&mut self.out, line)?;
        self.out.write_all(b"\n")?;
        self.out.flush()
    }
}
