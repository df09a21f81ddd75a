//! Checks before anything is attached that the limits on probe sites and open files allow the probes of all servers.

use mctop_common::limits::SITES_MAX;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::attach::{self, Target};
use super::detail::Detail;
use super::map_sizes;
use crate::error::{Failure, FailureKind};

/// Number of files that mctop has open besides one for each probe: tables, programs, a capture, the probes of a watched key.
const OTHER_FILES: u32 = 128;

/// The number of probe sites to prepare: those of the servers at a level of detail, and if possible as many again for servers that start
/// later, with `memory` bytes for the kernel's tables. Raises the limit on open files.
///
/// # Errors
/// A [`Failure`] that says how many probes there are, how many fit, and what to do.
pub(super) fn sites_to_prepare(targets: &[Target], detail: Detail, memory: u64) -> Result<u32, Failure> {
    let probes: Vec<usize> = targets.iter().map(|target| attach::probe_count(target, detail)).collect();
    let max = map_sizes::most_sites(memory);
    let tables = ProbeLimit { name: "The kernel's tables have", max, remedy: "a larger --memory" };
    let max = open_files().map_or(u32::MAX, |limit| limit.saturating_sub(OTHER_FILES));
    let files = ProbeLimit { name: "The limit on open files leaves", max, remedy: "a higher limit (ulimit -n)" };
    let needed = tables.check(&probes, detail)?.max(files.check(&probes, detail)?);
    Ok((2 * needed).max(SITES_MAX).min(tables.max).min(files.max.max(needed)))
}

/// Raises the limit on open files as far as permitted, and returns it; `None` if there is no limit.
fn open_files() -> Option<u32> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let limit = match setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        Ok(()) => maximum,
        Err(_) => current,
    };
    limit.map(|limit| u32::try_from(limit).unwrap_or(u32::MAX))
}

/// A limit on the number of probes.
struct ProbeLimit {
    /// The start of a sentence that continues with "room for".
    name: &'static str,
    max: u32,
    /// What allows more probes.
    remedy: &'static str,
}

impl ProbeLimit {
    /// The number of probes of all servers, given the number of each, if they fit.
    fn check(&self, probes: &[usize], detail: Detail) -> Result<u32, Failure> {
        let all: usize = probes.iter().sum();
        if let Some(all) = u32::try_from(all).ok().filter(|all| *all <= self.max) {
            return Ok(all);
        }
        let sums = probes.iter().scan(0, |sum, probes| {
            *sum += *probes;
            Some(*sum)
        });
        let fitting = sums.take_while(|sum| *sum <= self.max as usize).count();
        let less = detail.below().map_or_else(String::new, |below| {
            format!(", reduce the detail to --detail {} if that needs fewer", below.name())
        });
        Err(Failure::new(
            FailureKind::Runtime,
            format!(
                "{} servers were found, which need {all} probes at the level of detail {}. {} room for {}, enough for {fitting} \
                 servers. Nothing was attached. Select servers with --pid or --port{less}, or use {}.",
                probes.len(),
                detail.name(),
                self.name,
                self.max,
                self.remedy,
            ),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::bench_support;

    #[test]
    fn the_failure_says_how_many_probes_fit() {
        let limit = ProbeLimit { name: "Tables have", max: 10, remedy: "more tables" };
        assert_eq!(limit.check(&[4, 3, 3], Detail::Full).unwrap(), 10);
        let failure = limit.check(&[4, 3, 4, 1], Detail::Full).unwrap_err();
        assert_eq!(failure.kind, FailureKind::Runtime);
        for part in [
            "4 servers",
            "12 probes",
            "room for 10",
            "enough for 2 servers",
            "--pid or --port",
            "--detail verbs",
            "more tables",
        ] {
            assert!(failure.message.contains(part), "{part}: {}", failure.message);
        }
        assert!(!limit.check(&[11], Detail::Lookup).unwrap_err().message.contains("--detail"));
    }

    #[test]
    fn sites_are_prepared_for_servers_that_start_later() {
        let target = bench_support::sample_target();
        let sites = |servers: usize, memory| sites_to_prepare(&vec![target.clone(); servers], Detail::Verbs, memory);
        assert_eq!(sites(1, map_sizes::MEMORY_DEFAULT).unwrap(), SITES_MAX);
        assert_eq!(sites(200, map_sizes::MEMORY_DEFAULT).unwrap(), 400);
        let most = map_sizes::most_sites(map_sizes::MEMORY_MIN) as usize;
        assert_eq!(sites(most, map_sizes::MEMORY_MIN).unwrap(), most as u32);
        assert!(sites(most + 1, map_sizes::MEMORY_MIN).unwrap_err().message.contains("--memory"));
    }
}
