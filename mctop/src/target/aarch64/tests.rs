//! Tests with the installed memcached, whose code is overwritten with AArch64 calls and function entries.

use std::fs;

use super::*;
use crate::target::elf::Sections;
use crate::target::fixture::memcached;
use crate::target::fixture::sections::{functions, with_sections};
use crate::target::resolve_image;

const BTI_C: u32 = 0xd503_245f;
const PACIASP: u32 = 0xd503_233f;
/// Distances from the start of `.text`; symbols made for tests are 100 bytes long.
const ITEM_GET: u64 = 0x1000;
const STORE: u64 = 0x2000;
const DELTA: u64 = 0x3000;
const COMMAND: u64 = 0x4000;
const ELSEWHERE: u64 = 0x5000;

const NAMES: [(&str, u64); 4] =
    [("do_item_get", ITEM_GET), ("do_store_item", STORE), ("do_add_delta", DELTA), ("process_command_ascii", COMMAND)];

fn call(from: u64, to: u64) -> (u64, u32) {
    (from, 0x9400_0000 | (to.wrapping_sub(from) as u32 >> 2 & 0x03ff_ffff))
}

/// The calls as memcached has them.
fn calls() -> Vec<(u64, u32)> {
    vec![call(STORE + 8, ITEM_GET), call(DELTA + 16, ITEM_GET), call(ELSEWHERE, ITEM_GET), call(ELSEWHERE + 4, COMMAND)]
}

/// Resolves it with code and symbols at distances from the start of `.text`; also that start.
fn resolve(code: &[(u64, u32)], names: &[(&str, u64)]) -> (u64, Result<Resolved, String>) {
    let mut bytes = fs::read(memcached()).unwrap();
    let image = Image::parse(bytes.clone()).unwrap();
    let text = Sections::read(&image).unwrap().by_name(".text").unwrap();
    let start = usize::try_from(image.file_offset(text.address).unwrap()).unwrap();
    bytes[start..start + text.bytes.len()].fill(0);
    for &(at, instruction) in code {
        let at = start + usize::try_from(at).unwrap();
        bytes[at..at + 4].copy_from_slice(&instruction.to_le_bytes());
    }
    bytes[18] = 183;
    let symbols: Vec<(&str, u64)> = names.iter().map(|&(name, at)| (name, text.address + at)).collect();
    let bytes = if symbols.is_empty() { bytes } else { with_sections(&bytes, functions(&symbols)) };
    (text.address, resolve_image(&Image::parse(bytes).unwrap(), &ResolveOptions::default()))
}

#[test]
fn entry_and_return_by_symbols() {
    let code = [calls(), vec![(ITEM_GET, BTI_C), (COMMAND, PACIASP)]].concat();
    let (text, resolved) = resolve(&code, &NAMES);
    let resolved = resolved.unwrap();
    let [enter, leave] = &resolved.lookups[..] else { panic!("{:?}", resolved.lookups) };
    // After the landing pad.
    assert_eq!((enter.address, leave.address), (text + ITEM_GET + 4, text + ITEM_GET + 4));
    assert_eq!((enter.kind, leave.kind), (ProbeKind::LookupEnter, ProbeKind::LookupReturn));
    assert_eq!(leave.operands, Operands::Return { item: Operand::register(0) });
    let Operands::Lookup { return_address, store_returns, delta_returns, .. } = &enter.operands else { panic!() };
    assert_eq!(*return_address, Operand::register(30));
    let after = |at: u64| vec![(at + 4).wrapping_sub(ITEM_GET + 4).cast_signed()];
    assert_eq!((store_returns, delta_returns), (&after(STORE + 8), &after(DELTA + 16)));
    // Before the instruction that signs the return address.
    assert_eq!(resolved.commands[0].address, text + COMMAND);
    assert_eq!(resolved.commands[0].operands, Operands::Command { text: Operand::register(1) });
    assert!(!enter.emulated && resolved.lookups.iter().all(|point| point.site == SiteKind::EntryAndReturn));
}

#[test]
fn refused() {
    let reason = |code: &[(u64, u32)], names: &[(&str, u64)]| resolve(code, names).1.unwrap_err();
    assert!(reason(&calls(), &[]).contains("by symbols only"));
    let without_store = [call(ELSEWHERE, ITEM_GET), call(ELSEWHERE + 4, ITEM_GET), call(DELTA, ITEM_GET)];
    assert!(reason(&without_store, &NAMES).contains("cannot be distinguished from reads"));
    assert!(reason(&calls()[..2], &NAMES).contains("copies of it were inlined"));
    let twice = [calls(), vec![call(STORE + 12, ITEM_GET)]].concat();
    assert!(reason(&twice, &NAMES).contains("calls do_item_get 2 times, not once"));
    let clone = [("do_item_get.isra.0", ITEM_GET), NAMES[1], NAMES[2]];
    assert!(reason(&calls(), &clone).contains("is a clone"));
    let back = [calls(), vec![(ITEM_GET + 8, 0x17ff_fffe)]].concat();
    assert!(reason(&back, &NAMES).contains("jumps back to its own entry"));
}
