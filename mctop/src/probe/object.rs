//! The eBPF object: embedded, loaded, with its maps in hand.

use std::env;
use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::os::fd::AsFd;

use anyhow::Context;
use aya::maps::{Array, ArrayOfMaps, HashMap as BpfHashMap, Map, MapData};
use aya::programs::{Program, ProgramError, UProbe};
use aya::{Ebpf, EbpfLoader, Pod, include_bytes_aligned};
use aya_log::EbpfLogger;
use log::Log;
use mctop_common::hash::Seed;
use mctop_common::records::{Command, Evidence, Pending, Site};

use super::focus;
use super::mapped::Mapped;
use super::memory::Sizes;
use super::multi;
use super::names;
use super::privilege;
use super::table::Table;
use crate::error::Failure;
use crate::kernel::NEEDED;
use crate::model::key::Key;

/// The committed object; rebuilt by `cargo xtask ebpf build`, checked by `cargo xtask ebpf verify`.
#[cfg(target_arch = "x86_64")]
static OBJECT: &[u8] = include_bytes_aligned!("../../bpf/mctop-x86_64.bpf.o");
/// As above.
#[cfg(target_arch = "aarch64")]
static OBJECT: &[u8] = include_bytes_aligned!("../../bpf/mctop-aarch64.bpf.o");

/// Names a file to load in place of the embedded object: how the tests compare a rebuilt object with the committed one.
pub(crate) const OBJECT_OVERRIDE: &str = "MCTOP_BPF_OBJECT";

/// With the value `perf`, probes are attached as on kernels before Linux 6.10: how the tests compare both ways.
pub(crate) const LINKS: &str = "MCTOP_PROBE_LINKS";

/// Tables of the two epochs that take turns.
const TABLES: [&str; 2] = ["TABLE_0", "TABLE_1"];

/// Programs that are loaded at once. The others are when they are attached for the first time: the kernel takes about as long to
/// verify each of the larger ones as mctop takes for all else before it watches.
const FIRST: [&str; 2] = ["calibrate", "lookup"];

/// The loaded object.
pub(crate) struct Object {
    /// Owns the programs.
    pub ebpf: Ebpf,
    /// The same programs for links that many threads take off at the same time, where the kernel has those.
    multi: Option<multi::Programs>,
    /// The current epoch's table in slot 0.
    epoch: ArrayOfMaps<MapData, MapData>,
    /// Descriptions of the probed instructions, by attach cookie.
    pub sites: Array<MapData, Site>,
    /// Numbers of sites that are not in use.
    pub free_sites: Vec<u32>,
    /// What was seen at each site while it was being validated, by attach cookie.
    pub evidence: Array<MapData, Evidence>,
    /// Counters of [`mctop_common::records::Fault`].
    pub faults: Array<MapData, u64>,
    /// What is seen of a key that is looked at closely.
    pub focus: focus::Maps,
    /// The maps of names, which stay open because programs that are loaded later name them by their descriptors.
    _names: [Map; 2],
    seed: Seed,
    /// Log records of an object built with the `log` feature, for debugging; the committed object has none.
    pub log: Option<EbpfLogger<&'static dyn Log>>,
}

/// The object with its maps.
pub(crate) struct Loaded {
    /// Its programs, and the maps that describe what they are attached to.
    pub object: Object,
    /// The keys' names.
    pub names: names::Tables,
    /// Programs count into the first.
    pub epochs: [Table; 2],
}

/// Loads the object with maps of these sizes.
///
/// # Errors
/// A [`crate::error::Failure`] that names the missing privilege or kernel feature.
pub(crate) fn load(sizes: Sizes) -> anyhow::Result<Loaded> {
    let replaced = match env::var_os(OBJECT_OVERRIDE) {
        Some(path) => {
            Some(fs::read(&path).with_context(|| format!("cannot read {OBJECT_OVERRIDE}={}", path.display()))?)
        }
        None => None,
    };
    let bytes = replaced.as_deref().unwrap_or(OBJECT);
    let Sizes { buckets, threads, waiters, sites } = sizes;
    let seed = random_seed();
    let maps = || {
        EbpfLoader::new()
            .override_global("SEED", &seed, true)
            .override_global("BUCKETS", &buckets, true)
            .map_max_entries(TABLES[0], Table::elements(buckets))
            .map_max_entries(TABLES[1], Table::elements(buckets))
            .map_max_entries("NAME_HASHES", buckets)
            .map_max_entries("NAMES", buckets)
            .map_max_entries("COMMANDS", threads)
            .map_max_entries("PENDING", threads)
            .map_max_entries("CLIENTS", threads)
            .map_max_entries("WAITING", waiters)
            .map_max_entries("SITES", sites)
            .map_max_entries("EVIDENCE", sites)
            .load(bytes)
            .map_err(|error| privilege::explain(error.into(), "load mctop's eBPF maps"))
    };
    let (mut ebpf, multi) = load_programs(bytes, maps)?;
    let log = match ebpf.map("AYA_LOGS") {
        Some(_) => Some(EbpfLogger::init(&mut ebpf).context("cannot read the eBPF programs' log")?),
        None => None,
    };
    let focus = focus::Maps::take(&mut ebpf, threads)?;
    let mut take = |name: &'static str| {
        ebpf.take_map(name)
            .with_context(|| format!("the eBPF object has no map {name}; build it again: cargo xtask ebpf build"))
    };
    let (hashes, keys) = (take("NAME_HASHES")?, take("NAMES")?);
    let tables = names::Tables { hashes: mapped(&hashes, buckets)?, keys: mapped(&keys, buckets)? };
    let epochs = [Table::of(take(TABLES[0])?, buckets)?, Table::of(take(TABLES[1])?, buckets)?];
    let mut object = Object {
        epoch: take("EPOCH")?.try_into()?,
        sites: take("SITES")?.try_into()?,
        evidence: take("EVIDENCE")?.try_into()?,
        faults: take("FAULT_COUNTS")?.try_into()?,
        focus,
        _names: [hashes, keys],
        seed,
        free_sites: (0..sites).rev().collect(),
        ebpf,
        multi,
        log,
    };
    object.count_into(&epochs[0])?;
    Ok(Loaded { object, names: tables, epochs })
}

/// Maps an array map of names into memory.
fn mapped<T: Pod>(map: &Map, elements: u32) -> anyhow::Result<Mapped<T>> {
    let Map::Array(map) = map else { anyhow::bail!("a map of names in the eBPF object is not an array") };
    Mapped::new(map.fd().as_fd(), elements)
        .map_err(|error| privilege::explain(error.into(), "map a BPF map of names into memory"))
}

/// Loads the programs that are loaded at first, with maps that `maps` makes.
fn load_programs(
    bytes: &[u8],
    maps: impl Fn() -> anyhow::Result<Ebpf>,
) -> anyhow::Result<(Ebpf, Option<multi::Programs>)> {
    let mut ebpf = maps()?;
    match load_together(bytes, &mut ebpf) {
        Ok(Some(multi)) => return Ok((ebpf, Some(multi))),
        Ok(None) => {}
        Err(error) => {
            log::info!("Probes are attached by perf events, and so are detached one after the other: {error:#}.");
            // Its maps may be bound to programs of the other kind.
            ebpf = maps()?;
        }
    }
    for (name, program) in ebpf.programs_mut().filter(|(name, _)| FIRST.contains(name)) {
        load_program(name, program)?;
    }
    Ok((ebpf, None))
}

/// Loads the programs for links that many threads take off at the same time; none where the kernel has no such links.
fn load_together(bytes: &[u8], ebpf: &mut Ebpf) -> anyhow::Result<Option<multi::Programs>> {
    if env::var_os(LINKS).is_some_and(|links| links == "perf") {
        return Ok(None);
    }
    let Some(programs) = multi::Programs::of(bytes, ebpf)? else { return Ok(None) };
    for name in FIRST {
        programs.load(name, ebpf)?;
    }
    Ok(Some(programs))
}

fn load_program(name: &str, program: &mut Program) -> anyhow::Result<()> {
    match program {
        Program::UProbe(program) => program.load(),
        Program::RawTracePoint(program) => program.load(),
        _ => anyhow::bail!("the eBPF program {name} is of a kind that mctop does not know"),
    }
    .map_err(|error| match error {
        // Privileges are asked for before the verifier begins, which has said nothing then.
        ProgramError::LoadError { io_error, verifier_log }
            if io_error.raw_os_error() != Some(libc::ENOMEM) && !verifier_log.to_string().trim().is_empty() =>
        {
            unaccepted(name, &io_error, &verifier_log.to_string()).into()
        }
        error => privilege::explain(error.into(), &format!("load the eBPF program {name}")),
    })
}

/// What the verifier says last, in lines: before, it tells its way through the program.
const VERIFIER_LINES: usize = 4;

/// A program that the kernel does not know what to do with, or does not hold for safe.
pub(super) fn unaccepted(name: &str, error: &io::Error, log: &str) -> Failure {
    let lines: Vec<&str> = log.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let last = &lines[lines.len().saturating_sub(VERIFIER_LINES)..];
    Failure::privilege(format!(
        "This kernel, Linux {}, does not accept mctop's eBPF program {name}: {error}; its verifier says: {}. {NEEDED} If this \
         kernel has them, that is a defect of mctop: please report it, with what `mctop doctor` says.",
        rustix::system::uname().release().to_string_lossy(),
        last.join(" / ")
    ))
}

impl Object {
    /// A program by its name, loaded.
    ///
    /// # Errors
    /// A defect of the eBPF object, which has none of that name; or what the kernel says.
    pub(crate) fn program(&mut self, name: &str) -> anyhow::Result<&mut Program> {
        let none = || format!("the eBPF object has no program {name}");
        let program = self.ebpf.program_mut(name).with_context(none)?;
        match (&self.multi, &program) {
            _ if program.fd().is_ok() => {}
            (Some(multi), Program::UProbe(_)) => multi.load(name, &mut self.ebpf)?,
            _ => load_program(name, program)?,
        }
        self.ebpf.program_mut(name).with_context(none)
    }

    /// A program that uprobes run, loaded.
    ///
    /// # Errors
    /// As above, or it is of another kind.
    pub(crate) fn uprobe(&mut self, name: &str) -> anyhow::Result<&mut UProbe> {
        self.program(name)?.try_into().with_context(|| format!("the eBPF program {name} is not a uprobe"))
    }

    /// Whether probes are detached at the same time, given as many threads.
    #[must_use]
    pub(crate) const fn detaches_together(&self) -> bool {
        self.multi.is_some()
    }

    /// Loads all programs that are not loaded yet.
    ///
    /// # Errors
    /// What the kernel says.
    pub(crate) fn load_on_demand(&mut self) -> anyhow::Result<()> {
        let names: Vec<String> = self.ebpf.programs().map(|(name, _)| name.to_owned()).collect();
        names.iter().try_for_each(|name| self.program(name).map(drop))
    }

    /// Makes a table that of the epoch under way; the one that was so before is at rest when this returns.
    ///
    /// # Errors
    /// A [`crate::error::Failure`] that names the missing privilege, or what the kernel said.
    pub(crate) fn count_into(&mut self, table: &Table) -> anyhow::Result<()> {
        self.epoch
            .set(0, table.map(), 0)
            .map_err(|error| privilege::explain(error.into(), "put a table of keys into the epoch's slot"))
    }

    /// Forgets what is remembered of the threads of the server number `target`, so that there is room for those of others.
    ///
    /// # Errors
    /// What the kernel says.
    pub(crate) fn forget_threads(&mut self, target: u32) -> anyhow::Result<()> {
        self.forget("COMMANDS", |command: &Command| command.target == target)?;
        self.forget("PENDING", |pending: &Pending| pending.target == target)
    }

    fn forget<V: Pod>(&mut self, name: &str, is_its: impl Fn(&V) -> bool) -> anyhow::Result<()> {
        let map = self.ebpf.map_mut(name).with_context(|| format!("the eBPF object has no map {name}"))?;
        let mut map: BpfHashMap<_, u32, V> = map.try_into()?;
        let threads = map.keys().collect::<Result<Vec<u32>, _>>().with_context(|| format!("cannot list {name}"))?;
        for thread in threads {
            // One that is gone was another server's that ended.
            if map.get(&thread, 0).is_ok_and(|value| is_its(&value)) {
                map.remove(&thread).with_context(|| format!("cannot empty {name}"))?;
            }
        }
        Ok(())
    }

    /// The hash that a key of the server number `target` is counted under.
    #[must_use]
    pub(crate) fn hash(&self, target: u32, key: &Key) -> u64 {
        self.seed.hash(target, key.bytes())
    }
}

/// Seeds the key hash from the operating system's randomness, by way of the standard library's hasher keys.
pub(super) fn random_seed() -> Seed {
    let draw = |salt: u64| RandomState::new().hash_one(salt);
    Seed { start: draw(0), first: draw(1) | 1, second: draw(2) | 1 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::exit_code;

    #[test]
    fn what_the_verifier_does_not_accept_is_no_matter_of_privileges() {
        let log = "0: (bf) r6 = r1\n1: (95) exit\na\n\nb\nc\ncombined stack size of 2 calls is 544. Too large\n";
        let told = unaccepted("lookup", &io::Error::from_raw_os_error(libc::EACCES), log);
        let text = told.to_string();
        assert!(text.contains("program lookup") && text.contains("says: a / b / c / combined stack"), "{text}");
        assert!(!text.contains("exit") && !text.contains("CAP_") && text.contains("defect of mctop"), "{text}");
        assert_eq!(exit_code(&told.into()), 3);
    }
}
