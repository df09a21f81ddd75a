//! From a binary to its probe points.

use std::path::Path;

use iced_x86::{Formatter, Instruction, NasmFormatter};
use mctop_common::records::RETURNS_MAX;

use super::code::{Body, Program, is_emulated};
use super::discover::{Process, Selection};
use super::elf::{Image, Machine};
use super::lookups::{self, ItemGet};
use super::options::Options;
use super::points::{FoundBy, Operands, Point, ProbeKind, Resolved, SiteKind};
use super::recover::{self, Callers, Found, telltales};
use super::signature::Signature;
use super::steps::{Source, Step, joined};
use super::symbols::{self, Sources, Symbols};
use super::{aarch64, clock, command, events, requests, version};
use crate::error::Failure;

/// Bytes of the longest instruction.
const INSTRUCTION_BYTES: usize = 15;

/// Finds the probe points of a binary. `image` is a path to open it by.
///
/// # Errors
/// A [`Failure`] that says why the binary cannot be traced.
pub fn resolve(image: &Path) -> anyhow::Result<Resolved> {
    resolve_with(image, &Options::default())
}

/// Finds the probe points of the binary that a server runs, as its selection wants.
///
/// # Errors
/// As [`resolve_with`].
pub fn resolve_process(process: &Process, selection: &Selection) -> anyhow::Result<Resolved> {
    let (debug_file, site) = (selection.debug_file.clone(), selection.site);
    let options = Options { debug_file, site, ..Options::of_process(process) };
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
    find(&file, &sources, &options).map_err(|reason| {
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
    find(image, &sources, options)
}

fn find(image: &Image, sources: &Sources<'_>, options: &Options) -> Result<Resolved, String> {
    if !Signature::new().matches(image.read_only()) {
        return Err("it is not a memcached server, whose messages it lacks".into());
    }
    match image.machine() {
        Machine::X86_64 => find_x86_64(image, sources, options),
        Machine::Aarch64 => aarch64::find(image, sources, options),
    }
}

fn find_x86_64(image: &Image, sources: &Sources<'_>, options: &Options) -> Result<Resolved, String> {
    let program = Program::sweep(image, &telltales::all())?;
    let symbols::Found { symbols, mut steps } = sources.find();
    let version = version::read(image);
    let mut notes = Vec::new();
    if version.is_none() {
        notes.push("The version could not be read from the binary's strings.".into());
    }
    let (mut function, found_by, not_proved) = item_get(&program, symbols.as_ref(), &mut steps)?;
    let named = |function| -> Vec<u64> {
        symbols.iter().flat_map(|symbols| symbols.bodies(function)).map(|symbol| symbol.address).collect()
    };
    let stores = recover::store_calls(&program, function.address, &named("do_store_item"));
    let deltas = recover::delta_calls(&program, function.address, &named("do_add_delta"));
    let store_functions = stores.as_ref().map(|callers| callers.functions.clone()).unwrap_or_default();
    let stores = store_returns(stores, &mut function.proof)?;
    let deltas = delta_returns(deltas, &mut function.proof, &mut notes);
    let is_named = symbols
        .iter()
        .flat_map(|symbols| symbols.bodies("do_item_get"))
        .any(|symbol| symbol.address == function.address && !symbol.has_other_arguments());
    let numbers = version.as_deref().and_then(version::numbers);
    let item_get =
        ItemGet { program: &program, function, found_by, not_proved, is_named, stores, deltas, version: numbers };
    let found = lookups::points(&item_get, options, &mut notes)?;
    let wide_item_flags = wide_item_flags(version.as_deref(), found.has_client, &mut notes)?;
    let body = program.body(item_get.function.address).ok_or("do_item_get is larger than it is in any memcached")?;
    let clock = proved_clock(image, &body, symbols.as_ref(), &mut notes);
    let dispatcher = recover::dispatcher(&program);
    let mut command_notes = Vec::new();
    let commands = command::points(&program, &dispatcher, symbols.as_ref(), version.as_deref(), &mut command_notes);
    let requests = requests::find(&program, symbols.as_ref(), version.as_deref(), &found);
    if let Err(reason) = &requests {
        let way = if commands.is_empty() { "are not read at lookups" } else { "take a trap of their own" };
        notes.push(format!("Requests {way}, because where a lookup finds its request is not proved: {reason}."));
    }
    let (events, event_notes) = events::points(&program, found.logger, &store_functions);
    Ok(Resolved {
        machine: image.machine(),
        build_id: image.build_id(),
        requests: requests.ok(),
        lookups: found.points,
        commands,
        command_notes,
        events,
        event_notes,
        version,
        clock,
        wide_item_flags,
        steps,
        notes,
    })
}

/// `do_item_get`: by the relations of a stripped binary, by its symbol, or by both, which then must agree. Also why the
/// relations do not prove it, when they do not.
fn item_get(
    program: &Program<'_>,
    symbols: Option<&Symbols>,
    steps: &mut Vec<Step>,
) -> Result<(Found, FoundBy, Option<String>), String> {
    let named: Vec<_> = symbols.into_iter().flat_map(|symbols| symbols.bodies("do_item_get")).collect();
    let by_symbol = symbols.map_or(FoundBy::Symtab, |symbols| symbols.found_by);
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
        ([], Ok(found)) => Ok((found, FoundBy::Recovered, None)),
        ([], Err(_)) => Err(format!("do_item_get was not found ({})", joined(steps))),
        ([symbol], Err(reason)) if program.is_start(symbol.address) => {
            let proof = vec![format!("The symbol {} names it.", symbol.name)];
            Ok((Found { address: symbol.address, proof }, by_symbol, Some(reason)))
        }
        (named, Ok(mut found)) => match named.iter().find(|symbol| symbol.address == found.address) {
            Some(symbol) => {
                found.proof.insert(0, format!("The symbol {} names it.", symbol.name));
                Ok((found, by_symbol, None))
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

/// A point at an address of the image.
pub(super) fn point(
    image: &Image,
    (kind, site): (ProbeKind, SiteKind),
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
        site,
        function: function.to_owned(),
        found_by,
        offset,
        address,
        instruction: match image.machine() {
            Machine::X86_64 => disassemble(address, bytes),
            Machine::Aarch64 => word(bytes),
        },
        emulated: image.machine() == Machine::X86_64 && is_emulated(bytes),
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

/// An AArch64 instruction as an assembler would take it.
fn word(bytes: &[u8]) -> String {
    bytes.first_chunk().map_or_else(String::new, |word| format!(".inst {:#010x}", u32::from_le_bytes(*word)))
}

/// Whether an item's flags are 16 bits wide at +38.
fn wide_item_flags(version: Option<&str>, logs_client: bool, notes: &mut Vec<String>) -> Result<bool, String> {
    if let Some(numbers) = version.and_then(version::numbers) {
        return Ok(numbers >= version::WIDE_ITEM_FLAGS_SINCE);
    }
    // Descriptors are logged from 1.5.22 on.
    if logs_client {
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
