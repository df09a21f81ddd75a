//! The embedded eBPF object: loads it, and hands out its programs and maps.

use std::env;
use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::os::fd::AsFd;

use anyhow::Context;
use aya::maps::{Array, ArrayOfMaps, HashMap as BpfHashMap, Map, MapData, MapError};
use aya::{EbpfLoader, Pod, include_bytes_aligned};
use aya_log::EbpfLogger;
use log::Log;
use mctop_common::hash::Seed;
use mctop_common::records::{CurrentCommand, CurrentLookup, FAULTS};

use super::map_sizes::MapSizes;
use super::mapped::Mapped;
use super::names::NameTables;
use super::privilege;
use super::programs::EbpfPrograms;
use super::sites::Sites;
use super::table::EpochTable;
use crate::model::key::Key;

/// The committed object; rebuilt by `cargo xtask ebpf build`, checked by `cargo xtask ebpf verify`.
#[cfg(target_arch = "x86_64")]
static OBJECT: &[u8] = include_bytes_aligned!("../../bpf/mctop-x86_64.bpf.o");
/// As above.
#[cfg(target_arch = "aarch64")]
static OBJECT: &[u8] = include_bytes_aligned!("../../bpf/mctop-aarch64.bpf.o");

/// A file to load instead of the embedded object. The tests compare a rebuilt object with the committed one.
const OBJECT_OVERRIDE: &str = "MCTOP_BPF_OBJECT";

/// The tables of the two epochs, which take turns.
const TABLES: [&str; 2] = ["TABLE_0", "TABLE_1"];
/// The current command of each server thread.
const COMMANDS: &str = "COMMANDS";
/// The current lookup of each server thread.
const PENDING: &str = "PENDING";

/// The loaded object: its programs, and the maps that do not belong to one part of mctop only.
pub(crate) struct Object {
    /// The programs.
    pub programs: EbpfPrograms,
    /// Descriptions of the probed instructions.
    pub sites: Sites,
    /// The current epoch's table is in slot 0.
    epoch: ArrayOfMaps<MapData, MapData>,
    /// Counters of [`mctop_common::records::Fault`].
    faults: Array<MapData, u64>,
    /// The maps of names. Programs that are loaded later refer to them by file descriptors, so they must stay open.
    _names: [Map; 2],
    seed: Seed,
    /// Log records of an object built with the `log` feature, for debugging; the committed object has none.
    log: Option<EbpfLogger<&'static dyn Log>>,
}

/// What loading the object returns.
pub(crate) struct LoadedObject {
    /// The object.
    pub object: Object,
    /// The names of the keys.
    pub names: NameTables,
    /// The tables of the epochs. Programs count into the first.
    pub epochs: [EpochTable; 2],
}

/// Loads the object with maps of these sizes.
///
/// # Errors
/// A [`crate::error::Failure`] that names the missing privilege or kernel feature.
pub(crate) fn load(sizes: MapSizes) -> anyhow::Result<LoadedObject> {
    let replacement = match env::var_os(OBJECT_OVERRIDE) {
        Some(path) => {
            Some(fs::read(&path).with_context(|| format!("cannot read {OBJECT_OVERRIDE}={}", path.display()))?)
        }
        None => None,
    };
    let bytes = replacement.as_deref().unwrap_or(OBJECT);
    let MapSizes { buckets, threads, pending_replies, sites } = sizes;
    let seed = random_seed();
    let create_maps = || {
        EbpfLoader::new()
            .override_global("SEED", &seed, true)
            .override_global("BUCKETS", &buckets, true)
            .map_max_entries(TABLES[0], EpochTable::elements(buckets))
            .map_max_entries(TABLES[1], EpochTable::elements(buckets))
            .map_max_entries("NAME_HASHES", buckets)
            .map_max_entries("NAMES", buckets)
            .map_max_entries(COMMANDS, threads)
            .map_max_entries(PENDING, threads)
            .map_max_entries("CONNECTIONS", threads)
            .map_max_entries("PENDING_REPLIES", pending_replies)
            .map_max_entries("SITES", sites)
            .map_max_entries("EVIDENCE", sites)
            .load(bytes)
            .map_err(|error| privilege::explain(error.into(), "load mctop's eBPF maps"))
    };
    let mut programs = EbpfPrograms::load(bytes, create_maps)?;
    let log = match programs.maps().map("AYA_LOGS") {
        Some(_) => Some(EbpfLogger::init(programs.maps()).context("cannot read the eBPF programs' log")?),
        None => None,
    };
    let (hashes, keys) = (take_map(&mut programs, "NAME_HASHES")?, take_map(&mut programs, "NAMES")?);
    let names = NameTables { hashes: mapped(&hashes, buckets)?, keys: mapped(&keys, buckets)? };
    let [first, second] = TABLES.map(|name| EpochTable::of(take_map(&mut programs, name)?, buckets));
    let epochs = [first?, second?];
    let mut object = Object {
        sites: Sites::new(take_map(&mut programs, "SITES")?, take_map(&mut programs, "EVIDENCE")?),
        epoch: take_map(&mut programs, "EPOCH")?,
        faults: take_map(&mut programs, "FAULT_COUNTS")?,
        _names: [hashes, keys],
        seed,
        programs,
        log,
    };
    object.count_into(&epochs[0])?;
    Ok(LoadedObject { object, names, epochs })
}

fn take_map<M: TryFrom<Map>>(programs: &mut EbpfPrograms, name: &str) -> anyhow::Result<M>
where
    anyhow::Error: From<M::Error>,
{
    let map = programs.maps().take_map(name);
    let map =
        map.with_context(|| format!("the eBPF object has no map {name}; rebuild it with cargo xtask ebpf build"))?;
    Ok(map.try_into()?)
}

/// Maps an array map of names into memory.
fn mapped<T: Pod>(map: &Map, elements: u32) -> anyhow::Result<Mapped<T>> {
    let Map::Array(map) = map else { anyhow::bail!("a map of names in the eBPF object is not an array") };
    Mapped::new(map.fd().as_fd(), elements)
        .map_err(|error| privilege::explain(error.into(), "map a BPF map of names into memory"))
}

impl Object {
    /// Hands out a map that only one part of mctop uses.
    pub(super) fn take_map<M: TryFrom<Map, Error = MapError>>(&mut self, name: &str) -> anyhow::Result<M> {
        take_map(&mut self.programs, name)
    }

    /// Starts to count into another table. The previous one is at rest when this returns.
    ///
    /// # Errors
    /// A [`crate::error::Failure`] that names the missing privilege, or the kernel's error.
    pub(crate) fn count_into(&mut self, table: &EpochTable) -> anyhow::Result<()> {
        self.epoch
            .set(0, table.map(), 0)
            .map_err(|error| privilege::explain(error.into(), "switch to the table of the next epoch"))
    }

    /// The counters of all kinds of [`mctop_common::records::Fault`] since the object was loaded.
    pub(super) fn faults(&self) -> anyhow::Result<[u64; FAULTS as usize]> {
        let mut counts = [0; FAULTS as usize];
        for (count, kind) in counts.iter_mut().zip(0..) {
            *count = self.faults.get(&kind, 0).context("cannot read the fault counters")?;
        }
        Ok(counts)
    }

    /// Passes log records of the programs to the log.
    pub(super) fn flush_log(&mut self) {
        if let Some(log) = &mut self.log {
            log.flush();
        }
    }

    /// Whether the programs remember a command of a thread of server `target`.
    pub(super) fn has_command(&mut self, target: u32) -> anyhow::Result<bool> {
        let commands: BpfHashMap<_, u32, CurrentCommand> = self.threads(COMMANDS)?;
        Ok(commands.iter().filter_map(Result::ok).any(|(_, command)| command.target == target))
    }

    /// Removes what the programs remember of the threads of server `target`, to make room for those of others.
    pub(super) fn forget_threads(&mut self, target: u32) -> anyhow::Result<()> {
        self.forget(COMMANDS, |command: &CurrentCommand| command.target == target)?;
        self.forget(PENDING, |pending: &CurrentLookup| pending.target == target)
    }

    fn forget<V: Pod>(&mut self, name: &str, is_of_server: impl Fn(&V) -> bool) -> anyhow::Result<()> {
        let mut map: BpfHashMap<_, u32, V> = self.threads(name)?;
        let threads = map.keys().collect::<Result<Vec<u32>, _>>().with_context(|| format!("cannot list {name}"))?;
        for thread in threads {
            // A thread may have been removed since, with another server.
            if map.get(&thread, 0).is_ok_and(|value| is_of_server(&value)) {
                map.remove(&thread).with_context(|| format!("cannot remove a thread from {name}"))?;
            }
        }
        Ok(())
    }

    /// A map by thread id.
    fn threads<V: Pod>(&mut self, name: &str) -> anyhow::Result<BpfHashMap<&mut MapData, u32, V>> {
        let map = self.programs.maps().map_mut(name);
        Ok(map.with_context(|| format!("the eBPF object has no map {name}"))?.try_into()?)
    }

    /// The hash under which a key of server `target` is counted.
    pub(super) fn hash(&self, target: u32, key: &Key) -> u64 {
        self.seed.hash(target, key.bytes())
    }
}

/// Seeds the key hash from the operating system's random numbers, through the keys of the standard library's hasher.
pub(super) fn random_seed() -> Seed {
    let draw = |salt: u64| RandomState::new().hash_one(salt);
    Seed { initial: draw(0), first: draw(1) | 1, second: draw(2) | 1 }
}
