//! Which moment of a capture is due: pure, the clock is passed in.

use std::time::Duration;

/// Slowest and fastest.
const SPEEDS: std::ops::RangeInclusive<f64> = 0.01..=10_000.0;

/// What whoever watches wants.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Command {
    /// Hold, or go on.
    Toggle,
    /// So many seconds of the capture in a second, 1 for as it was.
    Speed(f64),
    /// Go to a moment.
    Seek(Duration),
    /// Go on by so much.
    Forward(Duration),
    /// Go back by so much.
    Back(Duration),
}

/// The moment that is due.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Player {
    length: Duration,
    speed: f64,
    paused: bool,
    /// The moment that was due when the clock showed `since`.
    position: Duration,
    since: Duration,
}

impl Player {
    /// Of a capture of this length, from its begin and as fast as it was, when the clock shows `now`.
    #[must_use]
    pub const fn new(length: Duration, now: Duration) -> Self {
        Self { length, speed: 1.0, paused: false, position: Duration::ZERO, since: now }
    }

    /// Does what is wanted.
    pub fn obey(&mut self, command: Command, now: Duration) {
        let position = self.position(now);
        let position = match command {
            Command::Toggle => {
                self.paused = !self.paused;
                position
            }
            Command::Speed(speed) => {
                if speed.is_finite() {
                    self.speed = speed.clamp(*SPEEDS.start(), *SPEEDS.end());
                }
                position
            }
            Command::Seek(to) => to,
            Command::Forward(by) => position.saturating_add(by),
            Command::Back(by) => position.saturating_sub(by),
        };
        self.position = position.min(self.length);
        self.since = now;
    }

    /// The moment of the capture that is due.
    #[must_use]
    pub fn position(&self, now: Duration) -> Duration {
        if self.paused {
            return self.position;
        }
        let elapsed = now.saturating_sub(self.since).as_secs_f64() * self.speed;
        let elapsed = Duration::try_from_secs_f64(elapsed).unwrap_or(Duration::MAX);
        self.position.saturating_add(elapsed).min(self.length)
    }

    /// How long to wait until a moment is due; none while it holds, or when the moment is past the end.
    #[must_use]
    pub fn wait(&self, moment: Duration, now: Duration) -> Option<Duration> {
        if self.paused || moment > self.length {
            return None;
        }
        let seconds = moment.saturating_sub(self.position(now)).as_secs_f64() / self.speed;
        Duration::try_from_secs_f64(seconds).ok()
    }

    /// Whether it holds.
    #[must_use]
    pub const fn is_paused(&self) -> bool {
        self.paused
    }

    /// Seconds of the capture in a second.
    #[must_use]
    pub const fn speed(&self) -> f64 {
        self.speed
    }

    /// How long the capture is.
    #[must_use]
    pub const fn length(&self) -> Duration {
        self.length
    }
}
