//! Writes a capture. Each interval is flushed to the file before the next one starts.

use std::io::{self, Write};
use std::time::Duration;

use super::encoding::LineEncoder;
use super::format::{CaptureMeta, EndedBy, HeaderLine, write_footer, write_header, write_interval};
use super::interval_sums::IntervalSums;
use super::server_state::FileStart;
use super::top_keys::keep_top_keys;
use super::{KEYS_MAX, LINE_MAX, SCHEMA};
use crate::model::header::Header;
use crate::model::interval::{Change, RecordedInterval};
use crate::yielder::{Yielder, YieldingWriter};

/// What to write, and how.
#[derive(Clone, Debug)]
pub struct WriterSettings {
    /// Maximum number of keys per interval; the others are summed.
    pub keys: usize,
    /// Whether to compress with zstd.
    pub compress: bool,
    /// How the capture was made, for the header.
    pub meta: CaptureMeta,
}

impl Default for WriterSettings {
    fn default() -> Self {
        Self { keys: KEYS_MAX, compress: false, meta: CaptureMeta::default() }
    }
}

/// Writes one capture.
pub struct Writer<W: Write> {
    out: LineEncoder<W>,
    sums: IntervalSums,
    keys: usize,
    origin: Duration,
    /// Changes to write with the first interval.
    changes: Vec<Change>,
    line: Vec<u8>,
    /// Number of complete intervals in the output, and the end of the last, relative to the start of the observation.
    complete: (u64, Duration),
}

impl<W: Write> Writer<W> {
    /// Starts a capture and writes its header.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn new(out: W, header: &Header, settings: &WriterSettings) -> io::Result<Self> {
        let start = FileStart { header: header.clone(), origin: Duration::ZERO, changes: Vec::new() };
        Self::within_observation(out, start, settings)
    }

    /// Starts a capture in the middle of an observation.
    pub(super) fn within_observation(out: W, start: FileStart, settings: &WriterSettings) -> io::Result<Self> {
        let FileStart { header, origin, changes } = start;
        let mut writer = Self {
            out: LineEncoder::new(out, settings.compress)?,
            sums: IntervalSums::default(),
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
            meta: settings.meta.clone(),
        };
        write_header(&header, &mut writer.line)?;
        writer.out.write_line(&writer.line, &mut Yielder::never())?;
        Ok(writer)
    }

    /// Writes an interval, with as many of its keys as the settings allow and as fit into a line.
    ///
    /// # Errors
    /// When it cannot be written, or its counts do not add up, because readers would reject it.
    pub fn write_interval(&mut self, recorded: &RecordedInterval) -> io::Result<()> {
        let mut keys = self.keys;
        let mut reduced = None;
        let mut yielder = Yielder::for_interval(recorded.interval.length());
        let written = loop {
            let written =
                if recorded.records.len() > keys { reduced.insert(keep_top_keys(recorded, keys)) } else { recorded };
            self.line.clear();
            write_interval(
                written,
                &self.changes,
                self.origin,
                &mut YieldingWriter::new(&mut self.line, &mut yielder),
            )?;
            if self.line.len() <= LINE_MAX || written.records.is_empty() {
                break written;
            }
            keys = written.records.len() / 2;
        };
        self.sums.add(written).map_err(io::Error::other)?;
        self.changes.clear();
        self.out.write_line(&self.line, &mut yielder)?;
        self.complete = (self.complete.0 + 1, recorded.interval.end);
        Ok(())
    }

    /// Writes the footer and returns the output.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(mut self, ended_by: EndedBy) -> io::Result<W> {
        self.line.clear();
        write_footer(&self.sums.footer(ended_by), &mut self.line)?;
        self.out.write_line(&self.line, &mut Yielder::never())?;
        self.out.finish()
    }

    /// Bytes written so far.
    pub fn written(&self) -> u64 {
        self.out.written()
    }

    /// Number of complete intervals in the output, and the end of the last, relative to the start of the observation.
    pub fn complete(&self) -> (u64, Duration) {
        self.complete
    }

    /// Start of the file, relative to the start of the observation.
    pub(super) fn origin(&self) -> Duration {
        self.origin
    }

    /// The output.
    pub(super) fn output(&mut self) -> Option<&mut W> {
        self.out.output()
    }
}
