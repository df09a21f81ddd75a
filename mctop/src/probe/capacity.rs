//! Room for the probes of all servers, told before anything is attached: descriptions of sites in the kernel's tables, and open
//! files.

use mctop_common::limits::SITES_MAX;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::attach::{self, Target};
use super::detail::Detail;
use super::memory;
use crate::error::{Failure, FailureKind};

/// Files that mctop has open besides one for each probe: tables, programs, a capture, a look at a key.
const OTHER_FILES: u32 = 128;

/// For how many probe sites there is to be room: those of the servers at a level of detail, and as many of servers that come
/// later, as far as there is room in `memory` bytes for the kernel's tables. Sees to it that so many files may be open.
///
/// # Errors
/// A [`Failure`] that says how many there are, how many fit, and what to do.
pub(super) fn find(targets: &[Target], detail: Detail, memory: u64) -> Result<u32, Failure> {
    let sites: Vec<usize> = targets.iter().map(|target| attach::sites(target, detail)).collect();
    let tables = Room { name: "The kernel's tables have", most: memory::most_sites(memory), more: "a larger --memory" };
    let files = files();
    let most = files.map_or(u32::MAX, |limit| limit.saturating_sub(OTHER_FILES));
    let files = Room { name: "The limit on open files leaves", most, more: "a higher limit (ulimit -n)" };
    let needed = tables.check(&sites, detail)?.max(files.check(&sites, detail)?);
    Ok((2 * needed).max(SITES_MAX).min(tables.most).min(files.most.max(needed)))
}

/// How many files may be open, after the limit was raised as far as it may be; none where there is no limit.
fn files() -> Option<u32> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let limit = match setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        Ok(()) => maximum,
        Err(_) => current,
    };
    limit.map(|limit| u32::try_from(limit).unwrap_or(u32::MAX))
}

/// Something that each probe site takes one of.
struct Room {
    /// The beginning of a sentence that goes on with "room".
    name: &'static str,
    most: u32,
    /// What to have for more.
    more: &'static str,
}

impl Room {
    /// How many sites there are in all, each server's given, when they fit.
    fn check(&self, sites: &[usize], detail: Detail) -> Result<u32, Failure> {
        let all: usize = sites.iter().sum();
        if let Some(all) = u32::try_from(all).ok().filter(|all| *all <= self.most) {
            return Ok(all);
        }
        let sums = sites.iter().scan(0, |sum, sites| {
            *sum += *sites;
            Some(*sum)
        });
        let fitting = sums.take_while(|sum| *sum <= self.most as usize).count();
        let less = detail.below().map_or_else(String::new, |below| {
            format!(", watch less of each with --detail {}, where that takes fewer probes", below.name())
        });
        Err(Failure::new(
            FailureKind::Runtime,
            format!(
                "{} servers were found, which at the level of detail {} need {all} probes. {} room for {}, enough for {} servers. \
                 Nothing was attached. Name the servers to watch with --pid or --port{less}, or have {}.",
                sites.len(),
                detail.name(),
                self.name,
                self.most,
                fitting,
                self.more,
            ),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::bench_support::{Registers, target_of};

    #[test]
    fn what_does_not_fit_is_said_with_what_does() {
        let room = Room { name: "Tables have", most: 10, more: "more tables" };
        assert_eq!(room.check(&[4, 3, 3], Detail::Full).unwrap(), 10);
        let told = room.check(&[4, 3, 4, 1], Detail::Full).unwrap_err();
        assert_eq!(told.kind, FailureKind::Runtime);
        for part in [
            "4 servers",
            "12 probes",
            "room for 10",
            "enough for 2 servers",
            "--pid or --port",
            "--detail verbs",
            "more tables",
        ] {
            assert!(told.message.contains(part), "{part}: {}", told.message);
        }
        assert!(!room.check(&[11], Detail::Lookup).unwrap_err().message.contains("--detail"));
    }

    #[test]
    fn there_is_room_for_servers_that_come_later() {
        let registers = Registers { found: 0, key: 1, key_len: 2, item: 3, stack: Some(4), link: 5 };
        let target = target_of(std::process::id(), "/proc/self/exe".as_ref(), 0, &registers);
        let of = |servers: usize, memory| find(&vec![target.clone(); servers], Detail::Verbs, memory);
        assert_eq!(of(1, memory::DEFAULT).unwrap(), SITES_MAX);
        assert_eq!(of(200, memory::DEFAULT).unwrap(), 400);
        let most = memory::most_sites(memory::LEAST) as usize;
        assert_eq!(of(most, memory::LEAST).unwrap(), most as u32);
        assert!(of(most + 1, memory::LEAST).unwrap_err().message.contains("--memory"));
    }
}
