//! From a binary to its probe points.

use std::path::Path;

use iced_x86::{Formatter, Instruction, NasmFormatter};
use mctop_common::records::RETURNS_MAX;

use super::code::{Body, Program, is_emulated};
use super::discover::Process;
use super::elf::Image;
use super::lookup_site::{LookupSite, lookup_sites};
use super::options::Options;
use super::points::{FoundBy, Operands, Point, ProbeKind, Resolved};
use super::recover::{self, Callers, Found, telltales};
use super::signature::Signature;
use super::steps::{Source, Step, joined};
use super::symbols::{self, Sources, Symbols};
use super::{clock, command, version};
use crate::error::Failure;

/// From this version on `it_flags` is a 16-bit field at +38 of an item, before an 8-bit field at +39.
const WIDE_ITEM_FLAGS_SINCE: [u32; 3] = [1, 5, 15];
/// Bytes of the longest instruction.
const INSTRUCTION_BYTES: usize = 15;

/// Finds the probe points of a binary. `image` is a path to open it by.
///
/// # Errors
/// A [`Failure`] that says why the binary cannot be traced.
pub fn resolve(image: &Path) -> anyhow::Result<Resolved> {
    resolve_with(image, &Options::default())
}

/// Finds the probe points of the binary that a server runs; symbols may be in `debug_file`.
///
/// # Errors
/// As [`resolve_with`].
pub fn resolve_process(process: &Process, debug_file: Option<&Path>) -> anyhow::Result<Resolved> {
    let options = Options { debug_file: debug_file.map(Path::to_owned), ..Options::of_process(process) };
    resolve_with(&process.image, &options)
}

/// As [`resolve`], with a say in how.
///
/// # Errors
/// A [`Failure`] that says why the binary cannot be traced, or why a debug file cannot be used for it.
pub fn resolve_with(image: &Path, options: &Options) -> anyhow::Result<Resolved> {
    let file = Image::open(image)?;
    let mut options = options.clone();
    options.binary = options.binary.or_else(|| std::fs::canonicalize(image).ok());
    let sources = Sources::new(&file, &options)?;
    find(&file, &sources).map_err(|reason| {
        Failure::no_target(format!(
            "{} cannot be traced: {reason}. mctop attaches only where it can prove what it would read.",
            image.display()
        ))
        .into()
    })
}

/// Finds the probe points of a binary in memory.
///
/// # Errors
/// Why it cannot be traced, as a clause.
pub fn resolve_image(image: &Image, options: &Options) -> Result<Resolved, String> {
    let sources = Sources::new(image, options).map_err(|failure| failure.to_string())?;
    find(image, &sources)
}

fn find(image: &Image, sources: &Sources<'_>) -> Result<Resolved, String> {
    if !Signature::new().matches(image.read_only()) {
        return Err("it is not a memcached server, whose messages it lacks".into());
    }
    let program = Program::sweep(image, &telltales::all())?;
    let symbols::Found { symbols, mut steps } = sources.find();
    let version = version::read(image);
    let mut notes = Vec::new();
    if version.is_none() {
        notes.push("The version could not be read from the binary's strings.".into());
    }
    let (mut item_get, found_by) = item_get(&program, symbols.as_ref(), &mut steps)?;
    let sites = lookup_sites(&program, item_get.address)?;
    let named = |function| -> Vec<u64> {
        symbols.iter().flat_map(|symbols| symbols.bodies(function)).map(|symbol| symbol.address).collect()
    };
    let stores = recover::store_calls(&program, item_get.address, &named("do_store_item"));
    let deltas = recover::delta_calls(&program, item_get.address, &named("do_add_delta"));
    let stores = store_returns(stores, &mut item_get.proof)?;
    let deltas = delta_returns(deltas, &mut item_get.proof, &mut notes);
    let lookups = sites
        .iter()
        .map(|site| lookup_point(image, site, &item_get, found_by, &stores, &deltas))
        .collect::<Result<Vec<_>, _>>()?;
    let wide_item_flags = wide_item_flags(version.as_deref(), &sites, &mut notes)?;
    if sites.iter().any(|site| !site.logged.descriptor.is_present()) {
        notes.push("The client of a lookup cannot be told: this memcached does not log its descriptor.".into());
    }
    let body = program.body(item_get.address).ok_or("do_item_get is larger than it is in any memcached")?;
    let clock = proved_clock(image, &body, symbols.as_ref(), &mut notes);
    let commands = command::points(&program, symbols.as_ref(), version.as_deref(), &mut notes);
    Ok(Resolved { build_id: image.build_id(), version, lookups, commands, clock, wide_item_flags, steps, notes })
}

/// `do_item_get`: by the relations of a stripped binary, by its symbol, or by both, which then must agree.
fn item_get(
    program: &Program<'_>,
    symbols: Option<&Symbols>,
    steps: &mut Vec<Step>,
) -> Result<(Found, FoundBy), String> {
    let named: Vec<_> = symbols.into_iter().flat_map(|symbols| symbols.bodies("do_item_get")).collect();
    let recovered = recover::item_get(program);
    steps.push(Step {
        source: Source::Recovery,
        found: recovered.is_ok(),
        outcome: match &recovered {
            Ok(found) => format!("do_item_get is at {:#x}, by its messages and its callers", found.address),
            Err(reason) => reason.clone(),
        },
    });
    match (named.as_slice(), recovered) {
        ([], Ok(found)) => Ok((found, FoundBy::Recovered)),
        ([], Err(_)) => Err(format!("do_item_get was not found ({})", joined(steps))),
        ([symbol], Err(_)) if program.is_start(symbol.address) => {
            let proof = vec![format!("The symbol {} names it.", symbol.name)];
            Ok((Found { address: symbol.address, proof }, symbols.map_or(FoundBy::Symtab, |symbols| symbols.found_by)))
        }
        (named, Ok(mut found)) => match named.iter().find(|symbol| symbol.address == found.address) {
            Some(symbol) => {
                found.proof.insert(0, format!("The symbol {} names it.", symbol.name));
                Ok((found, symbols.map_or(FoundBy::Symtab, |symbols| symbols.found_by)))
            }
            None => Err(format!(
                "its symbols name another function do_item_get than the one at {:#x} with that function's messages",
                found.address
            )),
        },
        (several, Err(reason)) => Err(format!("{} symbols name do_item_get, and {reason}", several.len())),
    }
}

/// The return addresses of the lookups of storage commands. Without them, such lookups would count as reads.
fn store_returns(callers: Result<Callers, String>, proof: &mut Vec<String>) -> Result<Vec<u64>, String> {
    let returns = callers
        .and_then(|callers| fitting(callers.returns))
        .map_err(|reason| format!("lookups of storage commands could not be told from reads: {reason}"))?;
    proof.push(caller_proof("storage commands", "do_store_item"));
    Ok(returns)
}

/// The return addresses of the lookups of incr and decr, or a note why there are none.
fn delta_returns(callers: Result<Callers, String>, proof: &mut Vec<String>, notes: &mut Vec<String>) -> Vec<u64> {
    match callers.and_then(|callers| fitting(callers.returns)) {
        Ok(returns) => {
            proof.push(caller_proof("incr and decr", "do_add_delta"));
            returns
        }
        Err(reason) => {
            notes.push(format!("Lookups of incr and decr can be told from others by the command only: {reason}."));
            Vec::new()
        }
    }
}

fn fitting(returns: Vec<u64>) -> Result<Vec<u64>, String> {
    if returns.len() > RETURNS_MAX {
        return Err(format!(
            "do_item_get is called from {} places for them, of which {RETURNS_MAX} fit",
            returns.len()
        ));
    }
    Ok(returns)
}

fn caller_proof(purpose: &str, function: &str) -> String {
    format!("Lookups of {purpose} are its call from the code with the error message of {function}.")
}

fn lookup_point(
    image: &Image,
    site: &LookupSite,
    function: &Found,
    found_by: FoundBy,
    stores: &[u64],
    deltas: &[u64],
) -> Result<Point, String> {
    let relative = |list: &[u64]| list.iter().map(|address| address.wrapping_sub(site.address).cast_signed()).collect();
    let logged = &site.logged;
    let operands = Operands::Lookup {
        key: logged.key,
        key_len: logged.key_len,
        found: logged.found,
        item: logged.item,
        descriptor: logged.descriptor,
        return_address: site.return_address,
        store_returns: relative(stores),
        delta_returns: relative(deltas),
    };
    let proof = function.proof.iter().chain(&site.proof).cloned().collect();
    point(image, ProbeKind::Lookup, "do_item_get", found_by, site.address, operands, proof)
}

/// A point at an address of the image.
pub(super) fn point(
    image: &Image,
    kind: ProbeKind,
    function: &str,
    found_by: FoundBy,
    address: u64,
    operands: Operands,
    proof: Vec<String>,
) -> Result<Point, String> {
    let offset = image.file_offset(address).ok_or("a probe point lies outside the file")?;
    let bytes = image.bytes(address, INSTRUCTION_BYTES).ok_or("a probe point lies outside the file")?;
    Ok(Point {
        kind,
        function: function.to_owned(),
        found_by,
        offset,
        address,
        instruction: disassemble(address, bytes),
        emulated: is_emulated(bytes),
        operands,
        proof,
    })
}

fn disassemble(address: u64, bytes: &[u8]) -> String {
    let mut decoder = iced_x86::Decoder::with_ip(64, bytes, address, iced_x86::DecoderOptions::NONE);
    let mut text = String::new();
    let mut formatter = NasmFormatter::new();
    let options = formatter.options_mut();
    options.set_hex_prefix("0x");
    options.set_hex_suffix("");
    options.set_uppercase_hex(false);
    options.set_leading_zeros(false);
    options.set_branch_leading_zeros(false);
    options.set_show_branch_size(false);
    let instruction: Instruction = decoder.decode();
    formatter.format(&instruction, &mut text);
    text
}

/// Whether an item's flags are 16 bits wide at +38.
fn wide_item_flags(version: Option<&str>, sites: &[LookupSite], notes: &mut Vec<String>) -> Result<bool, String> {
    if let Some(numbers) = version.and_then(version::numbers) {
        return Ok(numbers >= WIDE_ITEM_FLAGS_SINCE);
    }
    // Descriptors are logged from 1.5.22 on.
    if sites.iter().all(|site| site.logged.descriptor.is_present()) {
        notes.push(
            "Items are taken to be laid out as from 1.5.22 on, because the client is logged as from then on.".into(),
        );
        return Ok(true);
    }
    Err("its version, and with it the layout of its items, is unknown".into())
}

/// The address of `current_time`, by data flow and checked against the symbol where there is one.
fn proved_clock(image: &Image, body: &Body, symbols: Option<&Symbols>, notes: &mut Vec<String>) -> Option<u64> {
    let reason = match clock::current_time(image, body) {
        Ok(address) => match symbols.and_then(|symbols| symbols.variable("current_time")) {
            Some(named) if named != address => "its symbol and the code of do_item_get disagree".to_owned(),
            _ => return Some(address),
        },
        Err(reason) => reason,
    };
    notes.push(format!("Remaining times to live are reckoned from the start of the process, because memcached's clock was not found: {reason}."));
    None
}
