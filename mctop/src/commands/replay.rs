//! The live table over a capture: which moment is due, and how the table gets there.

use std::io::{self, BufRead, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::watch::Sender;
use tokio::time::sleep;

use super::live::{config, needs_terminal, show};
use super::{ending_quietly, redaction, runtime};
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

/// The speeds that `+` and `-` go through.
const SPEEDS: &[f64] = &[0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 60.0];
/// Pictures follow each other no faster, whatever the speed: nobody could read them.
const PICTURE: Duration = Duration::from_millis(100);
/// So many intervals are folded on the way to another moment until it is looked whether this takes long.
const STRETCH: usize = 20;
/// What takes longer is said.
const LONG: Duration = Duration::from_millis(300);

/// Runs `mctop replay`.
pub(super) fn replay(args: &ReplayArgs, general: &GeneralArgs) -> anyhow::Result<()> {
    let config = config(general, &args.screen, None, &args.view)?;
    if args.screen.print_config {
        return ending_quietly(io::stdout().write_all(config.to_toml().as_bytes()));
    }
    let redaction = redaction::of(&args.redact)?;
    // What is wrong with the file is wrong in a terminal, too.
    Reader::open(&args.file)?;
    needs_terminal("mctop report FILE, which prints once")?;
    let path = args.file.clone();
    // The same redaction each time: its secret may be of this run only.
    let open = move || Ok(RedactedSource::new(Reader::open(&path)?, redaction.clone()));
    let limits = Limits::for_memory(usize::try_from(args.room.memory)?);
    let known = Model::new(open()?.header(), limits).snapshot(false);
    let path = args.file.clone();
    // The reading thread holds nothing that must be given back, and may be far from done: nobody waits for it.
    show(known, &args.view, config.settings, None, move |news, wishes| {
        let _ = news.send(Update::Starting("looking through the capture …".to_owned(), None));
        let index = IntervalIndex::read(&path)?;
        let length = index.length();
        let replay = Replay::new(open, index, limits)?;
        let began = Instant::now();
        let player = Player::new(length, Duration::ZERO);
        let playing = Playing { replay, player, folded: 0, news, ending: None, at_end };
        runtime()?.block_on(playing.run(began, wishes));
        Ok(None)
    })
    .map(drop)
}

fn at_end<R: BufRead>(reader: &RedactedSource<Reader<R>>) -> String {
    match reader.inner().ending() {
        _ if reader.inner().is_snapshot() => "A snapshot: it has sums over its whole time, and not how it went.".into(),
        Ending::Interrupted => "End of the capture; it was interrupted there.".into(),
        Ending::CutOff => "The file ends here without a footer: mctop was killed, or the file was cut off.".into(),
        Ending::Open | Ending::Finished => "End of the capture.".into(),
    }
}

/// A capture that is being played.
struct Playing<'a, S, F> {
    replay: Replay<S, F>,
    player: Player,
    /// How many intervals the picture is after.
    folded: usize,
    news: &'a Sender<Update>,
    /// What is said at the end, known once it was reached.
    ending: Option<String>,
    /// How the capture ended, when it was read to its end.
    at_end: fn(&S) -> String,
}

impl<S: Source, F: FnMut() -> anyhow::Result<S>> Playing<'_, S, F> {
    /// Plays until the user leaves. `began` is when the player's clock showed nothing.
    async fn run(mut self, began: Instant, mut wishes: UnboundedReceiver<Request>) {
        self.seek(self.end_of(1), Duration::ZERO);
        loop {
            self.show(began.elapsed());
            let drawn = Instant::now();
            loop {
                let now = began.elapsed();
                let next = self.replay.index().end(self.folded);
                let due = next.and_then(|next| self.player.wait(next, now));
                let wait = due.map(|due| due.max(PICTURE.saturating_sub(drawn.elapsed())));
                tokio::select! {
                    () = sleep(wait.unwrap_or(Duration::MAX)), if wait.is_some() => break,
                    wish = wishes.recv() => {
                        let mut moved = false;
                        let mut wish = wish.unwrap_or(Request::Stop);
                        // Those that came while the file was read are one movement.
                        loop {
                            match wish {
                                Request::Stop => return,
                                Request::Playback(play) => {
                                    self.obey(play, began.elapsed());
                                    moved = true;
                                }
                                // A capture knows no clients, its intervals are as they were, and so is its begin.
                                Request::Interval(_) | Request::Reset | Request::WatchKey(_) => {}
                            }
                            let Ok(next) = wishes.try_recv() else { break };
                            wish = next;
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
                // The first picture is that of the first interval.
                if self.player.position(now) < self.end_of(1) {
                    self.seek(self.end_of(1), now);
                }
            }
            PlaybackCommand::Start => self.seek(self.end_of(1), now),
            PlaybackCommand::End => self.seek(Duration::MAX, now),
            PlaybackCommand::StepForward => self.hold_at(self.due(now).saturating_add(1), now),
            PlaybackCommand::StepBack => self.hold_at(self.due(now).saturating_sub(1), now),
        }
    }

    fn seek(&mut self, to: Duration, now: Duration) {
        self.player.apply(PlayerCommand::Seek(to), now);
    }

    fn hold_at(&mut self, interval: usize, now: Duration) {
        if !self.player.is_paused() {
            self.player.apply(PlayerCommand::TogglePause, now);
        }
        self.seek(self.end_of(interval), now);
    }

    /// How many intervals end by the moment that is due, and at least the first.
    fn due(&self, now: Duration) -> usize {
        self.replay.index().intervals_ended_by(self.player.position(now)).max(1)
    }

    /// End of so many intervals, at least one, or of all that there are.
    fn end_of(&self, intervals: usize) -> Duration {
        let moments = self.replay.index();
        moments.end(intervals.max(1) - 1).unwrap_or_else(|| moments.length())
    }

    /// Goes to the moment that is due, and shows it.
    fn show(&mut self, now: Duration) {
        let wanted = self.due(now);
        let gone = self.go(wanted);
        let (snapshot, all) = (Arc::new(self.replay.snapshot()), self.replay.index().len());
        self.folded = if gone.is_ok() { wanted.min(all) } else { self.reached() };
        let position = if self.folded == 0 { Duration::ZERO } else { self.end_of(self.folded) };
        if gone.is_err() {
            // There is no way on; the user may go back.
            self.hold_at(self.folded, now);
        }
        let (length, speed, paused) = (self.player.length(), self.player.speed(), self.player.is_paused());
        let playback = Some(Playback { position, length, speed, paused });
        let moment = Frame { snapshot, key_detail: KeyDetailStatus::Waiting, playback };
        let _ = self.news.send(match gone {
            Err(error) => Update::EndedWith(moment, with_causes(&error)),
            Ok(()) if self.folded < all => Update::Frame(moment),
            Ok(()) => Update::EndedWith(moment, self.ending()),
        });
    }

    /// Reads until so many intervals are folded, and says so when that takes long.
    fn go(&mut self, wanted: usize) -> anyhow::Result<()> {
        let mut at = if wanted < self.folded { 0 } else { self.folded };
        let (began, mut said) = (Instant::now(), false);
        while at < wanted {
            at = wanted.min(at + STRETCH);
            self.replay.seek(self.end_of(at))?;
            if !said && at < wanted && began.elapsed() > LONG {
                let what = format!("reading on the way to {} …", format::duration(self.end_of(wanted)));
                let _ = self.news.send(Update::Starting(what, None));
                said = true;
            }
        }
        Ok(())
    }

    /// How many intervals are folded, also after a failure.
    fn reached(&self) -> usize {
        self.replay.index().intervals_ended_by(self.replay.position())
    }

    /// What is to say at the end of the capture.
    fn ending(&mut self) -> String {
        if let Some(known) = &self.ending {
            return known.clone();
        }
        let ending = match self.replay.step() {
            Err(error) => with_causes(&error),
            Ok(Some(_)) => {
                "The capture goes on, but out of order, which cannot be replayed. mctop report reads all of it.".into()
            }
            Ok(None) => (self.at_end)(self.replay.source()),
        };
        self.ending.insert(ending).clone()
    }
}
