//! Which names are bodies of a function, and every source of symbols with the installed memcached: its own code says where
//! its functions are, and symbol tables made to say the same must lead to the same points.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::LazyLock;

use super::*;
use crate::target::elf::Image;
use crate::target::fixture::memcached;
use crate::target::fixture::sections::{build_id, debug_file, debug_link, functions, plain, with_sections, xz};
use crate::target::points::Resolved;
use crate::target::steps::{SearchStep, SymbolSource};
use crate::target::{ResolveOptions, resolve_image, resolve_with};

static MEMCACHED: LazyLock<Vec<u8>> = LazyLock::new(|| fs::read(memcached()).unwrap());
static TRUTH: LazyLock<Truth> = LazyLock::new(|| {
    let image = Image::parse(MEMCACHED.clone()).unwrap();
    let program = crate::target::code::Program::sweep(&image, &crate::target::recover::marker_strings::all()).unwrap();
    Truth {
        resolved: resolve_image(&image, &ResolveOptions::default()).unwrap(),
        item_get: crate::target::recover::item_get(&program).unwrap().address,
        build_id: image.build_id().unwrap(),
    }
});

/// What the installed memcached's code says.
struct Truth {
    resolved: Resolved,
    item_get: u64,
    build_id: String,
}

/// A debug file of the installed memcached.
fn debug_file_of_memcached() -> Vec<u8> {
    let [names, symbols] = functions(&[("main", 1), ("do_item_get", TRUTH.item_get), ("do_item_get_other", 7)]);
    debug_file([build_id(&TRUTH.build_id), names, symbols])
}

fn resolve_bytes(bytes: Vec<u8>, options: &ResolveOptions) -> Result<Resolved, String> {
    resolve_image(&Image::parse(bytes)?, options)
}

/// Asserts that a source gave the symbols, and that they led to the points of the code.
#[track_caller]
fn assert_found(resolved: &Resolved, source: SymbolSource, found_by: FoundBy) {
    let symbolic = resolved.steps.iter().filter(|step| step.source != SymbolSource::Recovery);
    let last = symbolic.clone().next_back().unwrap();
    assert_eq!((last.source, last.found), (source, true), "{:#?}", resolved.steps);
    assert_eq!(symbolic.filter(|step| step.found).count(), 1);
    let offsets = |resolved: &Resolved| resolved.lookups.iter().map(|point| point.offset).collect::<Vec<_>>();
    assert_eq!(offsets(resolved), offsets(&TRUTH.resolved));
    assert!(resolved.lookups.iter().all(|point| point.found_by == found_by), "{:?}", resolved.lookups);
    assert!(resolved.lookups[0].proof[0].contains("symbol do_item_get"));
}

/// Asserts that no source gave symbols, and what the step of one says.
#[track_caller]
fn assert_recovered(resolved: &Resolved, source: SymbolSource, outcome: &str) {
    assert_eq!(resolved.lookups[0].found_by, FoundBy::Recovered);
    let found: Vec<&SearchStep> = resolved.steps.iter().filter(|step| step.found).collect();
    assert!(matches!(found[..], [SearchStep { source: SymbolSource::Recovery, .. }]), "{found:?}");
    let step = resolved.steps.iter().find(|step| step.source == source).unwrap();
    assert!(step.outcome.contains(outcome), "{}", step.outcome);
}

#[test]
fn bodies_of_a_function() {
    let is_body = |name: &str| Symbol { name: name.into(), address: 0, size: 0 }.is_body_of("process_command");
    for name in [
        "process_command",
        "process_command.part.0",
        "process_command.lto_priv.0",
        "process_command.constprop.0.isra.0",
        "process_command.llvm.1234567890",
    ] {
        assert!(is_body(name), "{name}");
    }
    for name in ["process_command.cold", "process_command.part.0.cold", "process_command_ascii", "process_command."] {
        assert!(!is_body(name), "{name}");
    }
}

#[test]
fn every_source_is_reported() {
    let sources: Vec<SymbolSource> = TRUTH.resolved.steps.iter().map(|step| step.source).collect();
    let all = [
        SymbolSource::Symtab,
        SymbolSource::Dynsym,
        SymbolSource::Debugdata,
        SymbolSource::Debuglink,
        SymbolSource::BuildId,
        SymbolSource::DebugFile,
        SymbolSource::Recovery,
    ];
    assert_eq!(sources, all);
    assert!(TRUTH.resolved.steps.iter().all(|step| !step.outcome.is_empty()));
}

#[test]
fn symbols_in_the_binary() {
    let [names, symbols] = functions(&[("do_item_get", TRUTH.item_get)]);
    let with_table = with_sections(&MEMCACHED, [names, symbols]);
    let resolved = resolve_bytes(with_table, &ResolveOptions::default()).unwrap();
    assert_found(&resolved, SymbolSource::Symtab, FoundBy::Symtab);

    let mini = plain(".gnu_debugdata", xz(&debug_file_of_memcached()));
    let resolved = resolve_bytes(with_sections(&MEMCACHED, [mini]), &ResolveOptions::default()).unwrap();
    assert_found(&resolved, SymbolSource::Debugdata, FoundBy::Debugdata);
}

#[test]
fn damaged_mini_symbols() {
    let whole = xz(&debug_file_of_memcached());
    for (contents, outcome) in [
        (whole[..whole.len() / 2].to_vec(), "cannot be decompressed"),
        (b"no xz".to_vec(), "cannot be decompressed"),
        (Vec::new(), "cannot be decompressed"),
        (xz(b"text"), "not a 64-bit little-endian ELF file"),
        (xz(&debug_file([])), "no symbol table"),
        (xz(&debug_file(functions(&[("main", 1)]))), "does not contain do_item_get"),
    ] {
        let bytes = with_sections(&MEMCACHED, [plain(".gnu_debugdata", contents)]);
        assert_recovered(&resolve_bytes(bytes, &ResolveOptions::default()).unwrap(), SymbolSource::Debugdata, outcome);
    }
}

#[test]
fn wrong_symbols_are_refused() {
    let [names, symbols] = functions(&[("do_item_get", TRUTH.item_get + 16)]);
    let reason = resolve_bytes(with_sections(&MEMCACHED, [names, symbols]), &ResolveOptions::default()).unwrap_err();
    assert!(reason.contains("its symbols give do_item_get another address"), "{reason}");
}

/// The options for a binary at `/opt/memcached` under a root directory.
fn under(root: &Path) -> ResolveOptions {
    ResolveOptions { root: Some(root.into()), binary: Some("/opt/memcached".into()), ..ResolveOptions::default() }
}

fn write(path: impl AsRef<Path>, bytes: &[u8]) {
    fs::create_dir_all(path.as_ref().parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

#[test]
fn debug_files_by_link() {
    let debug = debug_file_of_memcached();
    let linked = with_sections(&MEMCACHED, [debug_link("m.debug", &debug)]);
    for place in ["opt/m.debug", "opt/.debug/m.debug", "usr/lib/debug/opt/m.debug"] {
        let root = tempfile::tempdir().unwrap();
        write(root.path().join(place), &debug);
        let resolved = resolve_bytes(linked.clone(), &under(root.path())).unwrap();
        assert_found(&resolved, SymbolSource::Debuglink, FoundBy::Debuglink);
    }
}

#[test]
fn debug_files_by_link_that_are_refused() {
    let debug = debug_file_of_memcached();
    let linked = with_sections(&MEMCACHED, [debug_link("m.debug", &debug)]);
    let root = tempfile::tempdir().unwrap();
    let refused = |outcome: &str| {
        let resolved = resolve_bytes(linked.clone(), &under(root.path())).unwrap();
        assert_recovered(&resolved, SymbolSource::Debuglink, outcome);
    };
    refused("there is no /opt/m.debug, /opt/.debug/m.debug or /usr/lib/debug/opt/m.debug");
    write(root.path().join("opt/m.debug"), &debug[..debug.len() - 1]);
    refused("its CRC is");
    fs::remove_file(root.path().join("opt/m.debug")).unwrap();
    symlink("m.debug", root.path().join("opt/m.debug")).unwrap();
    refused("cannot be read: Too many levels of symbolic links");
    // Links cannot lead out of the root directory.
    let outside = tempfile::NamedTempFile::new().unwrap();
    fs::write(outside.path(), &debug).unwrap();
    fs::remove_file(root.path().join("opt/m.debug")).unwrap();
    symlink(outside.path(), root.path().join("opt/m.debug")).unwrap();
    refused("there is no /opt/m.debug");
    // A matching checksum is not enough if the build-id differs.
    let [names, symbols] = functions(&[("do_item_get", TRUTH.item_get)]);
    let other = debug_file([build_id("0123456789abcdef"), names, symbols]);
    let linked = with_sections(&MEMCACHED, [debug_link("other.debug", &other)]);
    write(root.path().join("opt/other.debug"), &other);
    let resolved = resolve_bytes(linked, &under(root.path())).unwrap();
    assert_recovered(&resolved, SymbolSource::Debuglink, "its build-id is 0123456789abcdef");
}

#[test]
fn debug_files_by_build_id() {
    let (first, rest) = TRUTH.build_id.split_at(2);
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join(format!("usr/lib/debug/.build-id/{first}/{rest}.debug"));
    write(&path, &debug_file_of_memcached());
    let resolved = resolve_bytes(MEMCACHED.clone(), &under(root.path())).unwrap();
    assert_found(&resolved, SymbolSource::BuildId, FoundBy::Debuglink);

    let [names, symbols] = functions(&[("do_item_get", TRUTH.item_get)]);
    write(&path, &debug_file([build_id("0123456789abcdef"), names, symbols]));
    let resolved = resolve_bytes(MEMCACHED.clone(), &under(root.path())).unwrap();
    assert_recovered(&resolved, SymbolSource::BuildId, "its build-id is 0123456789abcdef");

    write(&path, b"nothing");
    let resolved = resolve_bytes(MEMCACHED.clone(), &under(root.path())).unwrap();
    assert_recovered(&resolved, SymbolSource::BuildId, "not a 64-bit little-endian ELF file");
}

#[test]
fn a_debug_file_that_the_user_names() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("debug");
    let options = ResolveOptions { debug_file: Some(path.clone()), ..ResolveOptions::default() };
    let refused = || {
        let error = resolve_with(&memcached(), &options).unwrap_err();
        assert_eq!(crate::error::exit_code(&error), 2);
        error.to_string()
    };
    assert!(refused().contains("cannot be read"));
    write(&path, b"nothing");
    assert!(refused().contains("not a 64-bit little-endian ELF file"));
    write(&path, &debug_file([build_id("0123456789abcdef")]));
    let reason = refused();
    assert!(reason.contains("0123456789abcdef") && reason.contains(&TRUTH.build_id), "{reason}");
    write(&path, &debug_file(functions(&[("do_item_get", TRUTH.item_get)])));
    refused();
    let mut other_machine = debug_file_of_memcached();
    other_machine[18] = 183;
    write(&path, &other_machine);
    assert!(refused().contains("another machine type"));

    write(&path, &debug_file_of_memcached());
    let resolved = resolve_with(&memcached(), &options).unwrap();
    assert_found(&resolved, SymbolSource::DebugFile, FoundBy::Debuglink);
    // The unstripped binary itself can be used as a debug file, too.
    let [names, symbols] = functions(&[("do_item_get", TRUTH.item_get)]);
    write(&path, &with_sections(&MEMCACHED, [names, symbols]));
    assert_found(&resolve_with(&memcached(), &options).unwrap(), SymbolSource::DebugFile, FoundBy::Debuglink);
}
