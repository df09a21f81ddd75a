//! When the intervals of a capture are.

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use serde::Deserialize;

use crate::capture::format::quoted;
use crate::capture::input::{self, Found, read_line};
use crate::capture::reader::Reader;
use crate::source::Source as _;

/// Most intervals that are told apart: a year of seconds. Those behind can be reached by playing only.
const INTERVALS_MAX: usize = 32_000_000;

/// Begin and end of each interval, in order, since the start of the capture.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Index {
    times: Vec<(Duration, Duration)>,
}

/// All that is looked at of a line.
#[derive(Deserialize)]
struct Times {
    start_s: f64,
    end_s: f64,
}

impl Index {
    /// Of a file. Its damage is not looked for: the index ends where a line is not understood.
    ///
    /// # Errors
    /// When it cannot be read or is no capture.
    pub fn of(path: &Path) -> anyhow::Result<Self> {
        // Whether it is one, and how it is explained when not.
        let mut reader = Reader::open(path)?;
        if reader.is_snapshot() {
            let interval = reader.next()?;
            return Ok(Self { times: interval.iter().map(|interval| (interval.start, interval.end)).collect() });
        }
        let name = quoted(&path.display().to_string());
        let file = File::open(path).with_context(|| format!("cannot open the capture {name}"))?;
        let (mut input, _) = input::open(file).with_context(|| format!("cannot read the capture {name}"))?;
        let mut times: Vec<(Duration, Duration)> = Vec::new();
        let mut line = Vec::new();
        let mut first = true;
        while matches!(read_line(&mut input, &mut line), Ok(Found::Whole | Found::Rest)) && times.len() < INTERVALS_MAX
        {
            if std::mem::take(&mut first) {
                continue;
            }
            let Ok(Times { start_s, end_s }) = serde_json::from_slice(&line) else { break };
            let [Ok(start), Ok(end)] = [start_s, end_s].map(Duration::try_from_secs_f64) else { break };
            if end < start || times.last().is_some_and(|(_, last)| start < *last) {
                break;
            }
            times.push((start, end));
        }
        Ok(Self { times })
    }

    /// How many intervals there are.
    pub fn len(&self) -> usize {
        self.times.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    /// End of the last, which is how long the capture is.
    pub fn length(&self) -> Duration {
        self.times.last().map_or(Duration::ZERO, |(_, end)| *end)
    }

    /// Begin of an interval.
    pub fn start(&self, interval: usize) -> Option<Duration> {
        self.times.get(interval).map(|(start, _)| *start)
    }

    /// End of an interval.
    pub fn end(&self, interval: usize) -> Option<Duration> {
        self.times.get(interval).map(|(_, end)| *end)
    }

    /// How many intervals end by a moment.
    pub fn intervals_until(&self, moment: Duration) -> usize {
        self.times.partition_point(|(_, end)| *end <= moment)
    }
}
