//! `mctop replay`: plays a capture in the live table.

use std::io::{self, BufRead, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::watch::Sender;
use tokio::time::sleep;

use super::live::{config, needs_terminal, show};
use super::output::ending_quietly;
use super::redaction;
use super::runtime::runtime;
use crate::capture::reader::Reader;
use crate::capture::replay::{IntervalIndex, Player, PlayerCommand, Replay};
use crate::cli::{GeneralArgs, ReplayArgs};
use crate::error::with_causes;
use crate::model::capture_meta::Ending;
use crate::model::fold::{Limits, Model};
use crate::redact::source::RedactedSource;
use crate::source::Source;
use crate::text::format;
use crate::tui::feed::{Frame, KeyDetailStatus, Playback, PlaybackCommand, Request, Update};

/// The speeds that `+` and `-` select.
const SPEEDS: &[f64] = &[0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 60.0];
/// Minimum time between two frames at any speed, so that they can be read.
const FRAME_MIN: Duration = Duration::from_millis(100);
/// Number of intervals that a seek folds before it checks whether it takes long.
const STRETCH: usize = 20;
/// A seek that takes longer than this is announced.
const LONG: Duration = Duration::from_millis(300);

/// Runs `mctop replay`.
pub(super) fn replay(args: &ReplayArgs, general: &GeneralArgs) -> anyhow::Result<()> {
    let config = config(general, &args.screen, None, &args.view)?;
    if args.screen.print_config {
        return ending_quietly(io::stdout().write_all(config.to_toml().as_bytes()));
    }
    let redaction = redaction::of(&args.redact)?;
    // A bad file is reported before a missing terminal.
    Reader::open(&args.file)?;
    needs_terminal("mctop report FILE, which prints once")?;
    let path = args.file.clone();
    // The same redaction each time, because its secret may be random.
    let open = move || Ok(RedactedSource::new(Reader::open(&path)?, redaction.clone()));
    let limits = Limits::for_memory(usize::try_from(args.limits.memory)?);
    let known = Model::new(open()?.header(), limits).snapshot(false);
    let path = args.file.clone();
    // Nobody waits for the reading thread: it may be far from done, and has nothing to clean up.
    show(known, &args.view, config.settings, None, move |updates, requests| {
        let _ = updates.send(Update::Starting("reading the times in the capture …".to_owned(), None));
        let index = IntervalIndex::read(&path)?;
        let length = index.length();
        let replay = Replay::new(open, index, limits)?;
        let start = Instant::now();
        let player = Player::new(length, Duration::ZERO);
        let playing = Playing { replay, player, folded: 0, updates, ending: None, at_end };
        runtime()?.block_on(playing.run(start, requests));
        Ok(None)
    })
    .map(drop)
}

fn at_end<R: BufRead>(reader: &RedactedSource<Reader<R>>) -> String {
    match reader.inner().ending() {
        _ if reader.inner().is_snapshot() => {
            "A snapshot: it has sums over its whole time, not single intervals.".into()
        }
        Ending::Interrupted => "End of the capture, which was interrupted here.".into(),
        Ending::CutOff => "The file ends here without a footer: mctop was killed, or the file was cut off.".into(),
        Ending::Open | Ending::Finished => "End of the capture.".into(),
    }
}

/// A capture that is being played.
struct Playing<'a, S, F> {
    replay: Replay<S, F>,
    player: Player,
    /// Number of intervals in the shown snapshot.
    folded: usize,
    updates: &'a Sender<Update>,
    /// The message at the end, once the end was reached.
    ending: Option<String>,
    /// Makes that message from a source that was read to its end.
    at_end: fn(&S) -> String,
}

impl<S: Source, F: FnMut() -> anyhow::Result<S>> Playing<'_, S, F> {
    /// Plays until the user leaves. The player's clock was zero at `start`.
    async fn run(mut self, start: Instant, mut requests: UnboundedReceiver<Request>) {
        self.seek(self.end_of(1), Duration::ZERO);
        loop {
            self.show(start.elapsed());
            let drawn = Instant::now();
            loop {
                let now = start.elapsed();
                let next = self.replay.index().end(self.folded);
                let due = next.and_then(|next| self.player.wait(next, now));
                let wait = due.map(|due| due.max(FRAME_MIN.saturating_sub(drawn.elapsed())));
                tokio::select! {
                    () = sleep(wait.unwrap_or(Duration::MAX)), if wait.is_some() => break,
                    request = requests.recv() => {
                        let mut moved = false;
                        let mut request = request.unwrap_or(Request::Stop);
                        // Requests that arrived while the file was read are served together.
                        loop {
                            match request {
                                Request::Stop => return,
                                Request::Playback(play) => {
                                    self.obey(play, start.elapsed());
                                    moved = true;
                                }
                                // A capture has no clients, and its intervals and its start are fixed.
                                Request::Interval(_) | Request::Reset | Request::WatchKey(_) => {}
                            }
                            let Ok(next) = requests.try_recv() else { break };
                            request = next;
                        }
                        if moved {
                            break;
                        }
                    }
                }
            }
        }
    }

    fn obey(&mut self, play: PlaybackCommand, now: Duration) {
        let speed = self.player.speed();
        match play {
            PlaybackCommand::TogglePause => self.player.apply(PlayerCommand::TogglePause, now),
            PlaybackCommand::Faster => {
                let faster = SPEEDS.iter().copied().find(|step| *step > speed);
                self.player.apply(PlayerCommand::Speed(faster.unwrap_or(speed)), now);
            }
            PlaybackCommand::Slower => {
                let slower = SPEEDS.iter().rev().copied().find(|step| *step < speed);
                self.player.apply(PlayerCommand::Speed(slower.unwrap_or(speed)), now);
            }
            PlaybackCommand::Jump(seconds) => {
                let by = Duration::from_secs(seconds.unsigned_abs().into());
                self.player.apply(if seconds < 0 { PlayerCommand::Back(by) } else { PlayerCommand::Forward(by) }, now);
                // The first frame is that of the first interval.
                if self.player.position(now) < self.end_of(1) {
                    self.seek(self.end_of(1), now);
                }
            }
            PlaybackCommand::Start => self.seek(self.end_of(1), now),
            PlaybackCommand::End => self.seek(Duration::MAX, now),
            PlaybackCommand::StepForward => self.pause_at(self.due(now).saturating_add(1), now),
            PlaybackCommand::StepBack => self.pause_at(self.due(now).saturating_sub(1), now),
        }
    }

    fn seek(&mut self, to: Duration, now: Duration) {
        self.player.apply(PlayerCommand::Seek(to), now);
    }

    fn pause_at(&mut self, interval: usize, now: Duration) {
        if !self.player.is_paused() {
            self.player.apply(PlayerCommand::TogglePause, now);
        }
        self.seek(self.end_of(interval), now);
    }

    /// Number of intervals that have ended by the player's position, at least 1.
    fn due(&self, now: Duration) -> usize {
        self.replay.index().intervals_ended_by(self.player.position(now)).max(1)
    }

    /// End of the last of this number of intervals, at least 1, or of the capture.
    fn end_of(&self, intervals: usize) -> Duration {
        let index = self.replay.index();
        index.end(intervals.max(1) - 1).unwrap_or_else(|| index.length())
    }

    /// Goes to the player's position, and shows it.
    fn show(&mut self, now: Duration) {
        let wanted = self.due(now);
        let result = self.go(wanted);
        let (snapshot, all) = (Arc::new(self.replay.snapshot()), self.replay.index().len());
        self.folded = if result.is_ok() { wanted.min(all) } else { self.reached() };
        let position = if self.folded == 0 { Duration::ZERO } else { self.end_of(self.folded) };
        if result.is_err() {
            // The capture cannot be read further, but the user may go back.
            self.pause_at(self.folded, now);
        }
        let (length, speed, paused) = (self.player.length(), self.player.speed(), self.player.is_paused());
        let playback = Some(Playback { position, length, speed, paused });
        let frame = Frame { snapshot, key_detail: KeyDetailStatus::Waiting, playback };
        let _ = self.updates.send(match result {
            Err(error) => Update::EndedWith(frame, with_causes(&error)),
            Ok(()) if self.folded < all => Update::Frame(frame),
            Ok(()) => Update::EndedWith(frame, self.ending()),
        });
    }

    /// Folds this number of intervals, and announces it if that takes long.
    fn go(&mut self, wanted: usize) -> anyhow::Result<()> {
        let mut at = if wanted < self.folded { 0 } else { self.folded };
        let (start, mut is_announced) = (Instant::now(), false);
        while at < wanted {
            at = wanted.min(at + STRETCH);
            self.replay.seek(self.end_of(at))?;
            if !is_announced && at < wanted && start.elapsed() > LONG {
                let what = format!("reading up to {} …", format::duration(self.end_of(wanted)));
                let _ = self.updates.send(Update::Starting(what, None));
                is_announced = true;
            }
        }
        Ok(())
    }

    /// Number of intervals folded, also after a failure.
    fn reached(&self) -> usize {
        self.replay.index().intervals_ended_by(self.replay.position())
    }

    /// The message at the end of the capture.
    fn ending(&mut self) -> String {
        if let Some(known) = &self.ending {
            return known.clone();
        }
        let ending = match self.replay.step() {
            Err(error) => with_causes(&error),
            Ok(Some(_)) => {
                "The intervals after this one are out of order and cannot be replayed. mctop report reads all of them."
                    .into()
            }
            Ok(None) => (self.at_end)(self.replay.source()),
        };
        self.ending.insert(ending).clone()
    }
}
