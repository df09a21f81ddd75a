//! Reads a capture line by line, in bounded memory, as a [`Source`].

use std::fs::File;
use std::io::{self, BufRead};
use std::path::Path;

use anyhow::Context;

use super::change::KnownServers;
use super::document::{self, ParsedDocument, Unreadable};
use super::format::{CaptureLine, CaptureMeta, EndedBy, FooterLine, HeaderLine};
use super::input::{self, Input, LineRead, read_line};
use super::interval_sums::IntervalSums;
use super::quote::quoted;
use super::{LINE_MAX, SCHEMA, SCHEMA_FAMILY};
use crate::error::Failure;
use crate::model::capture_meta::Ending;
use crate::model::header::Header;
use crate::model::interval::{Interval, RecordedInterval};
use crate::model::key_sample::SampleConsumer;
use crate::model::snapshot::Origin;
use crate::source::Source;

/// Reads one capture.
pub struct Reader<R> {
    input: R,
    compressed: bool,
    /// Name of the file, for messages.
    name: String,
    line: Vec<u8>,
    line_number: u64,
    header: Header,
    written_by: String,
    meta: CaptureMeta,
    known: KnownServers,
    sums: IntervalSums,
    ending: Ending,
    ended_by: Option<EndedBy>,
    /// Of a snapshot that is read as a capture: all that is in it, until it is taken, and how it ended.
    whole: Option<(RecordedInterval, Ending)>,
    is_snapshot: bool,
}

impl Reader<Input> {
    /// Opens a capture, or a snapshot as a capture of one interval; compressed or not.
    ///
    /// # Errors
    /// When the file cannot be read or is not a capture.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let file = path.display().to_string();
        let opened = File::open(path).with_context(|| format!("cannot open the capture {}", quoted(&file)))?;
        let (input, compressed) =
            input::open(opened).with_context(|| format!("cannot read the capture {}", quoted(&file)))?;
        Self::read_header(input, compressed, file)
    }
}

impl<R: BufRead> Reader<R> {
    /// Reads the header of an uncompressed capture; `file` is its name in messages.
    ///
    /// # Errors
    /// When it cannot be read or is not a capture.
    pub fn new(input: R, file: String) -> anyhow::Result<Self> {
        Self::read_header(input, false, file)
    }

    fn read_header(mut input: R, compressed: bool, file: String) -> anyhow::Result<Self> {
        let name = quoted(&file);
        let not_a_capture = |why: String| {
            Failure::usage(format!(
                "{name} is not a capture that this mctop can read: {why}. Expected a file written by `mctop capture`, whose \
                 first line contains \"schema\":\"{SCHEMA}\", or a snapshot: the output of `mctop dump --format json` or ndjson, \
                 or a file written by the key w of the live table."
            ))
        };
        let mut line = Vec::new();
        match read_line(&mut input, &mut line) {
            Ok(LineRead::End) => return Err(not_a_capture("it is empty".into()).into()),
            Ok(LineRead::TooLong) => return Err(not_a_capture("its first line is too long".into()).into()),
            Ok(LineRead::Complete | LineRead::Unterminated) => {}
            Err(error) if compressed => {
                let error = quoted(&error.to_string());
                return Err(not_a_capture(format!("its first line cannot be decompressed: {error}")).into());
            }
            Err(error) => return Err(error).with_context(|| format!("cannot read {name}")),
        }
        match document::read(&line, &mut input, &file) {
            None => {}
            Some(Ok(document)) => return Self::of_snapshot(input, compressed, name, document),
            Some(Err(Unreadable::Io(error))) => return Err(error).with_context(|| format!("cannot read {name}")),
            Some(Err(Unreadable::Other(why))) => return Err(not_a_capture(why).into()),
            Some(Err(Unreadable::Damaged(why))) => return Err(damaged_snapshot(&name, &why)),
        }
        if let Some(version) = CaptureLine::version(&line)
            && version.schema != SCHEMA
        {
            let writer = if version.schema.starts_with(SCHEMA_FAMILY) && !version.mctop.is_empty() {
                format!(
                    ", written by mctop {}; use that version or a newer one",
                    quoted(&format!("{:?}", version.mctop))
                )
            } else {
                String::new()
            };
            let schema =
                if version.schema.is_empty() { "missing".into() } else { quoted(&format!("{:?}", version.schema)) };
            return Err(not_a_capture(format!("its schema is {schema}{writer}")).into());
        }
        let header = match CaptureLine::parse(&line) {
            Ok(CaptureLine::Header(header)) => *header,
            Ok(_) => return Err(not_a_capture("its first line is not a header".into()).into()),
            Err(why) => return Err(not_a_capture(format!("its first line: {why}")).into()),
        };
        let known = KnownServers::from_header(&header.targets)
            .map_err(|why| not_a_capture(format!("its first line: {why}")))?;
        let HeaderLine { schema: _, mctop, host, kernel, started_at, targets, redaction, meta } = header;
        Ok(Self {
            input,
            compressed,
            name,
            line,
            line_number: 1,
            header: Header { origin: Origin::Recorded { file }, host, kernel, started_at, targets, redaction },
            written_by: mctop,
            meta,
            known,
            sums: IntervalSums::default(),
            ending: Ending::Open,
            ended_by: None,
            whole: None,
            is_snapshot: false,
        })
    }

    fn of_snapshot(input: R, compressed: bool, name: String, document: ParsedDocument) -> anyhow::Result<Self> {
        let ParsedDocument { header, written_by, interval, ending } = document;
        let mut sums = IntervalSums::default();
        sums.add(&interval).map_err(|why| damaged_snapshot(&name, &why))?;
        Ok(Self {
            input,
            compressed,
            name,
            line: Vec::new(),
            line_number: 1,
            header,
            written_by,
            meta: CaptureMeta::default(),
            known: KnownServers::default(),
            sums,
            ending: Ending::Open,
            ended_by: None,
            whole: Some((interval, ending)),
            is_snapshot: true,
        })
    }

    fn damaged(&self, why: &str) -> anyhow::Error {
        let good = self.line_number - 1;
        let command =
            if self.compressed { format!("zstd -dcq FILE | head -n {good}") } else { format!("head -n {good} FILE") };
        anyhow::anyhow!(
            "line {} of {} is damaged: {why}. The lines before it are valid; to keep only those, run \
             `{command} > good.ndjson`.",
            self.line_number,
            self.name
        )
    }

    /// How the capture ended.
    pub fn ending(&self) -> Ending {
        self.ending
    }

    /// Why it ended, if a footer that says so was read.
    pub fn ended_by(&self) -> Option<EndedBy> {
        self.ended_by
    }

    /// The version of mctop that wrote it.
    pub fn written_by(&self) -> &str {
        &self.written_by
    }

    /// Whether the file is a snapshot, which is read as a capture of one interval.
    pub fn is_snapshot(&self) -> bool {
        self.is_snapshot
    }

    /// How the capture was made.
    pub fn meta(&self) -> &CaptureMeta {
        &self.meta
    }

    /// Number of intervals read.
    pub fn intervals(&self) -> u64 {
        self.sums.intervals()
    }

    fn read_footer(&mut self, footer: &FooterLine) -> anyhow::Result<()> {
        self.sums.check_footer(footer).map_err(|why| self.damaged(&why))?;
        let more = match self.input.fill_buf() {
            Ok(more) => !more.is_empty(),
            // The zstd frame with the footer is incomplete, but the footer itself was read.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => false,
            Err(error) => return Err(self.read_error(error)),
        };
        if more {
            self.line_number += 1;
            return Err(self.damaged("it comes after the footer"));
        }
        self.ending = if footer.interrupted { Ending::Interrupted } else { Ending::Finished };
        self.ended_by = footer.ended_by;
        Ok(())
    }

    fn read_error(&self, error: io::Error) -> anyhow::Error {
        // Errors of zstd have no error number, unlike those of the system.
        if self.compressed && error.raw_os_error().is_none() {
            return self.damaged(&format!("it cannot be decompressed: {}", quoted(&error.to_string())));
        }
        anyhow::Error::new(error).context(format!("cannot read {}", self.name))
    }
}

impl<R: BufRead> Source for Reader<R> {
    fn header(&self) -> &Header {
        &self.header
    }

    fn next(&mut self, consumer: &mut dyn SampleConsumer) -> anyhow::Result<Option<Interval>> {
        Ok(self.next_recorded()?.map(|recorded| {
            recorded.pass_to(consumer);
            recorded.interval
        }))
    }

    fn next_recorded(&mut self) -> anyhow::Result<Option<RecordedInterval>> {
        if let Some((interval, ending)) = self.whole.take() {
            self.ending = ending;
            return Ok(Some(interval));
        }
        if self.ending != Ending::Open {
            return Ok(None);
        }
        self.line_number += 1;
        let is_complete = match read_line(&mut self.input, &mut self.line) {
            Ok(LineRead::End) => {
                self.ending = Ending::CutOff;
                return Ok(None);
            }
            Ok(LineRead::TooLong) => return Err(self.damaged(&format!("it is longer than {} MiB", LINE_MAX >> 20))),
            Ok(read) => read == LineRead::Complete,
            Err(error) => return Err(self.read_error(error)),
        };
        match CaptureLine::parse(&self.line) {
            Ok(CaptureLine::Interval(interval)) => {
                let interval = interval.check(&mut self.known).map_err(|why| self.damaged(&why))?;
                self.sums.add(&interval).map_err(|why| self.damaged(&why))?;
                Ok(Some(interval))
            }
            Ok(CaptureLine::Footer(footer)) => {
                self.read_footer(&footer)?;
                Ok(None)
            }
            Ok(CaptureLine::Header(_)) => Err(self.damaged("it is a second header")),
            // The last write did not finish.
            Err(_) if !is_complete => {
                self.ending = Ending::CutOff;
                Ok(None)
            }
            Err(why) => Err(self.damaged(&why)),
        }
    }
}

fn damaged_snapshot(name: &str, why: &str) -> anyhow::Error {
    anyhow::anyhow!(
        "the snapshot {name} is damaged: {why}. It was cut off, or changed since mctop wrote it; nothing of it is read."
    )
}
