//! What the end of an epoch costs without a server: tables filled as the kernel side fills them, drained and folded as
//! `mctop dump` does it.

use std::os::fd::AsFd;
use std::time::Duration;

use anyhow::Context;
use aya::maps::MapData;
use aya_obj::generated::BPF_F_MMAPABLE;
use aya_obj::generated::bpf_map_type::BPF_MAP_TYPE_ARRAY;
use mctop_common::limits::KEY_WORDS;
use mctop_common::records::{Name, Stats};
use mctop_common::table::{NameHashes, NameKeys};
use rustix::time::{ClockId, clock_gettime};

use crate::model::fold::{Limits, Model};
use crate::model::header::Header;
use crate::model::interval::Interval;
use crate::model::key_sample::SampleConsumer;
use crate::probe::drain::Drain;
use crate::probe::mapped::Mapped;
use crate::probe::memory::Sizes;
use crate::probe::names::{Names, Tables};
use crate::probe::object;
use crate::probe::table::Table;
use crate::yielder::Yielder;

/// Processor time of this thread for one epoch, medians over those measured.
#[derive(Clone, Copy, Debug)]
pub struct EpochTimes {
    /// Giving the kernel side what was kept back of the names.
    pub give_back: Duration,
    /// Reading the table, looking up names, counting.
    pub count: Duration,
    /// Emptying what is left, and making room for names.
    pub finish: Duration,
    /// Ending the interval: history and sliding window.
    pub fold: Duration,
    /// All of it.
    pub sum: Duration,
    /// Keys that the model keeps at the end.
    pub rows: usize,
    /// Length of the sliding window at the end.
    pub window: Duration,
}

/// Epochs that are measured, after as many that fill the sliding window.
const MEASURED: u32 = 20;

/// Epochs before: as many as the window has, so that some leave it.
const BEFORE: u32 = 62;

/// Ends epochs of a second with `keys` keys each, in tables and a model of `memory` bytes each; the keys are the same in
/// each, or all `others`.
///
/// # Errors
/// What the kernel says.
pub fn epoch_times(keys: u32, memory: u64, others: bool) -> anyhow::Result<EpochTimes> {
    let buckets = Sizes::of(memory).buckets;
    let mut table = Table::alone(buckets)?;
    let active = Table::alone(buckets)?;
    let maps = (map(size_of::<NameHashes>(), buckets)?, map(size_of::<NameKeys>(), buckets)?);
    let tables = || -> anyhow::Result<Tables> {
        let (hashes, keys) = (maps.0.fd().as_fd(), maps.1.fd().as_fd());
        Ok(Tables { hashes: Mapped::new(hashes, buckets)?, keys: Mapped::new(keys, buckets)? })
    };
    let (mut kernel, mut names) = (tables()?, Names::new(tables()?));
    let seed = object::random_seed();
    let mut model = Model::new(&Header::default(), Limits::without_screen(usize::try_from(memory)?));
    let mut times = Vec::new();
    let before = if others { 3 } else { BEFORE };
    let mut hashes = Vec::new();
    for epoch in 1..=before + MEASURED {
        if others || hashes.is_empty() {
            hashes.clear();
            for number in 0..keys {
                let number = u64::from(epoch) * u64::from(keys) + u64::from(number);
                let key = format!("pod{:03}:rails:NN::{number}", number % 1_000);
                let hash = seed.hash(0, key.as_bytes());
                names_put(&mut kernel, hash, key.as_bytes());
                hashes.push(hash);
            }
        }
        for &hash in &hashes {
            table.put(&Stats { hash, hits: 1, bytes_out: 512, size_plus_1: 513, ..Stats::default() });
        }
        let mut interval = Interval {
            start: Duration::from_secs(epoch.into()),
            end: Duration::from_secs(u64::from(epoch) + 1),
            ..Interval::default()
        };
        let begin = processor_time();
        names.give_back();
        let given = processor_time();
        let mut drain = Drain::new(&mut table, &mut names, epoch, &[None], Yielder::never());
        model.consume(interval.start, interval.end, &mut drain);
        interval.total = drain.total.counts;
        let counted = processor_time();
        drain.finish(&active);
        let finished = processor_time();
        model.end_interval(&interval);
        let folded = processor_time();
        if epoch > before {
            times.push([given - begin, counted - given, finished - counted, folded - finished, folded - begin]);
        }
    }
    let median = |index: usize| {
        let mut times: Vec<Duration> = times.iter().filter_map(|times| times.get(index).copied()).collect();
        times.sort_unstable();
        times.get(times.len() / 2).copied().unwrap_or_default()
    };
    let snapshot = model.snapshot(false);
    let [give_back, count, finish, fold, sum] = [0, 1, 2, 3, 4].map(median);
    Ok(EpochTimes { give_back, count, finish, fold, sum, rows: snapshot.rows.len(), window: snapshot.window })
}

/// What this thread has used of the processors.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or_default())
}

/// A map as those of the eBPF object.
fn map(bucket: usize, buckets: u32) -> anyhow::Result<MapData> {
    let definition = aya_obj::Map::new_from_params(
        BPF_MAP_TYPE_ARRAY as u32,
        size_of::<u32>() as u32,
        u32::try_from(bucket)?,
        buckets,
        BPF_F_MMAPABLE,
    );
    MapData::create(definition, "mctop_names", None).context("cannot create a BPF map of names")
}

/// As the kernel side writes a name.
fn names_put(kernel: &mut Tables, hash: u64, key: &[u8]) {
    let mut words = [0; KEY_WORDS];
    for (word, bytes) in words.iter_mut().zip(key.chunks(8)) {
        let mut whole = [0; 8];
        for (to, byte) in whole.iter_mut().zip(bytes) {
            *to = *byte;
        }
        *word = u64::from_ne_bytes(whole);
    }
    let name = Name { target: 0, len: u32::try_from(key.len()).unwrap_or_default(), words };
    Names::put(kernel, hash, &name);
}
