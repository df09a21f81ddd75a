//! Notices servers that start while mctop is running.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::finder::pids;
use super::listeners::Listeners;
use super::process::{self, ExaminedProcess};
use super::{Finder, Process, Selection};

/// New processes are examined repeatedly for this long, because they may still exec memcached or start to listen.
const YOUNG: Duration = Duration::from_secs(5);

/// Remembers which processes were examined, so that each check costs little more than listing `/proc`.
#[derive(Debug)]
pub(crate) struct ServerWatcher {
    finder: Finder,
    known: HashMap<u32, KnownProcess>,
}

#[derive(Clone, Copy, Debug)]
struct KnownProcess {
    first_seen: Instant,
    /// Whether it need not be examined again: it was reported, or it is older than [`YOUNG`].
    is_settled: bool,
}

impl ServerWatcher {
    /// Notes the processes that are running at `now`. This must come before the first search for servers, so that no server can
    /// start unnoticed in between.
    ///
    /// # Errors
    /// When `/proc` cannot be listed.
    pub(crate) fn new(now: Instant) -> anyhow::Result<Self> {
        let known =
            |pid| KnownProcess { first_seen: now, is_settled: process::age(pid).is_none_or(|age| age >= YOUNG) };
        let known = pids()?.into_iter().map(|pid| (pid, known(pid))).collect();
        Ok(Self { finder: Finder::default(), known })
    }

    /// Finds the selected servers that are running now. [`Self::new_servers`] does not report them again.
    ///
    /// # Errors
    /// Those of [`super::discover`].
    pub(crate) fn find(&mut self, selection: &Selection, now: Instant) -> anyhow::Result<Vec<Process>> {
        let found = self.finder.find(selection)?;
        self.known
            .extend(found.iter().map(|process| (process.pid, KnownProcess { first_seen: now, is_settled: true })));
        Ok(found)
    }

    /// Servers that have started since the last call. A server is reported once: when it listens and is not `is_early`, but
    /// at the latest when it has been known for 5 s.
    ///
    /// # Errors
    /// When `/proc` cannot be listed.
    pub(crate) fn new_servers(
        &mut self,
        now: Instant,
        is_early: impl Fn(&Process) -> bool,
    ) -> anyhow::Result<Vec<Process>> {
        let running = pids()?;
        self.known.retain(|pid, _| running.binary_search(pid).is_ok());
        let mut listeners = Listeners::default();
        let mut started = Vec::new();
        for pid in running {
            let known = self.known.entry(pid).or_insert(KnownProcess { first_seen: now, is_settled: false });
            if known.is_settled {
                continue;
            }
            let is_old = now.duration_since(known.first_seen) >= YOUNG;
            known.is_settled = is_old;
            // A process that cannot be examined cannot be watched either.
            if let Ok(ExaminedProcess::Server(process)) = self.finder.examine(pid, &mut listeners)
                && (is_old || !process.listen.is_empty() && !is_early(&process))
            {
                known.is_settled = true;
                started.push(*process);
            }
        }
        Ok(started)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_young_process_may_still_become_a_server() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let watch = ServerWatcher::new(Instant::now()).unwrap();
        assert!(!watch.known[&child.id()].is_settled);
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn running_processes_and_other_programs_are_not_reported() {
        let start = Instant::now();
        let mut watch = ServerWatcher::new(start).unwrap();
        assert!(watch.known[&1].is_settled);
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        // Other servers may start while the test runs.
        let pid = child.id();
        let reports = |watch: &mut ServerWatcher, now| {
            watch.new_servers(now, |_| false).unwrap().iter().any(|process| [1, pid].contains(&process.pid))
        };
        assert!(!reports(&mut watch, start));
        assert!(!watch.known[&pid].is_settled, "it may still become memcached");
        assert!(!reports(&mut watch, start + YOUNG));
        assert!(watch.known[&pid].is_settled);
        child.kill().unwrap();
        child.wait().unwrap();
        watch.new_servers(start + YOUNG, |_| false).unwrap();
        assert!(!watch.known.contains_key(&pid));
    }
}
