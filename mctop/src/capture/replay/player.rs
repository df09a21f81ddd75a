//! Computes the playback position in a capture. This is pure: the caller passes in the time.

use std::time::Duration;

/// Slowest and fastest speed.
const SPEEDS: std::ops::RangeInclusive<f64> = 0.01..=10_000.0;

/// A playback command.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum PlayerCommand {
    /// Pause or resume.
    TogglePause,
    /// Seconds of the capture per second; 1 is real time.
    Speed(f64),
    /// Go to a position.
    Seek(Duration),
    /// Skip forward.
    Forward(Duration),
    /// Skip back.
    Back(Duration),
}

/// The playback position and speed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Player {
    length: Duration,
    speed: f64,
    paused: bool,
    /// The position at time `since`.
    position: Duration,
    since: Duration,
}

impl Player {
    /// Starts to play a capture of this length from its start, in real time.
    pub(crate) const fn new(length: Duration, now: Duration) -> Self {
        Self { length, speed: 1.0, paused: false, position: Duration::ZERO, since: now }
    }

    /// Applies a command.
    pub(crate) fn apply(&mut self, command: PlayerCommand, now: Duration) {
        let position = self.position(now);
        let position = match command {
            PlayerCommand::TogglePause => {
                self.paused = !self.paused;
                position
            }
            PlayerCommand::Speed(speed) => {
                if speed.is_finite() {
                    self.speed = speed.clamp(*SPEEDS.start(), *SPEEDS.end());
                }
                position
            }
            PlayerCommand::Seek(to) => to,
            PlayerCommand::Forward(by) => position.saturating_add(by),
            PlayerCommand::Back(by) => position.saturating_sub(by),
        };
        self.position = position.min(self.length);
        self.since = now;
    }

    /// The position at time `now`.
    pub(crate) fn position(&self, now: Duration) -> Duration {
        if self.paused {
            return self.position;
        }
        let elapsed = now.saturating_sub(self.since).as_secs_f64() * self.speed;
        let elapsed = Duration::try_from_secs_f64(elapsed).unwrap_or(Duration::MAX);
        self.position.saturating_add(elapsed).min(self.length)
    }

    /// How long to wait until a position is reached; `None` while paused, or if it is past the end.
    pub(crate) fn wait(&self, position: Duration, now: Duration) -> Option<Duration> {
        if self.paused || position > self.length {
            return None;
        }
        let seconds = position.saturating_sub(self.position(now)).as_secs_f64() / self.speed;
        Duration::try_from_secs_f64(seconds).ok()
    }

    /// Whether playback is paused.
    pub(crate) const fn is_paused(&self) -> bool {
        self.paused
    }

    /// Seconds of the capture per second.
    pub(crate) const fn speed(&self) -> f64 {
        self.speed
    }

    /// Length of the capture.
    pub(crate) const fn length(&self) -> Duration {
        self.length
    }
}
