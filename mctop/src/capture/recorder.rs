//! Writes the intervals of an observation to capture files: waits for the trigger, stops at `--until`, and rotates files.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;

use super::destination::{Destination, is_standard_output, refuse_if_being_written};
use super::format::{EndedBy, TriggerInfo};
use super::quote::quoted;
use super::ring::{Ring, RingContents, RingLimits};
use super::rotation::{self, Rotation};
use super::server_state::ServerState;
use super::top_keys::keep_top_keys;
use super::writer::{Writer, WriterSettings};
use crate::model::condition::Condition;
use crate::model::fold::{Limits, Model};
use crate::model::header::Header;
use crate::model::interval::{Interval, RecordedInterval};

/// What to record, and where.
#[derive(Clone, Debug)]
pub struct RecordingPlan {
    /// The output file.
    pub path: PathBuf,
    /// What to write.
    pub settings: WriterSettings,
    /// Writing starts when this condition is true.
    pub trigger: Option<Condition>,
    /// How much of the time before the trigger to keep in memory and write.
    pub before: RingLimits,
    /// Writing ends with the interval in which this condition is true.
    pub until: Option<Condition>,
    /// Whether to start new files from time to time.
    pub rotation: Option<Rotation>,
    /// Memory limits of the model in which conditions are evaluated; unused without conditions.
    pub limits: Limits,
}

/// What happened to an interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordStatus {
    /// The trigger has not fired yet.
    Waiting,
    /// The trigger fired: recording has started, with this many intervals from before.
    Triggered(RingContents),
    /// It was recorded.
    Recorded,
    /// It was recorded and is the last, because the `until` condition is true. If the trigger fired in the same interval, with
    /// the intervals from before.
    Last(Option<RingContents>),
}

/// How a recording ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordingOutcome {
    /// The file is complete.
    Written,
    /// The trigger never fired. An existing file was left alone; a new file has no intervals.
    NeverTriggered,
}

/// Records an observation.
pub struct Recorder {
    plan: RecordingPlan,
    servers: ServerState,
    /// Evaluates the conditions.
    model: Option<Model>,
    state: RecorderState,
    part: u64,
    /// For the header of the file that starts with the trigger.
    fired: Option<TriggerInfo>,
}

enum RecorderState {
    /// Waiting for the trigger: the latest intervals, and a placeholder file if the name was free.
    Waiting(Ring, Option<Writer<Destination>>),
    Writing(Writer<Destination>),
    /// Between closing one file and opening the next.
    Rotating,
}

impl Recorder {
    /// Creates the file, or starts to wait for the trigger.
    ///
    /// # Errors
    /// When the file cannot be created or written.
    pub fn new(plan: RecordingPlan, header: &Header) -> anyhow::Result<Self> {
        let has_conditions = plan.trigger.is_some() || plan.until.is_some();
        let mut recorder = Self {
            servers: ServerState::new(header),
            model: has_conditions.then(|| Model::new(header, plan.limits)),
            state: RecorderState::Rotating,
            part: 0,
            fired: None,
            plan,
        };
        recorder.start().with_context(|| format!("cannot write the capture {}", recorder.name()))?;
        Ok(recorder)
    }

    fn start(&mut self) -> io::Result<()> {
        if self.plan.rotation.is_some() {
            rotation::rename_leftover(&self.plan.path)?;
        }
        self.state = if self.plan.trigger.is_some() {
            let exists = is_standard_output(&self.plan.path) || self.plan.path.try_exists()?;
            if exists {
                refuse_if_being_written(&self.plan.path)?;
            }
            let placeholder = if exists { None } else { Some(self.open_file(Duration::ZERO)?) };
            RecorderState::Waiting(Ring::new(self.plan.before), placeholder)
        } else {
            RecorderState::Writing(self.open_file(Duration::ZERO)?)
        };
        Ok(())
    }

    /// Opens a file that starts at `origin`, relative to the start of the observation.
    fn open_file(&mut self, origin: Duration) -> io::Result<Writer<Destination>> {
        let mut settings = self.plan.settings.clone();
        if self.plan.rotation.is_some() {
            settings.meta.part = Some(self.part + 1);
        }
        settings.meta.fired = self.fired.take();
        let destination = Destination::create(&self.plan.path)?;
        let mut writer = Writer::within_observation(destination, self.servers.file_start(origin), &settings)?;
        if let Some(destination) = writer.output() {
            destination.commit_header()?;
        }
        Ok(writer)
    }

    fn name(&self) -> String {
        quoted(&self.plan.path.display().to_string())
    }

    /// Records an interval.
    ///
    /// # Errors
    /// When it cannot be written. The intervals before it remain in the file.
    pub fn record(&mut self, recorded: &RecordedInterval) -> anyhow::Result<RecordStatus> {
        let snapshot = self.model.as_mut().map(|model| {
            model.fold(recorded);
            model.snapshot(false)
        });
        let holds = |condition: &Option<Condition>| {
            condition.as_ref().zip(snapshot.as_ref()).is_some_and(|(condition, snapshot)| condition.holds(snapshot))
        };
        let (triggered, ends) = (holds(&self.plan.trigger), holds(&self.plan.until));
        let mut kept = None;
        if let RecorderState::Waiting(ring, _) = &mut self.state {
            if !triggered {
                for dropped in ring.push(keep_top_keys(recorded, self.plan.settings.keys)) {
                    self.servers.apply(&dropped.interval);
                }
                return Ok(RecordStatus::Waiting);
            }
            kept = Some(ring.contents());
            self.start_after_trigger(&recorded.interval)?;
        }
        self.write(recorded)?;
        Ok(match kept {
            _ if ends => RecordStatus::Last(kept),
            Some(kept) => RecordStatus::Triggered(kept),
            None => RecordStatus::Recorded,
        })
    }

    /// Writes the intervals from before the trigger. A placeholder file is replaced like any other file.
    fn start_after_trigger(&mut self, interval: &Interval) -> anyhow::Result<()> {
        let RecorderState::Waiting(ring, placeholder) = std::mem::replace(&mut self.state, RecorderState::Rotating)
        else {
            return Ok(());
        };
        drop(placeholder);
        let origin = ring.intervals().next().map_or(interval, |kept| &kept.interval).start;
        let RingContents { intervals, crowded_out, .. } = ring.contents();
        self.fired = Some(TriggerInfo {
            before_ms: u64::try_from(interval.start.saturating_sub(origin).as_millis()).unwrap_or(u64::MAX),
            intervals: intervals as u64,
            crowded_out: crowded_out as u64,
        });
        self.state = RecorderState::Writing(
            self.open_file(origin).with_context(|| format!("cannot write the capture {}", self.name()))?,
        );
        ring.intervals().try_for_each(|kept| self.write(kept))
    }

    fn write(&mut self, recorded: &RecordedInterval) -> anyhow::Result<()> {
        let written = self.try_write(recorded);
        self.servers.apply(&recorded.interval);
        written.map_err(|error| {
            let mut message = format!("cannot write the capture {}", self.name());
            if let RecorderState::Writing(writer) = &mut self.state {
                if let Some(destination) = writer.output() {
                    destination.discard_partial_interval();
                }
                message += &match writer.complete() {
                    (0, _) => "; the file has no intervals".to_owned(),
                    (1, end) => format!("; the file has one interval, up to {:.1} s", end.as_secs_f64()),
                    (good, end) => format!("; the file has {good} intervals, up to {:.1} s", end.as_secs_f64()),
                };
            }
            anyhow::Error::new(error).context(message)
        })
    }

    fn try_write(&mut self, recorded: &RecordedInterval) -> io::Result<()> {
        self.rotate(recorded.interval.start)?;
        if let RecorderState::Writing(writer) = &mut self.state {
            writer.write_interval(recorded)?;
            if let Some(destination) = writer.output() {
                destination.commit_interval()?;
            }
        }
        Ok(())
    }

    /// Starts a new file if the current one is full.
    fn rotate(&mut self, now: Duration) -> io::Result<()> {
        let Some(Rotation { limit, keep }) = self.plan.rotation else { return Ok(()) };
        let RecorderState::Writing(writer) = &self.state else { return Ok(()) };
        let (intervals, _) = writer.complete();
        let start = self.servers.file_start(writer.origin());
        if intervals == 0 || !limit.is_reached(writer.written(), now.saturating_sub(start.origin)) {
            return Ok(());
        }
        if let RecorderState::Writing(writer) = std::mem::replace(&mut self.state, RecorderState::Rotating) {
            let mut destination = writer.finish(EndedBy::Rotation)?;
            destination.sync()?;
            rotation::rename_finished(destination.path(), start.header.started_at)?;
        }
        if let Some(keep) = keep {
            rotation::prune(&self.plan.path, keep)?;
        }
        self.part += 1;
        self.state = RecorderState::Writing(self.open_file(now)?);
        Ok(())
    }

    /// Ends the recording.
    ///
    /// # Errors
    /// When the footer cannot be written.
    pub fn finish(self, ended_by: EndedBy) -> anyhow::Result<RecordingOutcome> {
        let name = self.name();
        let (writer, outcome) = match self.state {
            RecorderState::Writing(writer) => (Some(writer), RecordingOutcome::Written),
            RecorderState::Waiting(_, placeholder) => (placeholder, RecordingOutcome::NeverTriggered),
            RecorderState::Rotating => (None, RecordingOutcome::Written),
        };
        let Some(writer) = writer else { return Ok(outcome) };
        let mut destination =
            writer.finish(ended_by).with_context(|| format!("cannot write the footer of the capture {name}"))?;
        destination
            .commit_interval()
            .and_then(|()| destination.sync())
            .with_context(|| format!("cannot finish {name}"))?;
        Ok(outcome)
    }
}
