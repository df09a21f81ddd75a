//! What the probes take of the servers' time: the traps as calibrated on mctop itself, the programs by the kernel's own
//! statistics, sampled because keeping them costs time at each run.

pub(crate) mod trap;

use std::collections::HashMap;
use std::fs;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::Duration;

use anyhow::Context;
use aya::sys::{Stats, enable_stats};

use self::trap::Others;
use super::focus;
use super::object::Object;
use crate::model::cost::Cost;
use crate::model::probe_point::ProbeKind;
use crate::model::snapshot::ProbeInfo;

/// One interval in so many is sampled.
const SAMPLED_EVERY: u32 = 10;
/// A sample of fewer hits says little; the next interval is sampled, too.
const HITS_MIN: u64 = 100;

/// How long the programs ran, and how often, while the kernel kept statistics.
#[derive(Clone, Copy, Debug, Default)]
struct Runs {
    time: Duration,
    count: u64,
}

/// What an operation cost in the last sample.
#[derive(Clone, Copy, Debug)]
struct PerCall {
    hits: f64,
    time: Duration,
}

/// Measures interval by interval.
pub(crate) struct Meter {
    /// Time of a hit without its program's.
    trap: Duration,
    /// Whether each operation takes one hit.
    one_trap: bool,
    /// Statistics are kept while this is open, and what they were when the interval began.
    sampling: Option<(OwnedFd, Runs)>,
    /// Since the last sample.
    intervals: u32,
    last: Option<PerCall>,
    /// CPU time of each server when the interval began.
    servers: HashMap<u32, Duration>,
}

/// What was read at the end of an interval.
pub(crate) struct Reading {
    /// What the programs took in it; none when it was no sample.
    runs: Option<Runs>,
    /// CPU time that the servers took in it.
    pub servers: Duration,
}

fn one_trap<'a>(mut probes: impl Iterator<Item = &'a ProbeInfo>) -> bool {
    probes.all(|probe| probe.name == ProbeKind::Lookup)
}

impl Meter {
    /// Measures what a trap costs, of the slower kind unless all instructions of the `probes` are emulated, and where each has
    /// `others` beside it.
    ///
    /// # Errors
    /// When mctop cannot be probed itself.
    pub(crate) fn new<'a>(
        object: &mut Object,
        probes: impl Iterator<Item = &'a ProbeInfo> + Clone,
        others: Option<Others>,
    ) -> anyhow::Result<Self> {
        let trap = trap::measure_beside(object, probes.clone().all(|probe| probe.emulated), others)
            .context("cannot measure what a trap costs")?
            .hit;
        Ok(Self {
            trap,
            one_trap: one_trap(probes),
            sampling: None,
            intervals: SAMPLED_EVERY,
            last: None,
            servers: HashMap::new(),
        })
    }

    /// Forgets the last sample, which is of other probes, and takes one of the interval that begins.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub(crate) fn probes_changed<'a>(
        &mut self,
        object: &Object,
        probes: impl Iterator<Item = &'a ProbeInfo>,
    ) -> anyhow::Result<()> {
        self.one_trap = one_trap(probes);
        self.last = None;
        self.sample(object)
    }

    /// Takes a sample of the interval that begins; until its end, what the last said holds.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub(crate) fn sample(&mut self, object: &Object) -> anyhow::Result<()> {
        let statistics = enable_stats(Stats::RunTime).context("the kernel keeps no statistics of eBPF programs")?;
        self.sampling = Some((statistics, runs(object)?));
        Ok(())
    }

    /// Ends the interval under way and begins the next; the first call begins the first.
    ///
    /// # Errors
    /// When the kernel keeps no statistics, or does not tell them.
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

    /// What the probes took in an interval with so many operations; none before there was a sample of enough hits.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an estimate, of counts below 2^53"
    )]
    pub(crate) fn cost(&mut self, reading: &Reading, calls: u64) -> Option<Cost> {
        if let Some(runs) = reading.runs.filter(|runs| runs.count >= HITS_MIN && calls > 0) {
            // The statistics are not read in the very moment that the interval ends.
            let hits = if self.one_trap { 1.0 } else { runs.count as f64 / calls as f64 };
            let program = runs.time.div_f64(runs.count as f64);
            self.last = Some(PerCall { hits, time: (program + self.trap).mul_f64(hits) });
            self.sampling = None;
            self.intervals = 0;
        }
        self.last.map(|per_call| Cost {
            hits: (calls as f64 * per_call.hits).round() as u64,
            probes: per_call.time.mul_f64(calls as f64),
            servers: reading.servers,
        })
    }

    /// CPU time that the servers have taken since the last call; of one seen for the first time, none.
    fn used(&mut self, servers: &[u32]) -> Duration {
        let before = std::mem::take(&mut self.servers);
        self.servers = servers.iter().filter_map(|pid| Some((*pid, cpu_time(*pid)?))).collect();
        let used = |(pid, now): (&u32, &Duration)| now.saturating_sub(*before.get(pid).unwrap_or(now));
        self.servers.iter().map(used).sum()
    }
}

/// CPU time of a process since it began; none when it is gone.
fn cpu_time(pid: u32) -> Option<Duration> {
    let mut clock = 0;
    // SAFETY: writes a number to where it is pointed to.
    let error = unsafe { libc::clock_getcpuclockid(libc::pid_t::try_from(pid).ok()?, &raw mut clock) };
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: as above.
    if error != 0 || unsafe { libc::clock_gettime(clock, &raw mut time) } != 0 {
        return None;
    }
    Some(Duration::new(u64::try_from(time.tv_sec).ok()?, u32::try_from(time.tv_nsec).ok()?))
}

/// What the statistics say of the programs that are attached all the time, together. aya does not give them, but their
/// descriptors' entries in `/proc` do.
fn runs(object: &Object) -> anyhow::Result<Runs> {
    let mut runs = Runs::default();
    for (_, program) in object.ebpf.programs().filter(|(name, _)| !focus::PROGRAMS.contains(name)) {
        // One that is not loaded is not attached.
        let Ok(fd) = program.fd() else { continue };
        let path = format!("/proc/self/fdinfo/{}", fd.as_fd().as_raw_fd());
        let info = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
        let number = |wanted: &str| {
            info.lines()
                .find_map(|line| line.strip_prefix(wanted)?.strip_prefix(':')?.trim().parse::<u64>().ok())
                .with_context(|| format!("{path} has no number {wanted}"))
        };
        runs.time += Duration::from_nanos(number("run_time_ns")?);
        runs.count += number("run_cnt")?;
    }
    Ok(runs)
}
