//! From the intervals of an observation to capture files: waits for a condition, ends at one, changes files.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;

use super::destination::{Destination, is_standard_output, refuse_if_under_way};
use super::format::{EndedBy, Fired, quoted};
use super::others::reduced;
use super::part::Standing;
use super::ring::{Bounds, Kept, Ring};
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
    /// What is kept in memory meanwhile, and written too.
    pub before: Bounds,
    /// It ends with the interval in which this holds.
    pub until: Option<Condition>,
    /// Whether it is spread over files.
    pub rotation: Option<Rotation>,
    /// What may be kept of the keys for the conditions; not needed without them.
    pub limits: Limits,
}

/// What came of an interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The trigger does not hold yet.
    Waiting,
    /// The trigger holds: recording has begun, with these intervals from before.
    Fired(Kept),
    /// It was recorded.
    Recorded,
    /// It was recorded, and is the last: the condition of the end holds. Where it is the first, too, with these from before.
    Last(Option<Kept>),
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
    /// To be said in the header of the file that begins with the trigger.
    fired: Option<Fired>,
}

enum State {
    /// For the trigger: the latest intervals, and the file that holds the name meanwhile where it was free.
    Waiting(Ring, Option<Writer<Destination>>),
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
            model: conditions.then(|| Model::new(header, plan.limits)),
            state: State::Changing,
            part: 0,
            fired: None,
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
            let is_there = is_standard_output(&self.plan.path) || self.plan.path.try_exists()?;
            if is_there {
                refuse_if_under_way(&self.plan.path)?;
            }
            let holder = if is_there { None } else { Some(self.begin(Duration::ZERO)?) };
            State::Waiting(Ring::new(self.plan.before), holder)
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
        settings.circumstances.fired = self.fired.take();
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
        let mut kept = None;
        if let State::Waiting(ring, _) = &mut self.state {
            if !fires {
                for gone in ring.push(reduced(interval, self.plan.settings.keys)) {
                    self.standing.pass(&gone);
                }
                return Ok(Step::Waiting);
            }
            kept = Some(ring.kept());
            self.fire(interval)?;
        }
        self.write(interval)?;
        Ok(match kept {
            _ if ends => Step::Last(kept),
            Some(kept) => Step::Fired(kept),
            None => Step::Recorded,
        })
    }

    /// Writes what was seen before this interval. The file that held the name is replaced like any other.
    fn fire(&mut self, interval: &Interval) -> anyhow::Result<()> {
        let State::Waiting(ring, holder) = std::mem::replace(&mut self.state, State::Changing) else { return Ok(()) };
        drop(holder);
        let origin = ring.intervals().next().unwrap_or(interval).start;
        let Kept { intervals, crowded_out, .. } = ring.kept();
        self.fired = Some(Fired {
            before_ms: u64::try_from(interval.start.saturating_sub(origin).as_millis()).unwrap_or(u64::MAX),
            intervals: intervals as u64,
            crowded_out: crowded_out as u64,
        });
        self.state =
            State::Writing(self.begin(origin).with_context(|| format!("cannot write the capture {}", self.name()))?);
        ring.intervals().try_for_each(|interval| self.write(interval))
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
