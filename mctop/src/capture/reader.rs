//! Reading a capture, line by line and in bounded memory, as a [`Source`].

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use anyhow::Context;

use super::SCHEMA;
use super::format::{Line, quoted};
use super::ledger::Ledger;
use crate::error::Failure;
use crate::model::interval::Interval;
use crate::model::snapshot::Origin;
use crate::source::{Header, Source};

/// Longest line accepted: an interval of a million keys of 250 bytes in base64 with all their counts.
const LINE_MAX: u64 = 1 << 30;

/// How a capture ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Not reached yet.
    Open,
    /// As planned.
    Finished,
    /// By a signal to mctop.
    Interrupted,
    /// The file ends without a footer: mctop was killed, or the file was cut off.
    CutOff,
}

/// Reads one capture.
pub struct Reader<R> {
    input: R,
    /// The file, for messages.
    name: String,
    line_number: u64,
    header: Header,
    /// How many servers are known so far.
    targets: usize,
    ledger: Ledger,
    ending: Ending,
}

impl Reader<BufReader<File>> {
    /// Opens a capture.
    ///
    /// # Errors
    /// When the file cannot be read or is not a capture.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let file = path.display().to_string();
        let input = File::open(path).with_context(|| format!("cannot open the capture {}", quoted(&file)))?;
        Self::new(BufReader::new(input), file)
    }
}

impl<R: BufRead> Reader<R> {
    /// Reads a capture's header; `file` names it in messages.
    ///
    /// # Errors
    /// When it cannot be read or is not a capture.
    pub fn new(mut input: R, file: String) -> anyhow::Result<Self> {
        let name = quoted(&file);
        let not_a_capture = |why: String| {
            Failure::usage(format!(
                "{name} is not a capture that this mctop can read: {why}. Expected a file written by `mctop capture`, whose \
                 first line says \"schema\":\"{SCHEMA}\"."
            ))
        };
        let line = match read_line(&mut input).with_context(|| format!("cannot read {name}"))? {
            Some(line) => line,
            None => return Err(not_a_capture("it is empty".into()).into()),
        };
        let header = match Line::parse(&line) {
            Ok(Line::Header(header)) if header.schema == SCHEMA => header,
            Ok(Line::Header(header)) => return Err(not_a_capture(format!("its schema is {:?}", header.schema)).into()),
            Ok(_) => return Err(not_a_capture("its first line is not a header".into()).into()),
            Err(why) => return Err(not_a_capture(format!("its first line: {why}")).into()),
        };
        let header = Header {
            origin: Origin::Recorded { file },
            host: header.host,
            kernel: header.kernel,
            started_at: header.started_at,
            targets: header.targets,
            redaction: header.redaction,
        };
        Ok(Self {
            input,
            name,
            line_number: 1,
            targets: header.targets.len(),
            header,
            ledger: Ledger::default(),
            ending: Ending::Open,
        })
    }

    fn damaged(&self, why: &str) -> anyhow::Error {
        anyhow::anyhow!(
            "line {} of {} is damaged: {why}. The lines before it are good: cut the file there to read them.",
            self.line_number,
            self.name
        )
    }

    /// How it ended, as far as it was read.
    pub fn ending(&self) -> Ending {
        self.ending
    }
}

impl<R: BufRead> Source for Reader<R> {
    fn header(&self) -> &Header {
        &self.header
    }

    fn next(&mut self) -> anyhow::Result<Option<Interval>> {
        if self.ending != Ending::Open {
            return Ok(None);
        }
        self.line_number += 1;
        let Some(line) = read_line(&mut self.input).with_context(|| format!("cannot read {}", self.name))? else {
            self.ending = Ending::CutOff;
            return Ok(None);
        };
        let whole = line.ends_with(b"\n");
        match Line::parse(&line) {
            Ok(Line::Interval(interval)) => {
                let interval = interval.check(&mut self.targets).map_err(|why| self.damaged(&why))?;
                self.ledger.enter(&interval).map_err(|why| self.damaged(&why))?;
                Ok(Some(interval))
            }
            Ok(Line::Footer(footer)) => {
                self.ledger.compare(&footer).map_err(|why| self.damaged(&why))?;
                if !self.input.fill_buf().with_context(|| format!("cannot read {}", self.name))?.is_empty() {
                    self.line_number += 1;
                    return Err(self.damaged("it comes after the footer"));
                }
                self.ending = if footer.interrupted { Ending::Interrupted } else { Ending::Finished };
                Ok(None)
            }
            Ok(Line::Header(_)) => Err(self.damaged("it is a second header")),
            // A write that did not finish.
            Err(_) if !whole => {
                self.ending = Ending::CutOff;
                Ok(None)
            }
            Err(why) => Err(self.damaged(&why)),
        }
    }
}

/// The next line with its newline, if it has one; `None` at the end.
fn read_line(input: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    input.take(LINE_MAX).read_until(b'\n', &mut line)?;
    if line.len() as u64 == LINE_MAX && !line.ends_with(b"\n") {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("a line is longer than {LINE_MAX} bytes")));
    }
    Ok((!line.is_empty()).then_some(line))
}
