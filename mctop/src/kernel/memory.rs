//! How much memory this process may use, according to the limits of its control group and its ancestors (in both versions of control
//! groups) and to the limit on its address space. eBPF maps are charged to the control group, too.

use std::fs;
use std::path::{Path, PathBuf};

use procfs::process::Process;
use procfs::{Current, Meminfo};
use rustix::process::{Resource, getrlimit};
use serde::Serialize;

/// A larger value means no limit: version 1 shows the largest possible number of pages.
const UNLIMITED: u64 = 1 << 60;

/// A memory limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct MemoryLimit {
    /// The file in which it is set.
    pub file: String,
    /// The limit in bytes.
    pub bytes: u64,
    /// What this process may use in all, in bytes: memory that is free or holds file caches, plus what the process uses already.
    pub left: u64,
}

/// The control group limit that leaves the least to this process; `None` if there is none or it cannot be read.
pub(crate) fn of_control_group() -> Option<MemoryLimit> {
    let process = Process::myself().ok()?;
    let own = process.status().ok()?.rssanon.unwrap_or_default() << 10;
    let groups = process.cgroups().ok()?;
    let mounts = process.mountinfo().ok()?;
    let limits = groups.into_iter().filter_map(|group| {
        let names = match (group.hierarchy, group.controllers.iter().any(|controller| controller == "memory")) {
            (0, _) => &VERSION_2,
            (_, true) => &VERSION_1,
            (_, false) => return None,
        };
        let mount = mounts.iter().rfind(|mount| {
            mount.fs_type == names.file_system && (group.hierarchy == 0 || mount.super_options.contains_key("memory"))
        })?;
        tightest(&mount.mount_point, &below(&mount.root, &group.pathname), names, own)
    });
    limits.min_by_key(|limit| limit.left)
}

/// The names of files and fields in one version of control groups.
struct CgroupFiles {
    file_system: &'static str,
    limit: &'static str,
    usage: &'static str,
    /// Prefixes of the lines of `memory.stat` that count file caches.
    file_cache: [&'static str; 2],
}

const VERSION_1: CgroupFiles = CgroupFiles {
    file_system: "cgroup",
    limit: "memory.limit_in_bytes",
    usage: "memory.usage_in_bytes",
    file_cache: ["total_inactive_file ", "total_active_file "],
};
const VERSION_2: CgroupFiles = CgroupFiles {
    file_system: "cgroup2",
    limit: "memory.max",
    usage: "memory.current",
    file_cache: ["inactive_file ", "active_file "],
};

/// The path of a group relative to the mount point of a mount that shows the hierarchy below `root`. In containers, the own group
/// is often mounted as if it were the root.
fn below(root: &str, group: &str) -> PathBuf {
    let path = Path::new(group).strip_prefix(root).unwrap_or(Path::new(""));
    path.components().filter(|part| matches!(part, std::path::Component::Normal(_))).collect()
}

/// The limit, of a group below `top` and of its ancestors, that leaves the least to a process that uses `own` bytes.
fn tightest(top: &Path, group: &Path, names: &CgroupFiles, own: u64) -> Option<MemoryLimit> {
    let limits = group.ancestors().filter_map(|group| {
        let directory = top.join(group);
        let number = |name: &str| fs::read_to_string(directory.join(name)).ok()?.trim().parse::<u64>().ok();
        let bytes = number(names.limit).filter(|bytes| *bytes < UNLIMITED)?;
        let statistics = fs::read_to_string(directory.join("memory.stat")).unwrap_or_default();
        let file_cache = statistics.lines().filter_map(|line| {
            let number = names.file_cache.iter().find_map(|prefix| line.strip_prefix(prefix))?;
            number.trim().parse::<u64>().ok()
        });
        let used = number(names.usage)?.saturating_sub(file_cache.sum());
        let left = bytes.saturating_sub(used.saturating_sub(own));
        Some(MemoryLimit { file: directory.join(names.limit).to_string_lossy().into_owned(), bytes, left })
    });
    limits.min_by_key(|limit| limit.left)
}

/// The limit on this process's address space (`ulimit -v`) in bytes; `None` if there is none.
pub(crate) fn of_address_space() -> Option<u64> {
    getrlimit(Resource::As).current
}

/// Available memory of this host in bytes.
pub(crate) fn of_host() -> Option<u64> {
    Meminfo::current().ok()?.mem_available
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_below_mount_points() {
        assert_eq!(below("/", "/system.slice/x.service"), Path::new("system.slice/x.service"));
        assert_eq!(below("/docker/7", "/docker/7"), Path::new(""));
        assert_eq!(below("/docker/7", "/docker/7/x"), Path::new("x"));
        // Outside the mounted hierarchy; outside the namespace.
        assert_eq!(below("/docker/7", "/other"), Path::new(""));
        assert_eq!(below("/", "/../../x"), Path::new("x"));
    }

    #[test]
    fn the_limit_that_leaves_the_least() {
        let top = tempfile::tempdir().unwrap();
        let group = Path::new("a.slice/b.service");
        let write = |group: &str, limit: &str, usage: u64, file: u64| {
            let directory = top.path().join(group);
            fs::create_dir_all(&directory).unwrap();
            fs::write(directory.join("memory.max"), limit).unwrap();
            fs::write(directory.join("memory.current"), format!("{usage}\n")).unwrap();
            fs::write(directory.join("memory.stat"), format!("anon 5\ninactive_file {file}\nactive_file 1\n")).unwrap();
        };
        let tightest = || tightest(top.path(), group, &VERSION_2, 30);
        assert_eq!(tightest(), None);
        write("a.slice/b.service", "max\n", 100, 0);
        assert_eq!(tightest(), None);
        // The parent has other groups in it.
        write("a.slice/b.service", "1000\n", 100, 49);
        write("a.slice", "2000\n", 1900, 99);
        let file = |group: &str| top.path().join(group).join("memory.max").to_str().unwrap().to_owned();
        assert_eq!(tightest(), Some(MemoryLimit { file: file("a.slice"), bytes: 2000, left: 230 }));
        write("a.slice", "max\n", 1900, 0);
        assert_eq!(tightest(), Some(MemoryLimit { file: file("a.slice/b.service"), bytes: 1000, left: 980 }));
        // The limit was lowered below the current usage.
        write("a.slice/b.service", "50\n", 100, 0);
        assert_eq!(tightest().map(|limit| limit.left), Some(0));
    }

    #[test]
    fn what_version_1_calls_unlimited_is_no_limit() {
        let top = tempfile::tempdir().unwrap();
        fs::write(top.path().join("memory.limit_in_bytes"), "9223372036854771712\n").unwrap();
        fs::write(top.path().join("memory.usage_in_bytes"), "5\n").unwrap();
        assert_eq!(tightest(top.path(), Path::new(""), &VERSION_1, 0), None);
        fs::write(top.path().join("memory.limit_in_bytes"), "83886080\n").unwrap();
        assert_eq!(tightest(top.path(), Path::new(""), &VERSION_1, 0).unwrap().bytes, 80 << 20);
    }
}
