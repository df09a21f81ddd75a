//! Tests with whole binaries: the installed memcached, intact and damaged.

use std::fs;
use std::sync::LazyLock;

use proptest::prelude::*;

use super::discover::{Selection, discover};
use super::elf::Image;
use super::fixture::memcached;
use super::points::{Operands, Resolved};
use super::{ResolveOptions, SitePreference, resolve, resolve_image};
use crate::error::{Failure, FailureKind};
use crate::model::probe_point::SiteKind;

static MEMCACHED: LazyLock<Vec<u8>> = LazyLock::new(|| fs::read(memcached()).unwrap());

fn resolve_bytes(bytes: Vec<u8>) -> Result<Resolved, String> {
    resolve_image(&Image::parse(bytes)?, &ResolveOptions::default())
}

#[test]
fn the_installed_memcached_is_resolved() {
    let resolved = resolve(&memcached()).unwrap();
    assert!(!resolved.lookups.is_empty());
    assert!(resolved.version.is_some());
    assert!(resolved.clock.is_some());
    for point in &resolved.lookups {
        assert!(point.emulated, "{}", point.instruction);
        assert!(point.proof.len() >= 2);
        let Operands::Lookup { key, item, return_address, store_returns, delta_returns, .. } = &point.operands else {
            panic!("{point:?}");
        };
        assert!(key.is_present() && item.is_present() && return_address.is_present());
        assert_eq!((store_returns.len(), delta_returns.len()), (1, 1));
    }
}

#[test]
fn only_the_selected_kind_of_site() {
    let image = Image::parse(MEMCACHED.clone()).unwrap();
    let options = |kind| ResolveOptions { site: SitePreference::Only(kind), ..ResolveOptions::default() };
    for kind in [SiteKind::Exact, SiteKind::Early, SiteKind::EntryAndReturn] {
        let resolved = resolve_image(&image, &options(kind)).unwrap();
        assert!(resolved.lookups.iter().all(|point| point.site == kind && point.proof.len() >= 2), "{resolved:?}");
    }
}

#[test]
fn other_programs_are_refused() {
    let error = resolve(&std::env::current_exe().unwrap()).unwrap_err();
    assert_eq!(error.downcast_ref::<Failure>().unwrap().kind, FailureKind::NoTarget);
    assert!(error.to_string().contains("not a memcached server"), "{error}");
}

#[test]
fn other_machines_are_refused() {
    let mut bytes = MEMCACHED.clone();
    bytes[18] = 183;
    assert!(resolve_bytes(bytes.clone()).unwrap_err().contains("AArch64"));
    bytes[4] = 1;
    assert!(resolve_bytes(bytes.clone()).unwrap_err().contains("64-bit"));
    bytes[0] = 0;
    assert!(resolve_bytes(bytes).unwrap_err().contains("not an ELF file"));
    assert!(resolve_bytes(Vec::new()).unwrap_err().contains("not an ELF file"));
}

#[test]
fn processes_that_are_not_servers() {
    let refused = |pid: u32| {
        let error = discover(&Selection { pids: vec![pid], ..Selection::default() }).unwrap_err();
        let failure = error.downcast::<Failure>().unwrap();
        assert_eq!(failure.kind, FailureKind::NoTarget);
        failure.message
    };
    assert!(refused(std::process::id()).contains("not a memcached server"));
    assert!(refused(u32::MAX).contains("no process"));
    assert!(refused(0).contains("no process"));
    let (sender, receiver) = std::sync::mpsc::channel::<()>();
    let (number, thread) = {
        let (id_sender, id_receiver) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            id_sender.send(rustix::thread::gettid().as_raw_nonzero().get().cast_unsigned()).unwrap();
            receiver.recv().ok();
        });
        (id_receiver.recv().unwrap(), thread)
    };
    assert!(refused(number).contains("is a thread of process"));
    drop(sender);
    thread.join().unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn truncation_never_panics(length in 0..MEMCACHED.len()) {
        let _ = resolve_bytes(MEMCACHED[..length].to_vec());
    }

    #[test]
    fn damage_never_panics(flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..64)) {
        let mut bytes = MEMCACHED.clone();
        for (index, value) in flips {
            let index = index.index(bytes.len());
            bytes[index] = value;
        }
        let _ = resolve_bytes(bytes);
    }

    /// Lengths and offsets are in headers and tables.
    #[test]
    fn damaged_tables_never_panic(
        place in prop::sample::select(vec![0usize, 1, 2]),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..16),
    ) {
        let mut bytes = MEMCACHED.clone();
        let word = |at: usize| usize::try_from(u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())).unwrap();
        // The file header with the program headers; the section headers; the first pages with the dynamic tables.
        let range = match place {
            0 => 0..64 + 56 * 16,
            1 => word(40)..bytes.len(),
            _ => 0x300..0x5000,
        };
        for (index, value) in flips {
            let index = range.start + index.index(range.len());
            bytes[index] = value;
        }
        let _ = resolve_bytes(bytes);
    }
}
