//! Finds the probe points of a binary.

use std::path::Path;

use mctop_common::records::RETURNS_MAX;
use mctop_common::version::{CLIENTS_LOGGED, Version, WIDE_ITEM_FLAGS};

use super::code::{Body, Program};
use super::discover::{Process, Selection};
use super::elf::{Image, Machine};
use super::lookups::{self, ItemGet};
use super::options::ResolveOptions;
use super::points::Resolved;
use super::recover::{self, Callers, FoundFunction, marker_strings};
use super::signature::Signature;
use super::steps::{SearchStep, SymbolSource, joined};
use super::symbols::{self, Sources, Symbols};
use super::{aarch64, clock, command, events, requests, version};
use crate::error::Failure;
use crate::model::probe_point::FoundBy;

/// Finds the probe points of the binary at a path.
///
/// # Errors
/// A [`Failure`] that says why the binary cannot be traced.
pub fn resolve(image: &Path) -> anyhow::Result<Resolved> {
    resolve_with(image, &ResolveOptions::default())
}

/// Finds the probe points of the binary of a running server, with the debug file and site kind of the selection.
///
/// # Errors
/// As [`resolve_with`].
pub(crate) fn resolve_process(process: &Process, selection: &Selection) -> anyhow::Result<Resolved> {
    let (debug_file, site) = (selection.debug_file.clone(), selection.site);
    let options = ResolveOptions { debug_file, site, ..ResolveOptions::of_process(process) };
    resolve_with(&process.image, &options)
}

/// Finds the probe points of the binary at a path, with options.
///
/// # Errors
/// A [`Failure`] that says why the binary cannot be traced, or why a debug file cannot be used for it.
pub fn resolve_with(image: &Path, options: &ResolveOptions) -> anyhow::Result<Resolved> {
    let file = Image::open(image)?;
    let mut options = options.clone();
    options.binary = options.binary.or_else(|| std::fs::canonicalize(image).ok());
    let sources = Sources::new(&file, &options)?;
    find(&file, &sources, &options).map_err(|reason| {
        Failure::no_target(format!(
            "{} cannot be traced: {reason}. mctop attaches a probe only if it can prove what the probe will read.",
            image.display()
        ))
        .into()
    })
}

/// Finds the probe points of a binary in memory.
///
/// # Errors
/// Why it cannot be traced, as a clause.
#[cfg(test)]
pub(crate) fn resolve_image(image: &Image, options: &ResolveOptions) -> Result<Resolved, String> {
    let sources = Sources::new(image, options).map_err(|failure| failure.to_string())?;
    find(image, &sources, options)
}

fn find(image: &Image, sources: &Sources<'_>, options: &ResolveOptions) -> Result<Resolved, String> {
    if !Signature::new().matches(image.read_only()) {
        return Err("it is not a memcached server: it lacks memcached's messages".into());
    }
    match image.machine() {
        Machine::X86_64 => find_x86_64(image, sources, options),
        Machine::Aarch64 => aarch64::find(image, sources, options),
    }
}

fn find_x86_64(image: &Image, sources: &Sources<'_>, options: &ResolveOptions) -> Result<Resolved, String> {
    let program = Program::sweep(image, &marker_strings::all())?;
    let symbols::SymbolSearch { symbols, mut steps } = sources.find();
    let version_text = version::read(image);
    let version = version_text.as_deref().and_then(Version::parse);
    let mut notes = Vec::new();
    if version.is_none() {
        notes.push("The version could not be read from the binary's strings.".into());
    }
    let (mut function, found_by, unproved) = item_get(&program, symbols.as_ref(), &mut steps)?;
    let named = |function| -> Vec<u64> {
        symbols.iter().flat_map(|symbols| symbols.bodies(function)).map(|symbol| symbol.address).collect()
    };
    let stores = recover::store_calls(&program, function.address, &named("do_store_item"));
    let deltas = recover::delta_calls(&program, function.address, &named("do_add_delta"));
    let store_functions = stores.as_ref().map(|callers| callers.functions.clone()).unwrap_or_default();
    let stores = store_returns(stores, &mut function.proof)?;
    let deltas = delta_returns(deltas, &mut function.proof, &mut notes);
    let has_original_arguments = symbols
        .iter()
        .flat_map(|symbols| symbols.bodies("do_item_get"))
        .any(|symbol| symbol.address == function.address && !symbol.has_other_arguments());
    let item_get =
        ItemGet { program: &program, function, found_by, unproved, has_original_arguments, stores, deltas, version };
    let found = lookups::points(&item_get, options, &mut notes)?;
    let wide_item_flags = wide_item_flags(version, found.has_client, &mut notes)?;
    let body = program.body(item_get.function.address).ok_or("do_item_get is larger than in any known memcached")?;
    let clock = proved_clock(image, &body, symbols.as_ref(), &mut notes);
    let dispatcher = recover::dispatcher(&program);
    let mut command_notes = Vec::new();
    let commands = command::points(&program, &dispatcher, symbols.as_ref(), version, &mut command_notes);
    let requests = requests::find(&program, symbols.as_ref(), version, &found);
    if let Err(reason) = &requests {
        let way = if commands.is_empty() { "are not read at lookups" } else { "need a probe of their own" };
        notes
            .push(format!("Requests {way}, because mctop could not prove where a lookup finds its request: {reason}."));
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
        version: version_text,
        clock,
        wide_item_flags,
        steps,
        notes,
    })
}

/// Finds `do_item_get` by code and strings, by its symbol, or by both, which then must agree. The last result says why the code
/// does not prove it; `None` if it does.
fn item_get(
    program: &Program<'_>,
    symbols: Option<&Symbols>,
    steps: &mut Vec<SearchStep>,
) -> Result<(FoundFunction, FoundBy, Option<String>), String> {
    let named: Vec<_> = symbols.into_iter().flat_map(|symbols| symbols.bodies("do_item_get")).collect();
    let by_symbol = symbols.map_or(FoundBy::Symtab, |symbols| symbols.found_by);
    let recovered = recover::item_get(program);
    steps.push(SearchStep {
        source: SymbolSource::Recovery,
        found: recovered.is_ok(),
        outcome: match &recovered {
            Ok(found) => format!("do_item_get is at {:#x}, according to its messages and its callers", found.address),
            Err(reason) => reason.clone(),
        },
    });
    match (named.as_slice(), recovered) {
        ([], Ok(found)) => Ok((found, FoundBy::Recovered, None)),
        ([], Err(_)) => Err(format!("do_item_get was not found ({})", joined(steps))),
        ([symbol], Err(reason)) if program.is_start(symbol.address) => {
            let proof = vec![format!("It has the symbol {}.", symbol.name)];
            Ok((FoundFunction { address: symbol.address, proof }, by_symbol, Some(reason)))
        }
        (named, Ok(mut found)) => match named.iter().find(|symbol| symbol.address == found.address) {
            Some(symbol) => {
                found.proof.insert(0, format!("It has the symbol {}.", symbol.name));
                Ok((found, by_symbol, None))
            }
            None => Err(format!(
                "its symbols give do_item_get another address than {:#x}, where the function with its messages is",
                found.address
            )),
        },
        (several, Err(reason)) => Err(format!("{} symbols are named do_item_get, and {reason}", several.len())),
    }
}

/// The return addresses of the lookups of storage commands. Without them, those lookups would count as reads.
fn store_returns(callers: Result<Callers, String>, proof: &mut Vec<String>) -> Result<Vec<u64>, String> {
    let returns = callers
        .and_then(|callers| check_count(callers.returns))
        .map_err(|reason| format!("lookups of storage commands cannot be distinguished from reads: {reason}"))?;
    proof.push(caller_proof("storage commands", "do_store_item"));
    Ok(returns)
}

/// The return addresses of the lookups of incr and decr, or a note on why there are none.
fn delta_returns(callers: Result<Callers, String>, proof: &mut Vec<String>, notes: &mut Vec<String>) -> Vec<u64> {
    match callers.and_then(|callers| check_count(callers.returns)) {
        Ok(returns) => {
            proof.push(caller_proof("incr and decr", "do_add_delta"));
            returns
        }
        Err(reason) => {
            notes.push(format!("Lookups of incr and decr are recognised by their request only: {reason}."));
            Vec::new()
        }
    }
}

fn check_count(returns: Vec<u64>) -> Result<Vec<u64>, String> {
    if returns.len() > RETURNS_MAX {
        return Err(format!(
            "do_item_get is called from {} places for them, and mctop supports at most {RETURNS_MAX}",
            returns.len()
        ));
    }
    Ok(returns)
}

fn caller_proof(purpose: &str, function: &str) -> String {
    format!("Its call from the code with the error message of {function} is the lookup of {purpose}.")
}

/// Whether the item flags are 16 bits wide at offset 38.
fn wide_item_flags(version: Option<Version>, logs_client: bool, notes: &mut Vec<String>) -> Result<bool, String> {
    if let Some(version) = version {
        return Ok(version >= WIDE_ITEM_FLAGS);
    }
    if logs_client {
        notes.push(format!(
            "mctop assumes the item layout of memcached {CLIENTS_LOGGED} and later, because the binary logs the clients of lookups, as \
             those versions do."
        ));
        return Ok(true);
    }
    Err("its version is unknown, and therefore the layout of its items".into())
}

/// The address of `current_time`, found by data flow and checked against its symbol, if it has one.
fn proved_clock(image: &Image, body: &Body, symbols: Option<&Symbols>, notes: &mut Vec<String>) -> Option<u64> {
    let reason = match clock::current_time(image, body) {
        Ok(address) => match symbols.and_then(|symbols| symbols.variable("current_time")) {
            Some(named) if named != address => {
                "its symbol and the code of do_item_get have different addresses".to_owned()
            }
            _ => return Some(address),
        },
        Err(reason) => reason,
    };
    notes.push(format!(
        "TTLs are calculated from the start time of the process, because memcached's clock was not found: {reason}."
    ));
    None
}
