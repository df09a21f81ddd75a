//! From the intervals of an observation to capture files: waits for a condition, ends at one, changes files.

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;

use super::destination::Destination;
use super::format::{EndedBy, quoted};
use super::others::reduced;
use super::part::Standing;
use super::rotation::{self, Rotation};
use super::writer::{Settings, Writer};
use crate::model::condition::Condition;
use crate::model::fold::{Limits, Model};
use crate::model::interval::Interval;
use crate::source::Header;

/// What is recorded, and where to.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The file.
    pub path: PathBuf,
    /// What is in it.
    pub settings: Settings,
    /// Nothing is written before this holds.
    pub trigger: Option<Condition>,
    /// How many intervals from before then are kept in memory and written too.
    pub before: usize,
    /// It ends with the interval in which this holds.
    pub until: Option<Condition>,
    /// Whether it is spread over files.
    pub rotation: Option<Rotation>,
}

/// What came of an interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The trigger does not hold yet.
    Waiting,
    /// The trigger holds: recording has begun.
    Fired,
    /// It was recorded.
    Recorded,
    /// It was recorded, and is the last: the condition of the end holds.
    Last,
}

/// How a recording ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The file is complete.
    Written,
    /// The trigger never held; the file, if it was not there before, holds no interval.
    NeverFired,
}

/// Records an observation.
pub struct Recorder {
    plan: Plan,
    standing: Standing,
    /// For the conditions.
    model: Option<Model>,
    state: State,
    part: u64,
}

enum State {
    /// For the trigger: the latest intervals, and the file that holds the name meanwhile where it was free.
    Waiting(VecDeque<Interval>, Option<Writer<Destination>>),
    Writing(Writer<Destination>),
    /// Between two files.
    Changing,
}

impl Recorder {
    /// Begins the file, or waits for the trigger.
    ///
    /// # Errors
    /// When the file cannot be made or written.
    pub fn new(plan: Plan, header: &Header) -> anyhow::Result<Self> {
        let conditions = plan.trigger.is_some() || plan.until.is_some();
        let mut recorder = Self {
            standing: Standing::new(header),
            model: conditions.then(|| Model::new(header, Limits::default())),
            state: State::Changing,
            part: 0,
            plan,
        };
        recorder.start().with_context(|| format!("cannot write the capture {}", recorder.name()))?;
        Ok(recorder)
    }

    fn start(&mut self) -> io::Result<()> {
        if self.plan.rotation.is_some() {
            rotation::set_aside_earlier(&self.plan.path)?;
        }
        self.state = if self.plan.trigger.is_some() {
            let is_there = self.plan.path.try_exists()?;
            let holder = if is_there { None } else { Some(self.begin(Duration::ZERO)?) };
            State::Waiting(VecDeque::new(), holder)
        } else {
            State::Writing(self.begin(Duration::ZERO)?)
        };
        Ok(())
    }

    /// Begins a file at a moment of the observation.
    fn begin(&mut self, origin: Duration) -> io::Result<Writer<Destination>> {
        let mut settings = self.plan.settings.clone();
        if self.plan.rotation.is_some() {
            settings.circumstances.part = Some(self.part + 1);
        }
        let destination = Destination::create(&self.plan.path)?;
        let mut writer = Writer::beginning(destination, self.standing.beginning(origin), &settings)?;
        if let Some(destination) = writer.output() {
            destination.begin()?;
        }
        Ok(writer)
    }

    fn name(&self) -> String {
        quoted(&self.plan.path.display().to_string())
    }

    /// Records an interval.
    ///
    /// # Errors
    /// When it cannot be written; the intervals before it are in the file.
    pub fn interval(&mut self, interval: &Interval) -> anyhow::Result<Step> {
        let snapshot = self.model.as_mut().map(|model| {
            model.fold(interval);
            model.snapshot(false)
        });
        let holds = |condition: &Option<Condition>| {
            condition.as_ref().zip(snapshot.as_ref()).is_some_and(|(condition, snapshot)| condition.holds(snapshot))
        };
        let (fires, ends) = (holds(&self.plan.trigger), holds(&self.plan.until));
        if let State::Waiting(ring, holder) = &mut self.state {
            ring.push_back(reduced(interval, self.plan.settings.keys));
            if !fires {
                while ring.len() > self.plan.before
                    && let Some(oldest) = ring.pop_front()
                {
                    self.standing.pass(&oldest);
                }
                return Ok(Step::Waiting);
            }
            let (ring, holder) = (std::mem::take(ring), holder.take());
            self.fire(ring, holder)?;
            return Ok(if ends { Step::Last } else { Step::Fired });
        }
        self.write(interval)?;
        Ok(if ends { Step::Last } else { Step::Recorded })
    }

    /// Writes what the trigger was waited with. The file that held the name is replaced like any other.
    fn fire(&mut self, ring: VecDeque<Interval>, holder: Option<Writer<Destination>>) -> anyhow::Result<()> {
        drop(holder);
        let origin = ring.front().map_or(Duration::ZERO, |first| first.start);
        self.state =
            State::Writing(self.begin(origin).with_context(|| format!("cannot write the capture {}", self.name()))?);
        ring.iter().try_for_each(|interval| self.write(interval))
    }

    fn write(&mut self, interval: &Interval) -> anyhow::Result<()> {
        let written = self.try_write(interval);
        self.standing.pass(interval);
        written.map_err(|error| {
            let mut told = format!("cannot write the capture {}", self.name());
            if let State::Writing(writer) = &mut self.state {
                if let Some(destination) = writer.output() {
                    destination.rewind();
                }
                told += &match writer.complete() {
                    (0, _) => "; no interval is in it".to_owned(),
                    (1, end) => format!("; the interval up to {:.1} s is in it", end.as_secs_f64()),
                    (good, end) => format!("; the {good} intervals up to {:.1} s are in it", end.as_secs_f64()),
                };
            }
            anyhow::Error::new(error).context(told)
        })
    }

    fn try_write(&mut self, interval: &Interval) -> io::Result<()> {
        self.rotate(interval.start)?;
        if let State::Writing(writer) = &mut self.state {
            writer.interval(interval)?;
            if let Some(destination) = writer.output() {
                destination.settle()?;
            }
        }
        Ok(())
    }

    /// Changes files where the one under way is full.
    fn rotate(&mut self, now: Duration) -> io::Result<()> {
        let Some(Rotation { limit, keep }) = self.plan.rotation else { return Ok(()) };
        let State::Writing(writer) = &self.state else { return Ok(()) };
        let (intervals, _) = writer.complete();
        let beginning = self.standing.beginning(writer.origin());
        if intervals == 0 || !limit.is_reached(writer.written(), now.saturating_sub(beginning.origin)) {
            return Ok(());
        }
        if let State::Writing(writer) = std::mem::replace(&mut self.state, State::Changing) {
            let mut destination = writer.finish(EndedBy::Rotation)?;
            destination.sync()?;
            rotation::set_aside(destination.path(), beginning.header.started_at)?;
        }
        if let Some(keep) = keep {
            rotation::prune(&self.plan.path, keep)?;
        }
        self.part += 1;
        self.state = State::Writing(self.begin(now)?);
        Ok(())
    }

    /// Ends the recording.
    ///
    /// # Errors
    /// When the end cannot be written.
    pub fn finish(self, ended_by: EndedBy) -> anyhow::Result<Outcome> {
        let name = self.name();
        let (writer, outcome) = match self.state {
            State::Writing(writer) => (Some(writer), Outcome::Written),
            State::Waiting(_, holder) => (holder, Outcome::NeverFired),
            State::Changing => (None, Outcome::Written),
        };
        let Some(writer) = writer else { return Ok(outcome) };
        let mut destination =
            writer.finish(ended_by).with_context(|| format!("cannot write the end of the capture {name}"))?;
        destination.settle().and_then(|()| destination.sync()).with_context(|| format!("cannot finish {name}"))?;
        Ok(outcome)
    }
}
