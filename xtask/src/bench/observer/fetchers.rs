//! memcached's own log of reads, `watch fetchers`, read by a thread.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::time::{ClockId, clock_gettime};

use super::Seen;

/// How long the last lines may take after the last operation.
const SETTLE: Duration = Duration::from_millis(300);

/// A connection with `watch fetchers`.
#[derive(Debug)]
pub struct Fetchers {
    stream: TcpStream,
    lines: Arc<AtomicU64>,
    skipped: Arc<AtomicU64>,
    cpu_ns: Arc<AtomicU64>,
    reader: Option<JoinHandle<()>>,
}

impl Fetchers {
    /// Starts to watch.
    pub fn start(address: SocketAddr) -> Result<Self> {
        let mut stream = TcpStream::connect(address).context("cannot connect for `watch fetchers`")?;
        stream.write_all(b"watch fetchers\r\n")?;
        let mut answer = [0; 4];
        stream.read_exact(&mut answer).context("memcached does not answer `watch fetchers`")?;
        anyhow::ensure!(&answer == b"OK\r\n", "memcached answers `{}` to `watch fetchers`", answer.escape_ascii());
        let (lines, skipped, cpu_ns) = (Arc::default(), Arc::default(), Arc::default());
        let reader = {
            let (lines, skipped, cpu_ns) = (Arc::clone(&lines), Arc::clone(&skipped), Arc::clone(&cpu_ns));
            let stream = stream.try_clone()?;
            thread::spawn(move || read(stream, &lines, &skipped, &cpu_ns))
        };
        Ok(Self { stream, lines, skipped, cpu_ns, reader: Some(reader) })
    }

    /// CPU time of the reading thread.
    #[must_use]
    pub fn cpu_ns(&self) -> u64 {
        self.cpu_ns.load(Ordering::Relaxed)
    }

    /// Stops once no more lines arrive.
    #[must_use]
    pub fn end(mut self) -> Seen {
        let mut before = u64::MAX;
        while before != self.lines.load(Ordering::Relaxed) {
            before = self.lines.load(Ordering::Relaxed);
            thread::sleep(SETTLE);
        }
        self.close();
        let skipped = self.skipped.load(Ordering::Relaxed);
        Seen {
            operations: Some(self.lines.load(Ordering::Relaxed)),
            lost: (skipped > 0).then(|| format!("memcached says it skipped {skipped}")),
            ..Seen::default()
        }
    }

    fn close(&mut self) {
        // Fails when memcached has closed it.
        let _ = self.stream.shutdown(Shutdown::Both);
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

impl Drop for Fetchers {
    fn drop(&mut self) {
        self.close();
    }
}

/// Counts lines, and adds up the numbers of `[skipped: N]` lines, until the connection ends.
fn read(mut stream: TcpStream, lines: &AtomicU64, skipped: &AtomicU64, cpu_ns: &AtomicU64) {
    let mut buffer = vec![0; 256 * 1024];
    let mut line = Vec::new();
    while let Ok(read) = stream.read(&mut buffer) {
        if read == 0 {
            break;
        }
        for part in buffer.get(..read).unwrap_or_default().split_inclusive(|&byte| byte == b'\n') {
            // Only the start of a line matters.
            if line.len() < 64 {
                line.extend_from_slice(&part[..part.len().min(64)]);
            }
            if part.ends_with(b"\n") {
                match skipped_in(&line) {
                    Some(count) => skipped.fetch_add(count, Ordering::Relaxed),
                    None => lines.fetch_add(1, Ordering::Relaxed),
                };
                line.clear();
            }
        }
        let now = clock_gettime(ClockId::ThreadCPUTime);
        cpu_ns.store(now.tv_sec.cast_unsigned() * 1_000_000_000 + now.tv_nsec.cast_unsigned(), Ordering::Relaxed);
    }
}

/// The number in `[skipped: 123]` (logger.c).
fn skipped_in(line: &[u8]) -> Option<u64> {
    let rest = line.strip_prefix(b"[skipped: ")?;
    let digits = rest.split(|byte| !byte.is_ascii_digit()).next()?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skipped_lines_are_recognized() {
        assert_eq!(skipped_in(b"[skipped: 123]\n"), Some(123));
        assert_eq!(skipped_in(b"ts=1.2 gid=3 type=item_get key=x\n"), None);
        assert_eq!(skipped_in(b"[skipped: ]"), None);
    }
}
