//! The times of all intervals of a capture.

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use serde::Deserialize;

use crate::capture::input::{self, LineRead, read_line};
use crate::capture::quote::quoted;
use crate::capture::reader::Reader;
use crate::source::Source as _;

/// Maximum number of indexed intervals: a year of seconds. Later intervals can be reached only by playing to them.
const INTERVALS_MAX: usize = 32_000_000;

/// Start and end of each interval, in order, relative to the start of the capture.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IntervalIndex {
    times: Vec<(Duration, Duration)>,
}

/// The fields of a line that the index needs.
#[derive(Deserialize)]
struct LineTimes {
    start_s: f64,
    end_s: f64,
}

impl IntervalIndex {
    /// Reads a file. The index ends at the first line that cannot be parsed; it does not check for other damage.
    ///
    /// # Errors
    /// When the file cannot be read or is not a capture.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        // This checks that it is a capture, and explains why if not.
        let mut reader = Reader::open(path)?;
        if reader.is_snapshot() {
            let recorded = reader.next_recorded()?;
            return Ok(Self { times: recorded.iter().map(|read| (read.interval.start, read.interval.end)).collect() });
        }
        let name = quoted(&path.display().to_string());
        let file = File::open(path).with_context(|| format!("cannot open the capture {name}"))?;
        let (mut input, _) = input::open(file).with_context(|| format!("cannot read the capture {name}"))?;
        let mut times: Vec<(Duration, Duration)> = Vec::new();
        let mut line = Vec::new();
        let mut first = true;
        while matches!(read_line(&mut input, &mut line), Ok(LineRead::Complete | LineRead::Unterminated))
            && times.len() < INTERVALS_MAX
        {
            if std::mem::take(&mut first) {
                continue;
            }
            let Ok(LineTimes { start_s, end_s }) = serde_json::from_slice(&line) else { break };
            let [Ok(start), Ok(end)] = [start_s, end_s].map(Duration::try_from_secs_f64) else { break };
            if end < start || times.last().is_some_and(|(_, last)| start < *last) {
                break;
            }
            times.push((start, end));
        }
        Ok(Self { times })
    }

    /// Number of intervals.
    pub fn len(&self) -> usize {
        self.times.len()
    }

    /// Whether there are no intervals.
    pub fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    /// Length of the capture: the end of its last interval.
    pub fn length(&self) -> Duration {
        self.times.last().map_or(Duration::ZERO, |(_, end)| *end)
    }

    /// Start of an interval.
    pub fn start(&self, interval: usize) -> Option<Duration> {
        self.times.get(interval).map(|(start, _)| *start)
    }

    /// End of an interval.
    pub fn end(&self, interval: usize) -> Option<Duration> {
        self.times.get(interval).map(|(_, end)| *end)
    }

    /// Number of intervals that have ended by this time.
    pub fn intervals_ended_by(&self, time: Duration) -> usize {
        self.times.partition_point(|(_, end)| *end <= time)
    }
}
