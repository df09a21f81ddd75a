//! Notices servers that start while others are watched.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::finder::pids;
use super::listeners::Listeners;
use super::process::Examined;
use super::{Finder, Process};

/// A process is examined anew until it is this old here: it may yet become memcached by exec, or begin to listen.
const YOUNG: Duration = Duration::from_secs(5);

/// Remembers which processes are known, so that a look costs little more than a listing of `/proc`.
#[derive(Debug)]
pub struct Watch {
    finder: Finder,
    known: HashMap<u32, Known>,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    since: Instant,
    /// Reported already, or there when the watch began.
    settled: bool,
}

impl Watch {
    /// Everything that runs now is known.
    ///
    /// # Errors
    /// When `/proc` cannot be listed.
    pub fn new(finder: Finder, now: Instant) -> anyhow::Result<Self> {
        let known = pids()?.into_iter().map(|pid| (pid, Known { since: now, settled: true })).collect();
        Ok(Self { finder, known })
    }

    /// Servers that have started since the last look and listen by now, or have not done so for some seconds. Each is
    /// reported once.
    ///
    /// # Errors
    /// When `/proc` cannot be listed.
    pub fn newcomers(&mut self, now: Instant) -> anyhow::Result<Vec<Process>> {
        let running = pids()?;
        self.known.retain(|pid, _| running.binary_search(pid).is_ok());
        let mut listeners = Listeners::default();
        let mut newcomers = Vec::new();
        for pid in running {
            let known = self.known.entry(pid).or_insert(Known { since: now, settled: false });
            if known.settled {
                continue;
            }
            let old = now.duration_since(known.since) >= YOUNG;
            known.settled = old;
            // A process that cannot be examined is not a server that could be watched.
            if let Ok(Examined::Server(process)) = self.finder.examine(pid, &mut listeners)
                && (old || !process.listen.is_empty())
            {
                known.settled = true;
                newcomers.push(*process);
            }
        }
        Ok(newcomers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runs_already_is_no_newcomer_and_neither_is_another_program() {
        let begin = Instant::now();
        let mut watch = Watch::new(Finder::default(), begin).unwrap();
        let ours = std::process::id();
        assert!(watch.known[&ours].settled);
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        // Other servers may start meanwhile.
        let pid = child.id();
        let reports = |watch: &mut Watch, now| {
            watch.newcomers(now).unwrap().iter().any(|process| [ours, pid].contains(&process.pid))
        };
        assert!(!reports(&mut watch, begin));
        assert!(!watch.known[&pid].settled, "it may yet become memcached");
        assert!(!reports(&mut watch, begin + YOUNG));
        assert!(watch.known[&pid].settled);
        child.kill().unwrap();
        child.wait().unwrap();
        watch.newcomers(begin + YOUNG).unwrap();
        assert!(!watch.known.contains_key(&pid));
    }
}
