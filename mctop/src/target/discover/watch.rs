//! Notices servers that start while others are watched.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::finder::pids;
use super::listeners::Listeners;
use super::process::{self, Examined};
use super::{Finder, Process, Selection};

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
    /// Reported already, or there long before the watch began.
    settled: bool,
}

impl Watch {
    /// Whatever runs for long now is known. That comes before anything else is looked at, so that no server can start unnoticed
    /// in between.
    ///
    /// # Errors
    /// When `/proc` cannot be listed.
    pub fn new(now: Instant) -> anyhow::Result<Self> {
        let known = |pid| Known { since: now, settled: process::age(pid).is_none_or(|age| age >= YOUNG) };
        let known = pids()?.into_iter().map(|pid| (pid, known(pid))).collect();
        Ok(Self { finder: Finder::default(), known })
    }

    /// Finds the selected servers that run now; they are known from then on.
    ///
    /// # Errors
    /// Those of [`super::discover`].
    pub fn find(&mut self, selection: &Selection, now: Instant) -> anyhow::Result<Vec<Process>> {
        let found = self.finder.find(selection)?;
        self.known.extend(found.iter().map(|process| (process.pid, Known { since: now, settled: true })));
        Ok(found)
    }

    /// Servers that have started since the last look and listen by now, or have not done so for some seconds. Each is
    /// reported once; one that `is_early` is looked at again, but not for longer than that.
    ///
    /// # Errors
    /// When `/proc` cannot be listed.
    pub fn newcomers(&mut self, now: Instant, is_early: impl Fn(&Process) -> bool) -> anyhow::Result<Vec<Process>> {
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
                && (old || !process.listen.is_empty() && !is_early(&process))
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
    fn what_has_just_begun_may_yet_become_a_server() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let watch = Watch::new(Instant::now()).unwrap();
        assert!(!watch.known[&child.id()].settled);
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn what_runs_already_is_no_newcomer_and_neither_is_another_program() {
        let begin = Instant::now();
        let mut watch = Watch::new(begin).unwrap();
        assert!(watch.known[&1].settled);
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        // Other servers may start meanwhile.
        let pid = child.id();
        let reports = |watch: &mut Watch, now| {
            watch.newcomers(now, |_| false).unwrap().iter().any(|process| [1, pid].contains(&process.pid))
        };
        assert!(!reports(&mut watch, begin));
        assert!(!watch.known[&pid].settled, "it may yet become memcached");
        assert!(!reports(&mut watch, begin + YOUNG));
        assert!(watch.known[&pid].settled);
        child.kill().unwrap();
        child.wait().unwrap();
        watch.newcomers(begin + YOUNG, |_| false).unwrap();
        assert!(!watch.known.contains_key(&pid));
    }
}
