//! Chooses the lookup points of a binary: the exact site, else the early site, else the entry and the return of `do_item_get`.

use mctop_common::records::Operand;
use mctop_common::version::{LOOKUPS_BY_CONNECTION, LOOKUPS_BY_THREAD, Version};

use super::code::Program;
use super::elf::Machine;
use super::lookup_site::{Connections, Logger, LookupSite, connections, early_site, lookup_sites, passes_arguments_on};
use super::options::ResolveOptions;
use super::points::{Operands, Point};
use super::recover::FoundFunction;
use crate::model::probe_point::{FoundBy, ProbeKind, SiteKind};

/// rax, rsp, rsi and rdi in the processor's encoding order.
const RAX: u8 = 0;
const RSP: u8 = 4;
const RSI: u8 = 6;
const RDI: u8 = 7;
/// `endbr64`, which has no effect but which the kernel would have to single-step.
const ENDBR64: [u8; 4] = [0xf3, 0x0f, 0x1e, 0xfa];

/// `do_item_get` and its callers.
#[derive(Debug)]
pub(super) struct ItemGet<'a> {
    /// The binary.
    pub program: &'a Program<'a>,
    /// The function.
    pub function: FoundFunction,
    /// How it was found.
    pub found_by: FoundBy,
    /// Why the code alone does not prove that every lookup goes through it; `None` if it does.
    pub unproved: Option<String>,
    /// Whether a symbol shows that it is not a clone with other arguments.
    pub has_original_arguments: bool,
    /// Return addresses of its calls from `do_store_item`.
    pub stores: Vec<u64>,
    /// Return addresses of its calls from `do_add_delta`.
    pub deltas: Vec<u64>,
    /// memcached's version, if it is known.
    pub version: Option<Version>,
}

/// The lookup points of a binary, and what is known there.
#[derive(Debug)]
pub(super) struct Lookups {
    /// The probe points.
    pub points: Vec<Point>,
    /// Whether every point has the client's file descriptor.
    pub has_client: bool,
    /// Why the points lack the client's connection, as a clause; `None` if every point has it.
    pub no_connection: Option<String>,
    /// memcached's logger, if the points reveal it.
    pub logger: Option<Logger>,
}

impl Lookups {
    /// Points that reveal neither the client nor the logger.
    const fn without_client(points: Vec<Point>, no_connection: Option<String>) -> Self {
        Self { points, has_client: false, no_connection, logger: None }
    }
}

/// The best lookup points that are proved and allowed.
///
/// # Errors
/// Why each kind of site was rejected, as a clause.
pub(super) fn points(
    item_get: &ItemGet<'_>,
    options: &ResolveOptions,
    notes: &mut Vec<String>,
) -> Result<Lookups, String> {
    let mut rejected = Vec::new();
    if options.site.allows(SiteKind::Exact) {
        match exact(item_get) {
            Ok(lookups) => {
                if !lookups.has_client {
                    notes.push(
                        "Clients are unknown, because their file descriptors are not available at the lookup site."
                            .into(),
                    );
                }
                return Ok(lookups);
            }
            Err(reason) => rejected.push(reason),
        }
    }
    // Only the exact site proves by itself that there is no other copy of the function.
    if let Some(reason) = &item_get.unproved {
        rejected.push(format!("other sites are not used, because {reason}"));
        return Err(rejected.join("; "));
    }
    if options.site.allows(SiteKind::Early) {
        match early(item_get) {
            Ok((points, no_connection)) => {
                notes.push(format!(
                    "Lookups are probed before memcached checks for expiry and flush, so expired and flushed items count as \
                     hits{}. Clients are unknown.",
                    because(&rejected)
                ));
                return Ok(Lookups::without_client(points, no_connection));
            }
            Err(reason) => rejected.push(format!("the early site cannot be used, because {reason}")),
        }
    }
    if options.site.allows(SiteKind::EntryAndReturn) {
        let points = entry_and_return(item_get);
        match points.and_then(|points| options.returns.check(Machine::X86_64).map(|()| points)) {
            Ok(points) => {
                notes.push(format!(
                    "Lookups are probed at the entry and the return of do_item_get, which costs two traps each{}. Misses \
                     of expired and flushed items are not distinguished from others, and clients are unknown.",
                    because(&rejected)
                ));
                return Ok(Lookups::without_client(
                    points,
                    Some("it is no longer available when do_item_get returns".into()),
                ));
            }
            Err(reason) => rejected.push(format!("entry and return are not probed, because {reason}")),
        }
    }
    Err(rejected.join("; "))
}

fn because(rejected: &[String]) -> String {
    if rejected.is_empty() { String::new() } else { format!(" (because {})", rejected.join("; ")) }
}

fn exact(item_get: &ItemGet<'_>) -> Result<Lookups, String> {
    let sites = lookup_sites(item_get.program, item_get.function.address)?;
    let has_client = sites.iter().all(|site| site.logged.descriptor.is_present());
    let addresses: Vec<u64> = sites.iter().map(|site| site.address).collect();
    let (connections, no_connection) = connections_at(item_get, &addresses);
    let points =
        sites.iter().zip(&connections.operands).map(|(site, at)| exact_point(item_get, site, *at, &connections.proof));
    let points = points.collect::<Result<_, _>>()?;
    Ok(Lookups { points, has_client, no_connection, logger: sites.first().map(|site| site.logger) })
}

/// Where the connection is at each site. If it is unknown, the operands are absent and the second result says why.
fn connections_at(item_get: &ItemGet<'_>, sites: &[u64]) -> (Connections, Option<String>) {
    let passed = LOOKUPS_BY_CONNECTION..LOOKUPS_BY_THREAD;
    let found = match item_get.version {
        Some(version) if passed.contains(&version) => connections(item_get.program, item_get.function.address, sites),
        _ => Err("do_item_get is not passed the connection in this version".into()),
    };
    match found {
        Ok(connections) => (connections, None),
        Err(reason) => (Connections { operands: vec![Operand::ABSENT; sites.len()], proof: Vec::new() }, Some(reason)),
    }
}

fn exact_point(
    item_get: &ItemGet<'_>,
    site: &LookupSite,
    connection: Operand,
    more: &[String],
) -> Result<Point, String> {
    let logged = &site.logged;
    let operands = Operands::Lookup {
        key: logged.key,
        key_len: logged.key_len,
        found: logged.found,
        item: logged.item,
        descriptor: logged.descriptor,
        connection,
        return_address: site.return_address,
        store_returns: relative(&item_get.stores, site.address),
        delta_returns: relative(&item_get.deltas, site.address),
    };
    let proof = [&site.proof, more].concat();
    at(item_get, ProbeKind::Lookup, SiteKind::Exact, site.address, operands, &proof)
}

/// The early site. The second result says why the connection is unknown there, if it is.
fn early(item_get: &ItemGet<'_>) -> Result<(Vec<Point>, Option<String>), String> {
    let site = early_site(item_get.program, item_get.function.address)?;
    let (connections, no_connection) = connections_at(item_get, &[site.address]);
    let operands = Operands::Lookup {
        key: site.key,
        key_len: site.key_len,
        found: Operand::ABSENT,
        item: site.item,
        descriptor: Operand::ABSENT,
        connection: connections.operands.first().copied().unwrap_or(Operand::ABSENT),
        return_address: site.return_address,
        store_returns: relative(&item_get.stores, site.address),
        delta_returns: relative(&item_get.deltas, site.address),
    };
    let proof = [site.proof, connections.proof].concat();
    Ok((vec![at(item_get, ProbeKind::Lookup, SiteKind::Early, site.address, operands, &proof)?], no_connection))
}

fn entry_and_return(item_get: &ItemGet<'_>) -> Result<Vec<Point>, String> {
    let program = item_get.program;
    let entry = item_get.function.address;
    let body = program.body(entry).ok_or("do_item_get is larger than in any known memcached")?;
    let mut proof = Vec::new();
    if passes_arguments_on(&body) {
        proof.push(
            "It passes its first three arguments unchanged to its first call, the hash lookup, so they are where the calling \
             convention puts them."
                .to_owned(),
        );
    } else if item_get.has_original_arguments {
        proof.push(
            "Its symbol is not that of a clone, so its arguments are where the calling convention puts them.".into(),
        );
    } else {
        return Err(
            "nothing proves that the arguments of do_item_get are where the calling convention puts them".into()
        );
    }
    let skipped = if program.image().bytes(entry, ENDBR64.len()) == Some(&ENDBR64) { ENDBR64.len() as u64 } else { 0 };
    let address = entry.wrapping_add(skipped);
    // Each probe hit replaces the return address, so the entry must be reached by calls only.
    if body.is_jump_target(entry) || body.is_jump_target(address) {
        return Err("do_item_get jumps back to its own entry".into());
    }
    let enter = Operands::Lookup {
        key: Operand::register(RDI),
        key_len: Operand::register(RSI),
        found: Operand::ABSENT,
        item: Operand::ABSENT,
        descriptor: Operand::ABSENT,
        // The request would be read at the return, where the connection is no longer available.
        connection: Operand::ABSENT,
        return_address: Operand::memory(RSP, 0),
        store_returns: relative(&item_get.stores, address),
        delta_returns: relative(&item_get.deltas, address),
    };
    let leave = Operands::Return { item: Operand::register(RAX) };
    let kind = SiteKind::EntryAndReturn;
    Ok(vec![
        at(item_get, ProbeKind::LookupEnter, kind, address, enter, &proof)?,
        at(item_get, ProbeKind::LookupReturn, kind, address, leave, &proof)?,
    ])
}

fn at(
    item_get: &ItemGet<'_>,
    kind: ProbeKind,
    site: SiteKind,
    address: u64,
    operands: Operands,
    proof: &[String],
) -> Result<Point, String> {
    let proof = item_get.function.proof.iter().chain(proof).cloned().collect();
    Point::new(item_get.program.image(), (kind, site), "do_item_get", item_get.found_by, address, operands, proof)
}

/// Addresses relative to the probed instruction.
pub(super) fn relative(addresses: &[u64], instruction: u64) -> Vec<i64> {
    addresses.iter().map(|address| address.wrapping_sub(instruction).cast_signed()).collect()
}
