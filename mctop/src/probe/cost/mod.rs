//! The CPU time that the probes take from the servers: for traps measured on mctop itself, for programs from the kernel's statistics.
//! These are enabled in some intervals only, because they cost time at each run.

pub(crate) mod trap;

use std::collections::HashMap;
use std::fs;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::Duration;

use anyhow::Context;
use aya::sys::{Stats, enable_stats};

use self::trap::OtherProbes;
use super::object::Object;
use crate::model::cost::Cost;
use crate::model::probe_point::ProbeKind;
use crate::model::snapshot::ProbeInfo;

/// One of this number of intervals is sampled.
const SAMPLED_EVERY: u32 = 10;
/// A sample needs at least this number of runs. If it has fewer, sampling goes on.
const MIN_RUNS: u64 = 100;

/// Total duration and number of runs of the programs, according to the kernel's statistics.
#[derive(Clone, Copy, Debug, Default)]
struct Runs {
    time: Duration,
    count: u64,
}

/// The cost of an operation in the last sample.
#[derive(Clone, Copy, Debug)]
struct PerCall {
    traps: f64,
    time: Duration,
}

/// Measures the cost of each interval.
pub(crate) struct Meter {
    /// Duration of a trap without its program.
    trap: Duration,
    /// Whether each operation takes exactly one trap.
    one_trap: bool,
    /// Keeps the kernel's statistics enabled, with their values at the start of the interval.
    sampling: Option<(OwnedFd, Runs)>,
    /// Number of intervals since the last sample.
    intervals: u32,
    last: Option<PerCall>,
    /// CPU time of each server at the start of the interval.
    servers: HashMap<u32, Duration>,
}

/// Measurements of an interval.
pub(crate) struct Reading {
    /// Runs of the programs; `None` if the interval was not sampled.
    runs: Option<Runs>,
    /// CPU time of the servers.
    pub servers: Duration,
}

fn one_trap<'a>(mut probes: impl Iterator<Item = &'a ProbeInfo>) -> bool {
    probes.all(|probe| probe.name == ProbeKind::Lookup)
}

impl Meter {
    /// Measures the cost of a trap: of the slower kind unless all probed instructions are emulated, and with `others` at the same
    /// instruction.
    pub(crate) fn new<'a>(
        object: &mut Object,
        probes: impl Iterator<Item = &'a ProbeInfo> + Clone,
        others: Option<OtherProbes>,
    ) -> anyhow::Result<Self> {
        let trap = trap::measure(&mut object.programs, probes.clone().all(|probe| probe.emulated), others)
            .context("cannot measure the cost of a trap")?
            .trap;
        Ok(Self {
            trap,
            one_trap: one_trap(probes),
            sampling: None,
            intervals: SAMPLED_EVERY,
            last: None,
            servers: HashMap::new(),
        })
    }

    /// Drops the last sample, which is of other probes, and samples the interval that starts.
    pub(crate) fn probes_changed<'a>(
        &mut self,
        object: &Object,
        probes: impl Iterator<Item = &'a ProbeInfo>,
    ) -> anyhow::Result<()> {
        self.one_trap = one_trap(probes);
        self.last = None;
        self.sample(object)
    }

    /// Samples the interval that starts. Until its end, the last sample is used.
    pub(crate) fn sample(&mut self, object: &Object) -> anyhow::Result<()> {
        let statistics = enable_stats(Stats::RunTime).context("the kernel has no statistics of eBPF programs")?;
        self.sampling = Some((statistics, runs(object)?));
        Ok(())
    }

    /// Ends the current interval and starts the next one. The first call starts the first interval.
    pub(crate) fn read(&mut self, object: &Object, servers: &[u32]) -> anyhow::Result<Reading> {
        let runs = match &mut self.sampling {
            Some((_, before)) => {
                let now = runs(object)?;
                let then = std::mem::replace(before, now);
                Some(Runs { time: now.time.saturating_sub(then.time), count: now.count.saturating_sub(then.count) })
            }
            None => None,
        };
        self.intervals += 1;
        if self.sampling.is_none() && self.intervals >= SAMPLED_EVERY {
            self.sample(object)?;
        }
        Ok(Reading { runs, servers: self.used(servers) })
    }

    /// The cost of an interval with this number of operations; `None` before the first sample with enough runs.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an estimate, of counts below 2^53"
    )]
    pub(crate) fn cost(&mut self, reading: &Reading, calls: u64) -> Option<Cost> {
        if let Some(runs) = reading.runs.filter(|runs| runs.count >= MIN_RUNS && calls > 0) {
            // If the ratio is known, it is not computed, because the statistics are read a little after the interval has ended.
            let traps = if self.one_trap { 1.0 } else { runs.count as f64 / calls as f64 };
            let program = runs.time.div_f64(runs.count as f64);
            self.last = Some(PerCall { traps, time: (program + self.trap).mul_f64(traps) });
            self.sampling = None;
            self.intervals = 0;
        }
        self.last.map(|per_call| Cost {
            hits: (calls as f64 * per_call.traps).round() as u64,
            probes: per_call.time.mul_f64(calls as f64),
            servers: reading.servers,
        })
    }

    /// CPU time of the servers since the last call; 0 for a server that was not running then.
    fn used(&mut self, servers: &[u32]) -> Duration {
        let before = std::mem::take(&mut self.servers);
        self.servers = servers.iter().filter_map(|pid| Some((*pid, cpu_time(*pid)?))).collect();
        let used = |(pid, now): (&u32, &Duration)| now.saturating_sub(*before.get(pid).unwrap_or(now));
        self.servers.iter().map(used).sum()
    }
}

/// CPU time of a process since its start; `None` if it has exited.
fn cpu_time(pid: u32) -> Option<Duration> {
    let mut clock = 0;
    // SAFETY: writes to `clock` only.
    let error = unsafe { libc::clock_getcpuclockid(libc::pid_t::try_from(pid).ok()?, &raw mut clock) };
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes to `time` only.
    if error != 0 || unsafe { libc::clock_gettime(clock, &raw mut time) } != 0 {
        return None;
    }
    Some(Duration::new(u64::try_from(time.tv_sec).ok()?, u32::try_from(time.tv_nsec).ok()?))
}

/// The sum of the kernel's statistics for the servers' probes. aya does not read them, but they are in `/proc/self/fdinfo`.
fn runs(object: &Object) -> anyhow::Result<Runs> {
    let mut runs = Runs::default();
    for (_, program) in
        object.programs.iter().filter(|(name, _)| ProbeKind::ALL.iter().any(|kind| kind.name() == *name))
    {
        // A program that is not loaded is not attached.
        let Ok(fd) = program.fd() else { continue };
        let path = format!("/proc/self/fdinfo/{}", fd.as_fd().as_raw_fd());
        let info = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
        let number = |wanted: &str| {
            info.lines()
                .find_map(|line| line.strip_prefix(wanted)?.strip_prefix(':')?.trim().parse::<u64>().ok())
                .with_context(|| format!("{path} does not contain {wanted}"))
        };
        runs.time += Duration::from_nanos(number("run_time_ns")?);
        runs.count += number("run_cnt")?;
    }
    Ok(runs)
}
