//! Writing a capture: every interval is in the file before the next one begins.

use std::io::{self, Write};
use std::time::Duration;

use super::encoding::Encoding;
use super::format::{Circumstances, EndedBy, HeaderLine, write_footer, write_header, write_interval};
use super::ledger::Ledger;
use super::others::reduced;
use super::part::Beginning;
use super::{KEYS_MAX, LINE_MAX, SCHEMA};
use crate::model::interval::{Change, Interval};
use crate::pauses::{Pauses, Pausing};
use crate::source::Header;

/// What a file holds, and how.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Most keys of an interval; the sum of the others is kept.
    pub keys: usize,
    /// Whether it is compressed by zstd.
    pub compress: bool,
    /// What the header tells besides.
    pub circumstances: Circumstances,
}

impl Default for Settings {
    fn default() -> Self {
        Self { keys: KEYS_MAX, compress: false, circumstances: Circumstances::default() }
    }
}

/// Writes one capture.
pub struct Writer<W: Write> {
    out: Encoding<W>,
    ledger: Ledger,
    keys: usize,
    origin: Duration,
    /// To be said in the first interval.
    changes: Vec<Change>,
    line: Vec<u8>,
    /// Intervals that are in the output as a whole, and the end of the last since the begin of the observation.
    complete: (u64, Duration),
}

impl<W: Write> Writer<W> {
    /// Begins a capture.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn new(out: W, header: &Header, settings: &Settings) -> io::Result<Self> {
        let beginning = Beginning { header: header.clone(), origin: Duration::ZERO, changes: Vec::new() };
        Self::beginning(out, beginning, settings)
    }

    /// Begins a capture somewhere within an observation.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn beginning(out: W, beginning: Beginning, settings: &Settings) -> io::Result<Self> {
        let Beginning { header, origin, changes } = beginning;
        let mut writer = Self {
            out: Encoding::new(out, settings.compress)?,
            ledger: Ledger::default(),
            keys: settings.keys.min(KEYS_MAX),
            origin,
            changes,
            line: Vec::new(),
            complete: (0, origin),
        };
        let header = HeaderLine {
            schema: SCHEMA.into(),
            mctop: env!("CARGO_PKG_VERSION").into(),
            host: header.host,
            kernel: header.kernel,
            started_at: header.started_at,
            targets: header.targets,
            redaction: header.redaction,
            circumstances: settings.circumstances.clone(),
        };
        write_header(&header, &mut writer.line)?;
        writer.out.line(&writer.line, &mut Pauses::none())?;
        Ok(writer)
    }

    /// Adds an interval, with as many of its keys as were asked for and as fit into a line.
    ///
    /// # Errors
    /// When it cannot be written, or its sums do not hold: no reader would take it.
    pub fn interval(&mut self, interval: &Interval) -> io::Result<()> {
        let mut keys = self.keys;
        let mut shortened = None;
        let mut pauses = Pauses::after(interval.length());
        let written = loop {
            let written =
                if interval.records.len() > keys { shortened.insert(reduced(interval, keys)) } else { interval };
            self.line.clear();
            write_interval(written, &self.changes, self.origin, &mut Pausing::new(&mut self.line, &mut pauses))?;
            if self.line.len() <= LINE_MAX || written.records.is_empty() {
                break written;
            }
            keys = written.records.len() / 2;
        };
        self.ledger.enter(written).map_err(io::Error::other)?;
        self.changes.clear();
        self.out.line(&self.line, &mut pauses)?;
        self.complete = (self.complete.0 + 1, interval.end);
        Ok(())
    }

    /// Ends the capture and returns the output.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(mut self, ended_by: EndedBy) -> io::Result<W> {
        self.line.clear();
        write_footer(&self.ledger.footer(ended_by), &mut self.line)?;
        self.out.line(&self.line, &mut Pauses::none())?;
        self.out.finish()
    }

    /// Bytes in the output so far.
    pub fn written(&self) -> u64 {
        self.out.written()
    }

    /// Intervals that are in the output as a whole, and the end of the last since the begin of the observation.
    pub fn complete(&self) -> (u64, Duration) {
        self.complete
    }

    /// Its begin, since that of the observation.
    pub(super) fn origin(&self) -> Duration {
        self.origin
    }

    /// The output.
    pub(super) fn output(&mut self) -> Option<&mut W> {
        self.out.output()
    }
}
