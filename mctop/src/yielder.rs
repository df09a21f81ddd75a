//! Splits the work at the end of an interval into short pieces with sleeps between them. That work can last milliseconds, and
//! a server thread that wakes on the same CPU would otherwise wait until mctop's time slice ends.
//!
//! A lower scheduling priority is no alternative: when every CPU is busy, it stretches intervals to seconds.

use std::io::{self, Write};
use std::thread;
use std::time::{Duration, Instant};

/// One step of work, such as counting or writing a capture, may sleep for at most 1/4 of the interval. When sleeps run long
/// because all CPUs are busy, the work still gets done.
const MAX_SLEEP_DIVISOR: u32 = 4;

/// Longest time to work without a sleep.
const MAX_WORK: Duration = Duration::from_micros(100);

/// Shortest sleep. A thread that is waiting for this CPU starts at once and may keep it longer; the kernel wakes mctop on an
/// idle CPU if there is one.
const SLEEP: Duration = Duration::from_micros(50);

/// Bytes to serialise or compress between two looks at the clock: about 10 µs of work.
const BYTES_BETWEEN_CHECKS: usize = 4_096;

/// Sleeps when the current piece of work has lasted long enough.
#[derive(Debug)]
pub(crate) struct Yielder {
    since: Instant,
    /// How much longer it may sleep in total.
    left: Duration,
}

impl Yielder {
    /// Starts now, for work at the end of an interval of this length.
    pub(crate) fn for_interval(interval: Duration) -> Self {
        Self { since: Instant::now(), left: interval / MAX_SLEEP_DIVISOR }
    }

    /// Never sleeps: for measurements and for small amounts of work.
    pub(crate) fn never() -> Self {
        Self::for_interval(Duration::ZERO)
    }

    /// Sleeps if the current piece of work has lasted [`MAX_WORK`]. Call it every few microseconds.
    pub(crate) fn yield_if_due(&mut self) {
        if self.left.is_zero() || self.since.elapsed() < MAX_WORK {
            return;
        }
        let start = Instant::now();
        thread::sleep(SLEEP);
        self.since = Instant::now();
        self.left = self.left.saturating_sub(self.since - start);
    }
}

/// A writer that yields while it writes.
pub(crate) struct YieldingWriter<'a, W> {
    out: &'a mut W,
    yielder: &'a mut Yielder,
    /// Bytes until the next look at the clock.
    left: usize,
}

impl<'a, W: Write> YieldingWriter<'a, W> {
    /// Writes into `out`.
    pub(crate) fn new(out: &'a mut W, yielder: &'a mut Yielder) -> Self {
        Self { out, yielder, left: BYTES_BETWEEN_CHECKS }
    }
}

impl<W: Write> Write for YieldingWriter<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes.get(..self.left).unwrap_or(bytes))?;
        self.left -= written;
        if self.left == 0 {
            self.yielder.yield_if_due();
            self.left = BYTES_BETWEEN_CHECKS;
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
    fn it_sleeps_after_each_piece_until_its_budget_is_spent() {
        let limit = SLEEP * 3;
        let mut yielder = Yielder::for_interval(limit * MAX_SLEEP_DIVISOR);
        yielder.yield_if_due();
        assert_eq!(yielder.left, limit);
        for _ in 0..3 {
            thread::sleep(MAX_WORK);
            yielder.yield_if_due();
        }
        assert_eq!(yielder.left, Duration::ZERO);
        let last = yielder.since;
        thread::sleep(MAX_WORK);
        yielder.yield_if_due();
        assert_eq!(yielder.since, last);
    }

    #[test]
    fn a_yielding_writer_writes_every_byte() {
        let mut out = Vec::new();
        let mut yielder = Yielder::for_interval(SLEEP * MAX_SLEEP_DIVISOR);
        thread::sleep(MAX_WORK);
        let bytes: Vec<u8> = (0..=255).cycle().take(BYTES_BETWEEN_CHECKS * 2 + 7).collect();
        YieldingWriter::new(&mut out, &mut yielder).write_all(&bytes).unwrap();
        assert!(out == bytes);
        assert_eq!(yielder.left, Duration::ZERO);
    }
}
