//! The lookup points of a binary: the exact site, else the early one, else the entry and the return of `do_item_get`.

use mctop_common::records::Operand;

use super::code::Program;
use super::elf::Machine;
use super::lookup_site::{Connections, Logger, LookupSite, connections, early_site, lookup_sites, passes_arguments_on};
use super::options::Options;
use super::points::{FoundBy, Operands, Point, ProbeKind, SiteKind};
use super::recover::Found;
use super::resolve::point;
use super::version;

/// rax, rsp, rsi and rdi in the processor's encoding order.
const RAX: u8 = 0;
const RSP: u8 = 4;
const RSI: u8 = 6;
const RDI: u8 = 7;
/// `endbr64`, which is stepped slowly and changes nothing.
const ENDBR64: [u8; 4] = [0xf3, 0x0f, 0x1e, 0xfa];

/// `do_item_get` and who calls it.
#[derive(Debug)]
pub struct ItemGet<'a> {
    /// The binary.
    pub program: &'a Program<'a>,
    /// The function.
    pub function: Found,
    /// How it was found.
    pub found_by: FoundBy,
    /// Why code alone does not prove that it sees every lookup, if it does not.
    pub not_proved: Option<String>,
    /// Whether a symbol says that it is not a clone with other arguments.
    pub is_named: bool,
    /// Return addresses of its calls from `do_store_item`.
    pub stores: Vec<u64>,
    /// Return addresses of its calls from `do_add_delta`.
    pub deltas: Vec<u64>,
    /// memcached's version, where it is known.
    pub version: Option<[u32; 3]>,
}

/// What was found.
#[derive(Debug)]
pub struct Lookups {
    /// The points.
    pub points: Vec<Point>,
    /// Whether the client of a lookup is known at each.
    pub has_client: bool,
    /// Why its connection is not an operand of each, where it is not, as a clause.
    pub unconnected: Option<String>,
    /// memcached's logger, where the points give it away.
    pub logger: Option<Logger>,
}

impl Lookups {
    /// Points that tell neither clients nor the logger.
    const fn plain(points: Vec<Point>, unconnected: Option<String>) -> Self {
        Self { points, has_client: false, unconnected, logger: None }
    }
}

/// The best points that are proved and allowed.
///
/// # Errors
/// Why each kind of site was refused, as a clause.
pub fn points(item_get: &ItemGet<'_>, options: &Options, notes: &mut Vec<String>) -> Result<Lookups, String> {
    let mut refused = Vec::new();
    if options.site.allows(SiteKind::Exact) {
        match exact(item_get) {
            Ok(lookups) => {
                if !lookups.has_client {
                    notes.push("The client of a lookup cannot be told: its descriptor is not at hand there.".into());
                }
                return Ok(lookups);
            }
            Err(reason) => refused.push(reason),
        }
    }
    // The exact site proves by itself that there is no other copy of the function; the others do not.
    if let Some(reason) = &item_get.not_proved {
        refused.push(format!("other sites are not taken, because {reason}"));
        return Err(refused.join("; "));
    }
    if options.site.allows(SiteKind::Early) {
        match early(item_get) {
            Ok((points, unconnected)) => {
                notes.push(format!(
                    "Lookups are seen before expiry and flush are decided, so that an item that has expired or was \
                     flushed counts as a hit{}. Their clients cannot be told.",
                    because(&refused)
                ));
                return Ok(Lookups::plain(points, unconnected));
            }
            Err(reason) => refused.push(format!("the early site is refused, because {reason}")),
        }
    }
    if options.site.allows(SiteKind::EntryAndReturn) {
        let points = entry_and_return(item_get);
        match points.and_then(|points| options.returns.check(Machine::X86_64).map(|()| points)) {
            Ok(points) => {
                notes.push(format!(
                    "Lookups are seen at the entry and the return of do_item_get, which costs two traps each{}. Of a miss \
                     it cannot be told whether the item had expired or was flushed, nor can its client.",
                    because(&refused)
                ));
                return Ok(Lookups::plain(points, Some("it is not kept until do_item_get returns".into())));
            }
            Err(reason) => refused.push(format!("entry and return are not probed, because {reason}")),
        }
    }
    Err(refused.join("; "))
}

fn because(refused: &[String]) -> String {
    if refused.is_empty() { String::new() } else { format!(" ({})", refused.join("; ")) }
}

fn exact(item_get: &ItemGet<'_>) -> Result<Lookups, String> {
    let sites = lookup_sites(item_get.program, item_get.function.address)?;
    let has_client = sites.iter().all(|site| site.logged.descriptor.is_present());
    let addresses: Vec<u64> = sites.iter().map(|site| site.address).collect();
    let (connections, unconnected) = connections_at(item_get, &addresses);
    let points =
        sites.iter().zip(&connections.operands).map(|(site, at)| exact_point(item_get, site, *at, &connections.proof));
    let points = points.collect::<Result<_, _>>()?;
    Ok(Lookups { points, has_client, unconnected, logger: sites.first().map(|site| site.logger) })
}

/// Where the connection is at each site; absent where it is not known, and why.
fn connections_at(item_get: &ItemGet<'_>, sites: &[u64]) -> (Connections, Option<String>) {
    let passed = version::LOOKUPS_BY_CONNECTION_SINCE..version::LOOKUPS_BY_THREAD_SINCE;
    let found = match item_get.version {
        Some(version) if passed.contains(&version) => connections(item_get.program, item_get.function.address, sites),
        _ => Err("do_item_get of this version does not get it".into()),
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

/// Also why the connection is not known there, if it is not.
fn early(item_get: &ItemGet<'_>) -> Result<(Vec<Point>, Option<String>), String> {
    let site = early_site(item_get.program, item_get.function.address)?;
    let (connections, unconnected) = connections_at(item_get, &[site.address]);
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
    Ok((vec![at(item_get, ProbeKind::Lookup, SiteKind::Early, site.address, operands, &proof)?], unconnected))
}

fn entry_and_return(item_get: &ItemGet<'_>) -> Result<Vec<Point>, String> {
    let program = item_get.program;
    let entry = item_get.function.address;
    let body = program.body(entry).ok_or("do_item_get is larger than it is in any memcached")?;
    let mut proof = Vec::new();
    if passes_arguments_on(&body) {
        proof.push(
            "It passes its first three arguments on to its first call, the hash lookup: they are where the calling \
                    convention says."
                .to_owned(),
        );
    } else if item_get.is_named {
        proof.push(
            "Its symbol is not that of a clone, so that its arguments are where the calling convention says.".into(),
        );
    } else {
        return Err("nothing proves that its arguments are where the calling convention says".into());
    }
    let skipped = if program.image().bytes(entry, ENDBR64.len()) == Some(&ENDBR64) { ENDBR64.len() as u64 } else { 0 };
    let address = entry.wrapping_add(skipped);
    // The return address is replaced at each hit.
    if body.is_jump_target(entry) || body.is_jump_target(address) {
        return Err("a jump of do_item_get leads back to its entry".into());
    }
    let enter = Operands::Lookup {
        key: Operand::register(RDI),
        key_len: Operand::register(RSI),
        found: Operand::ABSENT,
        item: Operand::ABSENT,
        descriptor: Operand::ABSENT,
        // It is not kept until the return, where the request would be read.
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
    point(item_get.program.image(), (kind, site), "do_item_get", item_get.found_by, address, operands, proof)
}

/// Addresses relative to that of the probed instruction.
pub(super) fn relative(addresses: &[u64], instruction: u64) -> Vec<i64> {
    addresses.iter().map(|address| address.wrapping_sub(instruction).cast_signed()).collect()
}
