//! CPU time, memory and eBPF maps of a process.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result};

/// CPU time of all threads of a process so far, in nanoseconds: the first number of each `schedstat`
/// (Documentation/scheduler/sched-stats.rst). Threads that have ended are not included.
pub fn cpu_ns(pid: u32) -> Result<u64> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).with_context(|| format!("process {pid} is gone"))?;
    let mut sum = 0;
    for task in tasks {
        let path = task?.path().join("schedstat");
        // A thread may end between the listing and the reading.
        let Ok(text) = fs::read_to_string(&path) else { continue };
        let first = text.split_whitespace().next().and_then(|word| word.parse::<u64>().ok());
        sum += first.with_context(|| format!("{} has no number", path.display()))?;
    }
    Ok(sum)
}

/// Current and peak resident memory in bytes, without mapped BPF maps, which [`ebpf`] counts.
pub fn resident(pid: u32) -> Result<(u64, u64)> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).with_context(|| format!("process {pid} is gone"))?;
    let value = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        let kib = line.and_then(|line| line.trim_start_matches(':').split_whitespace().next()?.parse::<u64>().ok());
        kib.map(|kib| kib * 1024).with_context(|| format!("/proc/{pid}/status has no {name}"))
    };
    let maps = mapped_maps(pid)?;
    Ok((value("VmRSS")?.saturating_sub(maps), value("VmHWM")?.saturating_sub(maps)))
}

/// Resident bytes of the BPF maps that a process has mapped (proc_pid_smaps(5)).
fn mapped_maps(pid: u32) -> Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps")).with_context(|| format!("process {pid} is gone"))?;
    let mut is_map = false;
    let mut bytes = 0;
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("Rss:") {
            let kib: u64 =
                rest.split_whitespace().next().and_then(|kib| kib.parse().ok()).context("smaps has no Rss")?;
            bytes += if is_map { kib * 1024 } else { 0 };
        } else if line.split_whitespace().next().is_some_and(|word| word.contains('-')) {
            is_map = line.ends_with("anon_inode:bpf-map");
        }
    }
    Ok(bytes)
}

/// The eBPF programs and maps of a process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ebpf {
    /// Resident bytes of mapped maps, and bytes of the other open maps.
    pub map_bytes: u64,
    /// Nanoseconds and number of runs by program id; zero unless the kernel's statistics are on.
    pub programs: BTreeMap<u32, (u64, u64)>,
}

/// Reads the `fdinfo` of a process's descriptors.
pub fn ebpf(pid: u32) -> Result<Ebpf> {
    let entries = fs::read_dir(format!("/proc/{pid}/fdinfo")).with_context(|| format!("process {pid} is gone"))?;
    let mut maps = BTreeMap::new();
    let mut ebpf = Ebpf::default();
    for entry in entries {
        // A descriptor may be closed between the listing and the reading.
        let Ok(text) = fs::read_to_string(entry?.path()) else { continue };
        let value = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name))?;
            line.trim_start_matches(':').trim().parse::<u64>().ok()
        };
        if let (Some(id), Some(bytes)) = (value("map_id"), value("memlock"))
            && !is_mappable(&text)
        {
            // A map may be open twice.
            maps.insert(id, bytes);
        }
        if let (Some(id), Some(time), Some(runs)) = (value("prog_id"), value("run_time_ns"), value("run_cnt")) {
            ebpf.programs.insert(u32::try_from(id)?, (time, runs));
        }
    }
    ebpf.map_bytes = maps.values().sum::<u64>() + mapped_maps(pid)?;
    Ok(ebpf)
}

/// Whether the `fdinfo` of a map has `BPF_F_MMAPABLE`: such maps are counted where they are mapped, because mctop closes the
/// descriptor of one of them after mapping it.
fn is_mappable(info: &str) -> bool {
    let flags = info.lines().find_map(|line| line.strip_prefix("map_flags:")?.trim().strip_prefix("0x"));
    flags.and_then(|flags| u32::from_str_radix(flags, 16).ok()).is_some_and(|flags| flags & (1 << 10) != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_and_memory_of_this_process_are_read() {
        let pid = std::process::id();
        let start = cpu_ns(pid).unwrap();
        while cpu_ns(pid).unwrap() < start + 1_000_000 {}
        let (now, peak) = resident(pid).unwrap();
        assert!(now > 100_000 && peak >= now);
        assert_eq!(ebpf(pid).unwrap(), Ebpf::default());
        assert!(cpu_ns(u32::MAX).is_err());
        assert!(is_mappable("map_type:\t2\nmap_flags:\t0x1400\n"));
        assert!(!is_mappable("map_type:\t1\nmap_flags:\t0x0\n"));
    }
}
