//! Compares the memory that mctop needs with the limits on it, and advises the user if it is too little.

use std::io;

use serde::Serialize;

use super::map_sizes::{MEMORY_MAX, MEMORY_MIN};
use crate::error::{Failure, FailureKind, with_causes};
use crate::kernel::memory::{MemoryLimit, of_address_space, of_control_group, of_host};

/// Minimum memory in bytes that mctop needs besides the kernel's tables: for the program, the servers' binaries, and kernel structures.
const PROGRAM: u64 = 20 << 20;

/// The memory that mctop needs, and the limits on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct MemoryCheck {
    /// Bytes of `--memory`.
    pub asked: u64,
    /// Maximum number of bytes that mctop needs.
    pub needed: u64,
    /// The limit of the control group that leaves the least to mctop.
    pub limit: Option<MemoryLimit>,
    /// The limit on mctop's address space in bytes.
    pub address_space: Option<u64>,
}

impl MemoryCheck {
    /// Checks the memory for kernel tables of `asked` bytes. Call it before they are created, because the kernel does not release their
    /// memory immediately.
    pub(crate) fn of(asked: u64) -> Self {
        let (limit, address_space) = (of_control_group(), of_address_space());
        Self { asked, needed: needed(asked), limit, address_space }
    }

    /// Whether a control group leaves less than what mctop needs.
    pub(crate) fn is_tight(&self) -> bool {
        self.tight().is_some()
    }

    /// The limit of the control group, if it leaves less than what mctop needs.
    fn tight(&self) -> Option<&MemoryLimit> {
        self.limit.as_ref().filter(|limit| limit.left < self.needed)
    }

    /// What is available and what is needed, one sentence each.
    pub(crate) fn what(&self) -> String {
        let limit = match (self.tight(), self.address_space, of_host()) {
            (Some(MemoryLimit { file, bytes, left }), ..) => format!(
                "The control group's limit is {} ({file}), of which {} are left for mctop. ",
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
            "{limit}With --memory {}, mctop needs that much for the kernel's tables and eventually up to {} for itself, {} in all.",
            option(self.asked),
            mebibytes(self.needed - self.asked),
            mebibytes(self.needed)
        )
    }

    /// What to do about it, as a sentence.
    pub(crate) fn fix(&self) -> String {
        let raise = "raise the limit (MemoryMax= of a systemd unit, the memory limit of a container)";
        let limit = self.tight();
        let fits = |asked: &u64| limit.is_none_or(|limit| needed(*asked) <= limit.left);
        match sizes().filter(|asked| *asked < self.asked).find(fits) {
            Some(asked) if limit.is_some() => format!("Run mctop with --memory {}, or {raise}.", option(asked)),
            Some(asked) => format!("Run mctop with --memory {}, or less.", option(asked)),
            None if limit.is_some() => {
                format!(
                    "Run mctop outside this control group, or {raise}: even --memory 1M needs {}.",
                    mebibytes(needed(MEMORY_MIN))
                )
            }
            None => "Free memory, or raise the limit.".to_owned(),
        }
    }

    /// Adds the limits, the needed memory and advice to an error if it is a lack of memory.
    pub(crate) fn explain(&self, error: anyhow::Error) -> anyhow::Error {
        if !is_shortage(&error) {
            return error;
        }
        let text = format!("There is not enough memory: {}. {} {}", with_causes(&error), self.what(), self.fix());
        Failure::new(FailureKind::Runtime, text).into()
    }

    /// A warning if a control group leaves less than what mctop may need.
    pub(crate) fn warning(&self) -> Option<String> {
        let end = "When the group runs out of memory, the kernel kills one of its processes, which may be memcached.";
        self.is_tight().then(|| format!("{} {end}", self.what()))
    }
}

/// Maximum number of bytes that mctop needs, with `asked` bytes for the kernel's tables.
const fn needed(asked: u64) -> u64 {
    asked + if asked > PROGRAM { asked } else { PROGRAM }
}

/// Values of `--memory` to suggest, largest first.
fn sizes() -> impl Iterator<Item = u64> {
    (0..u64::BITS).rev().map(|power| 1 << power).filter(|size| (MEMORY_MIN..=MEMORY_MAX).contains(size))
}

fn mebibytes(bytes: u64) -> String {
    format!("{} MiB", bytes >> 20)
}

/// A size in the notation of `--memory`.
fn option(bytes: u64) -> String {
    if bytes.is_multiple_of(1 << 20) { format!("{}M", bytes >> 20) } else { bytes.to_string() }
}

/// Whether an error is a lack of memory.
pub(crate) fn is_shortage(error: &anyhow::Error) -> bool {
    let code = error.chain().find_map(|cause| cause.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error));
    code == Some(libc::ENOMEM)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::exit_code;

    const MIB: u64 = 1 << 20;

    fn check(asked: u64, limit: Option<u64>) -> MemoryCheck {
        let limit =
            limit.map(|bytes| MemoryLimit { file: "/sys/fs/cgroup/x/memory.max".into(), bytes, left: bytes - 2 * MIB });
        MemoryCheck { asked, needed: needed(asked), limit, address_space: None }
    }

    #[test]
    fn the_advice_names_the_limit_and_what_fits_into_it() {
        for (limit, fits) in [(60, "16M"), (80, "32M"), (300, "128M"), (40, "16M"), (34, "8M"), (23, "1M")] {
            let check = check(512 * MIB, Some(limit * MIB));
            assert!(check.is_tight());
            let (what, fix) = (check.what(), check.fix());
            assert!(what.contains(&format!("limit is {limit} MiB (/sys/fs/cgroup/x/memory.max)")), "{what}");
            assert!(what.contains("--memory 512M") && what.contains("1024 MiB in all"), "{what}");
            assert!(fix.starts_with(&format!("Run mctop with --memory {fits}, or raise")), "{limit}: {fix}");
        }
        let none = check(16 * MIB, Some(20 * MIB)).fix();
        assert!(none.contains("outside this control group") && none.contains("needs 21 MiB"), "{none}");
        assert!(!check(64 * MIB, Some(130 * MIB)).is_tight() && !check(64 * MIB, None).is_tight());
        // A group that leaves enough is not the cause.
        assert!(!check(64 * MIB, Some(130 * MIB)).what().contains("control group"));
    }

    #[test]
    fn without_a_limit_a_smaller_size_is_suggested() {
        assert_eq!(check(64 * MIB, None).fix(), "Run mctop with --memory 32M, or less.");
        assert!(check(MIB, None).fix().starts_with("Free memory"));
        let bounded = MemoryCheck { address_space: Some(100 * MIB), ..check(64 * MIB, None) };
        assert!(bounded.what().contains("address space is 100 MiB (ulimit -v)"), "{}", bounded.what());
    }

    #[test]
    fn a_lack_of_memory_is_a_runtime_failure_and_explained_once() {
        let cause = || io::Error::from_raw_os_error(libc::ENOMEM);
        let map = || aya::maps::MapError::CreateError { name: "TABLE_0".into(), io_error: cause() };
        let error = anyhow::Error::new(aya::EbpfError::MapError(map())).context("cannot load mctop's eBPF maps");
        let explained = check(64 * MIB, Some(60 * MIB)).explain(error);
        let text = explained.to_string();
        assert_eq!(exit_code(&explained), 1);
        for part in ["failed to create map `TABLE_0`", "Cannot allocate memory", "not enough memory", "--memory 64M"] {
            assert_eq!(text.matches(part).count(), 1, "{part}: {text}");
        }
        assert!(!text.contains("CONFIG_"), "{text}");
        let other = check(MIB, None).explain(anyhow::anyhow!("something else"));
        assert_eq!(other.to_string(), "something else");
    }
}
