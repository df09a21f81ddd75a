//! What there must be of memory for an observation, what there is, and what to say where that is too little.

use std::io;

use serde::Serialize;

use super::memory::{LEAST, MOST};
use crate::error::{Failure, FailureKind, with_causes};
use crate::kernel::memory::{MemoryLimit, of_address_space, of_control_group, of_host};

/// Bytes that mctop takes besides the kernel's tables, however small they are: its program, what it knows of the servers' binaries, and
/// what the kernel keeps for it.
const PROGRAM: u64 = 20 << 20;

/// Memory that is asked for, and what limits it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Room {
    /// Bytes of `--memory`.
    pub asked: u64,
    /// Bytes that an observation may come to take with it.
    pub needed: u64,
    /// The limit of the control group that leaves the least to mctop.
    pub limit: Option<MemoryLimit>,
    /// The limit on mctop's address space, bytes.
    pub address_space: Option<u64>,
}

impl Room {
    /// With so many bytes for the kernel's tables, before they are made: the kernel takes its time to give back what they took.
    #[must_use]
    pub(crate) fn of(asked: u64) -> Self {
        let (limit, address_space) = (of_control_group(), of_address_space());
        Self { asked, needed: needed(asked), limit, address_space }
    }

    /// Whether what is needed is more than a control group leaves to mctop.
    #[must_use]
    pub(crate) fn is_tight(&self) -> bool {
        self.tight().is_some()
    }

    /// The control group's limit, where it leaves less than what is needed.
    fn tight(&self) -> Option<&MemoryLimit> {
        self.limit.as_ref().filter(|limit| limit.left < self.needed)
    }

    /// What there is and what is needed, a sentence for each.
    #[must_use]
    pub(crate) fn what(&self) -> String {
        let limit = match (self.tight(), self.address_space, of_host()) {
            (Some(MemoryLimit { file, bytes, left }), ..) => format!(
                "The control group's limit is {} ({file}), of which others leave {} to mctop. ",
                mebibytes(*bytes),
                mebibytes(*left)
            ),
            (None, Some(bytes), _) => {
                format!("The limit on mctop's address space is {} (ulimit -v). ", mebibytes(bytes))
            }
            (None, None, Some(bytes)) => format!("This host has {} available. ", mebibytes(bytes)),
            (None, None, None) => String::new(),
        };
        format!(
            "{limit}With --memory {}, mctop takes that much for the kernel's tables and in time up to {} for itself, {} in all.",
            option(self.asked),
            mebibytes(self.needed - self.asked),
            mebibytes(self.needed)
        )
    }

    /// What to do about it, a sentence.
    #[must_use]
    pub(crate) fn fix(&self) -> String {
        let raise = "raise the limit (MemoryMax= of a systemd unit, the memory limit of a container)";
        let limit = self.tight();
        let fits = |asked: &u64| limit.is_none_or(|limit| needed(*asked) <= limit.left);
        match sizes().filter(|asked| *asked < self.asked).find(fits) {
            Some(asked) if limit.is_some() => format!("Run mctop with --memory {}, or {raise}.", option(asked)),
            Some(asked) => format!("Run mctop with --memory {}, or less.", option(asked)),
            None if limit.is_some() => {
                format!(
                    "Run mctop outside of this control group, or {raise}: --memory 1M takes {}.",
                    mebibytes(needed(LEAST))
                )
            }
            None => "Free memory, or run mctop with a larger limit.".to_owned(),
        }
    }

    /// Turns an error that there is not enough memory into one that says what limits it, what is needed, and what to do; leaves
    /// others as they are.
    #[must_use]
    pub(crate) fn explain(&self, error: anyhow::Error) -> anyhow::Error {
        if !is_shortage(&error) {
            return error;
        }
        let text = format!("There is not enough memory: {}. {} {}", with_causes(&error), self.what(), self.fix());
        Failure::new(FailureKind::Runtime, text).into()
    }

    /// What there is to beware of, a sentence, where a control group leaves less than what may be needed.
    #[must_use]
    pub(crate) fn warning(&self) -> Option<String> {
        let end = "When nothing is left, the kernel ends a process of the group, which may be memcached.";
        self.is_tight().then(|| format!("{} {end}", self.what()))
    }
}

/// What an observation may come to take with so many bytes for the kernel's tables.
const fn needed(asked: u64) -> u64 {
    asked + if asked > PROGRAM { asked } else { PROGRAM }
}

/// Sizes that are proposed, the largest first.
fn sizes() -> impl Iterator<Item = u64> {
    (0..u64::BITS).rev().map(|power| 1 << power).filter(|size| (LEAST..=MOST).contains(size))
}

fn mebibytes(bytes: u64) -> String {
    format!("{} MiB", bytes >> 20)
}

/// A size as `--memory` takes it.
fn option(bytes: u64) -> String {
    if bytes.is_multiple_of(1 << 20) { format!("{}M", bytes >> 20) } else { bytes.to_string() }
}

/// Whether an error is that there is not enough memory.
#[must_use]
pub(crate) fn is_shortage(error: &anyhow::Error) -> bool {
    let code = error.chain().find_map(|cause| cause.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error));
    code == Some(libc::ENOMEM)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::exit_code;

    const MIB: u64 = 1 << 20;

    fn room(asked: u64, limit: Option<u64>) -> Room {
        let limit =
            limit.map(|bytes| MemoryLimit { file: "/sys/fs/cgroup/x/memory.max".into(), bytes, left: bytes - 2 * MIB });
        Room { asked, needed: needed(asked), limit, address_space: None }
    }

    #[test]
    fn a_limit_is_named_with_what_fits_into_it() {
        for (limit, fits) in [(60, "16M"), (80, "32M"), (300, "128M"), (40, "16M"), (34, "8M"), (23, "1M")] {
            let room = room(512 * MIB, Some(limit * MIB));
            assert!(room.is_tight());
            let (what, fix) = (room.what(), room.fix());
            assert!(what.contains(&format!("limit is {limit} MiB (/sys/fs/cgroup/x/memory.max)")), "{what}");
            assert!(what.contains("--memory 512M") && what.contains("1024 MiB in all"), "{what}");
            assert!(fix.starts_with(&format!("Run mctop with --memory {fits}, or raise")), "{limit}: {fix}");
        }
        let none = room(16 * MIB, Some(20 * MIB)).fix();
        assert!(none.contains("outside of this control group") && none.contains("takes 21 MiB"), "{none}");
        assert!(!room(64 * MIB, Some(130 * MIB)).is_tight() && !room(64 * MIB, None).is_tight());
        // What leaves enough is not what memory is lacking for.
        assert!(!room(64 * MIB, Some(130 * MIB)).what().contains("control group"));
    }

    #[test]
    fn without_a_limit_less_is_proposed() {
        assert_eq!(room(64 * MIB, None).fix(), "Run mctop with --memory 32M, or less.");
        assert!(room(MIB, None).fix().starts_with("Free memory"));
        let bounded = Room { address_space: Some(100 * MIB), ..room(64 * MIB, None) };
        assert!(bounded.what().contains("address space is 100 MiB (ulimit -v)"), "{}", bounded.what());
    }

    #[test]
    fn a_shortage_is_told_once_and_is_a_failure_at_run_time() {
        let cause = || io::Error::from_raw_os_error(libc::ENOMEM);
        let map = || aya::maps::MapError::CreateError { name: "TABLE_0".into(), io_error: cause() };
        let error = anyhow::Error::new(aya::EbpfError::MapError(map())).context("cannot load mctop's eBPF maps");
        let told = room(64 * MIB, Some(60 * MIB)).explain(error);
        let text = told.to_string();
        assert_eq!(exit_code(&told), 1);
        for part in ["failed to create map `TABLE_0`", "Cannot allocate memory", "not enough memory", "--memory 64M"] {
            assert_eq!(text.matches(part).count(), 1, "{part}: {text}");
        }
        assert!(!text.contains("CONFIG_"), "{text}");
        let other = room(MIB, None).explain(anyhow::anyhow!("something else"));
        assert_eq!(other.to_string(), "something else");
    }
}
