//! Work in small pieces, so that nobody waits for it: at the end of an interval mctop has milliseconds of it, and a server's thread
//! that wakes on the same processor would wait until the scheduler's time slice is over.
//!
//! Not by a lower priority: on a host whose processors are all busy, that lets intervals grow to seconds.

use std::io::{self, Write};
use std::thread;
use std::time::{Duration, Instant};

/// The pauses of a stretch of work at the end of an interval, of which counting is one and writing a capture another, together take
/// at most one in so many parts of the interval: where a pause takes long because the processors are busy, the work is done all
/// the same.
const PARTS: u32 = 4;

/// Longest piece.
const PIECE: Duration = Duration::from_micros(100);

/// Shortest pause. Whoever waits for the processor begins at once and may keep it longer; and who wakes is put on one that is
/// idle, if there is any.
const PAUSE: Duration = Duration::from_micros(50);

/// Bytes that are serialised or compressed between pauses that are due: some ten microseconds of work.
const UNINTERRUPTED: usize = 4_096;

/// Pauses in a stretch of work.
#[derive(Debug)]
pub struct Pauses {
    since: Instant,
    left: Duration,
}

impl Pauses {
    /// From now on, at the end of an interval of this length.
    #[must_use]
    pub fn after(interval: Duration) -> Self {
        Self { since: Instant::now(), left: interval / PARTS }
    }

    /// None, for measurements and where little is done.
    #[must_use]
    pub fn none() -> Self {
        Self::after(Duration::ZERO)
    }

    /// Pauses if a piece is done. To be called each few microseconds of work.
    pub fn pause(&mut self) {
        if self.left.is_zero() || self.since.elapsed() < PIECE {
            return;
        }
        let begin = Instant::now();
        thread::sleep(PAUSE);
        self.since = Instant::now();
        self.left = self.left.saturating_sub(self.since - begin);
    }
}

/// A writer during whose work there are pauses.
pub struct Pausing<'a, W> {
    out: &'a mut W,
    pauses: &'a mut Pauses,
    /// Bytes until it is time to look whether one is due.
    left: usize,
}

impl<'a, W: Write> Pausing<'a, W> {
    /// Writes into `out`.
    pub fn new(out: &'a mut W, pauses: &'a mut Pauses) -> Self {
        Self { out, pauses, left: UNINTERRUPTED }
    }
}

impl<W: Write> Write for Pausing<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes.get(..self.left).unwrap_or(bytes))?;
        self.left -= written;
        if self.left == 0 {
            self.pauses.pause();
            self.left = UNINTERRUPTED;
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_come_after_each_piece_and_end() {
        let limit = PAUSE * 3;
        let mut pauses = Pauses::after(limit * PARTS);
        pauses.pause();
        assert_eq!(pauses.left, limit);
        for _ in 0..3 {
            thread::sleep(PIECE);
            pauses.pause();
        }
        assert_eq!(pauses.left, Duration::ZERO);
        let last = pauses.since;
        thread::sleep(PIECE);
        pauses.pause();
        assert_eq!(pauses.since, last);
    }

    #[test]
    fn a_writer_that_pauses_writes_everything() {
        let mut out = Vec::new();
        let mut pauses = Pauses::after(PAUSE * PARTS);
        thread::sleep(PIECE);
        let bytes: Vec<u8> = (0..=255).cycle().take(UNINTERRUPTED * 2 + 7).collect();
        Pausing::new(&mut out, &mut pauses).write_all(&bytes).unwrap();
        assert!(out == bytes);
        assert_eq!(pauses.left, Duration::ZERO);
    }
}
