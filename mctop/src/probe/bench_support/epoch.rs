//! The cost of the end of an epoch without a server: tables are filled like the eBPF programs do, and drained and folded like
//! `mctop dump` does.

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
use crate::probe::map_sizes::MapSizes;
use crate::probe::mapped::Mapped;
use crate::probe::names::{KeyNames, NameTables};
use crate::probe::object;
use crate::probe::table::EpochTable;
use crate::yielder::Yielder;

/// CPU time of this thread for an epoch: medians over the measured epochs.
#[derive(Clone, Copy, Debug)]
pub struct EpochTimes {
    /// Releasing the reserved slots of the names table.
    pub release: Duration,
    /// Reading the table, looking up names, counting.
    pub count: Duration,
    /// Clearing the rest of the table, and making room for names.
    pub finish: Duration,
    /// Ending the interval: history and sliding window.
    pub fold: Duration,
    /// The sum.
    pub sum: Duration,
    /// Number of keys in the model at the end.
    pub rows: usize,
    /// Length of the sliding window at the end.
    pub window: Duration,
}

/// Number of measured epochs.
const MEASURED: u32 = 20;

/// Number of epochs before these: enough to fill the sliding window, so that intervals leave it.
const BEFORE: u32 = 62;

/// Measures the end of epochs of one second with `keys` keys each, in tables and a model of `memory` bytes each. The keys of all epochs
/// are the same, or all different with `others`.
///
/// # Errors
/// If the kernel refuses to create the tables.
pub fn epoch_times(keys: u32, memory: u64, others: bool) -> anyhow::Result<EpochTimes> {
    let buckets = MapSizes::of(memory).buckets;
    let mut table = EpochTable::alone(buckets)?;
    let active = EpochTable::alone(buckets)?;
    let maps = (map(size_of::<NameHashes>(), buckets)?, map(size_of::<NameKeys>(), buckets)?);
    let tables = || -> anyhow::Result<NameTables> {
        let (hashes, keys) = (maps.0.fd().as_fd(), maps.1.fd().as_fd());
        Ok(NameTables { hashes: Mapped::new(hashes, buckets)?, keys: Mapped::new(keys, buckets)? })
    };
    let (mut kernel, mut names) = (tables()?, KeyNames::new(tables()?));
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
                put_name(&mut kernel, hash, key.as_bytes());
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
        let start = cpu_time();
        names.release_reserved();
        let released = cpu_time();
        let mut drain = Drain::new(&mut table, &mut names, epoch, &[None], Yielder::never());
        model.consume(interval.start, interval.end, &mut drain);
        interval.total = drain.total.counts;
        let counted = cpu_time();
        drain.finish(&active);
        let finished = cpu_time();
        model.end_interval(&interval);
        let folded = cpu_time();
        if epoch > before {
            times.push([released - start, counted - released, finished - counted, folded - finished, folded - start]);
        }
    }
    let median = |index: usize| {
        let mut times: Vec<Duration> = times.iter().filter_map(|times| times.get(index).copied()).collect();
        times.sort_unstable();
        times.get(times.len() / 2).copied().unwrap_or_default()
    };
    let snapshot = model.snapshot(false);
    let [release, count, finish, fold, sum] = [0, 1, 2, 3, 4].map(median);
    Ok(EpochTimes { release, count, finish, fold, sum, rows: snapshot.rows.len(), window: snapshot.window })
}

/// CPU time of this thread.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or_default())
}

/// A map like those of the names in the eBPF object.
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

/// Writes a name like the eBPF programs do.
fn put_name(kernel: &mut NameTables, hash: u64, key: &[u8]) {
    let mut bytes = [0; KEY_WORDS * 8];
    for (to, byte) in bytes.iter_mut().zip(key) {
        *to = *byte;
    }
    let mut words = [0; KEY_WORDS];
    for (word, bytes) in words.iter_mut().zip(bytes.as_chunks().0) {
        *word = u64::from_ne_bytes(*bytes);
    }
    let name = Name { target: 0, len: u32::try_from(key.len()).unwrap_or_default(), words };
    KeyNames::put(kernel, hash, &name);
}
