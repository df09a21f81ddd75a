//! The eBPF object: embedded, loaded, with its maps in hand.

use std::env;
use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::os::fd::AsFd;

use anyhow::Context;
use aya::maps::{Array, ArrayOfMaps, Map, MapData};
use aya::programs::UProbe;
use aya::{Ebpf, EbpfLoader, include_bytes_aligned};
use aya_log::EbpfLogger;
use log::Log;
use mctop_common::hash::Seed;
use mctop_common::limits::SITES_MAX;
use mctop_common::records::{Evidence, Site};
use mctop_common::table::NameBucket;

use super::mapped::Mapped;
use super::privilege;

/// The committed object; rebuilt by `cargo xtask ebpf build`, checked by `cargo xtask ebpf verify`.
#[cfg(target_arch = "x86_64")]
static OBJECT: &[u8] = include_bytes_aligned!("../../bpf/mctop-x86_64.bpf.o");
/// As above.
#[cfg(target_arch = "aarch64")]
static OBJECT: &[u8] = include_bytes_aligned!("../../bpf/mctop-aarch64.bpf.o");

/// Names a file to load in place of the embedded object: how the tests compare a rebuilt object with the committed one.
pub const OBJECT_OVERRIDE: &str = "MCTOP_BPF_OBJECT";

/// The loaded object.
pub struct Object {
    /// Owns the programs.
    pub ebpf: Ebpf,
    /// The current epoch's table in slot 0.
    pub epoch: ArrayOfMaps<MapData, MapData>,
    /// Descriptions of the probed instructions, by attach cookie.
    pub sites: Array<MapData, Site>,
    /// Numbers of sites that are not in use.
    pub free_sites: Vec<u32>,
    /// What was seen at each site while it was being validated, by attach cookie.
    pub evidence: Array<MapData, Evidence>,
    /// Counters of [`mctop_common::records::Fault`].
    pub faults: Array<MapData, u64>,
    /// Log records of an object built with the `log` feature, for debugging; the committed object has none.
    pub log: Option<EbpfLogger<&'static dyn Log>>,
}

/// Loads the object for tables of `buckets` buckets of keys, and maps its table of names.
///
/// # Errors
/// A [`crate::error::Failure`] that names the missing privilege or kernel feature.
pub fn load(buckets: u32) -> anyhow::Result<(Object, Mapped<NameBucket>)> {
    let replaced = match env::var_os(OBJECT_OVERRIDE) {
        Some(path) => {
            Some(fs::read(&path).with_context(|| format!("cannot read {OBJECT_OVERRIDE}={}", path.display()))?)
        }
        None => None,
    };
    let seed = random_seed();
    let mut ebpf = EbpfLoader::new()
        .override_global("SEED", &seed, true)
        .override_global("BUCKETS", &buckets, true)
        .map_max_entries("NAMES", buckets)
        .load(replaced.as_deref().unwrap_or(OBJECT))
        .map_err(|error| privilege::explain(error.into(), "load mctop's eBPF maps"))?;
    let log = match ebpf.map("AYA_LOGS") {
        Some(_) => Some(EbpfLogger::init(&mut ebpf).context("cannot read the eBPF programs' log")?),
        None => None,
    };
    for (name, program) in ebpf.programs_mut() {
        let program: &mut UProbe =
            program.try_into().context("the eBPF object holds a program that is not a uprobe")?;
        let what = format!("load the eBPF program {name}");
        program.load().map_err(|error| privilege::explain(error.into(), &what))?;
    }
    let mut take = |name: &'static str| {
        ebpf.take_map(name)
            .with_context(|| format!("the eBPF object has no map {name}; build it again: cargo xtask ebpf build"))
    };
    let Map::Array(names) = take("NAMES")? else { anyhow::bail!("the eBPF object's NAMES is not an array") };
    let names = Mapped::new(names.fd().as_fd(), buckets)
        .map_err(|error| privilege::explain(error.into(), "map a BPF map of names into memory"))?;
    let object = Object {
        epoch: take("EPOCH")?.try_into()?,
        sites: take("SITES")?.try_into()?,
        evidence: take("EVIDENCE")?.try_into()?,
        faults: take("FAULT_COUNTS")?.try_into()?,
        free_sites: (0..SITES_MAX).rev().collect(),
        ebpf,
        log,
    };
    Ok((object, names))
}

/// Seeds the key hash from the operating system's randomness, by way of the standard library's hasher keys.
fn random_seed() -> Seed {
    let draw = |salt: u64| RandomState::new().hash_one(salt);
    Seed { start: draw(0), first: draw(1) | 1, second: draw(2) | 1 }
}
