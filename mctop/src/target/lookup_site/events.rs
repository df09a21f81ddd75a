//! Other events that memcached's logger tells, found by the logger that the log of lookups gives away: how storage commands
//! end, and which items are evicted. Each is a branch of the same form as that of lookups, before a call of the same function
//! with arguments that say what is where.

use std::collections::BTreeSet;

use iced_x86::Register;
use mctop_common::records::Operand;

use super::Logger;
use super::flags::{self, FlagBranch};
use super::walk::walk;
use crate::target::code::{Body, Program};
use crate::target::symbolic::{Pointer, State, Value};

/// `LOG_MUTATIONS` and `LOG_EVICTIONS` in the logger's event flags: memcached's `logger.h`.
const LOG_MUTATIONS: u64 = 1 << 3;
/// See [`LOG_MUTATIONS`].
const LOG_EVICTIONS: u64 = 1 << 6;
/// `LOGGER_EVICTION` and `LOGGER_ITEM_STORE` among the log entries: memcached's `logger.h`.
const LOGGER_EVICTION: i64 = 1;
/// See [`LOGGER_EVICTION`].
const LOGGER_ITEM_STORE: i64 = 3;
/// Displacement of `nkey` in an item.
const ITEM_KEY_LEN: i64 = 0x29;
/// Most sites of an event; memcached has one of each, compilers make a few of it.
const SITES_MAX: usize = 8;

/// A site at which an event is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventSite {
    /// The function it lies in.
    pub function: u64,
    /// Virtual address of the branch.
    pub address: u64,
    /// The item that it is about.
    pub item: Operand,
    /// Of a storage command: memcached's `store_item_type`. Absent for evictions.
    pub outcome: Operand,
    /// The independent facts that prove it, one sentence each.
    pub proof: Vec<String>,
}

/// Where `do_store_item`, or what it was inlined in, tells how a storage command ends: one of these `functions`.
///
/// # Errors
/// Why there is no such site, as a clause.
pub fn store_sites(program: &Program<'_>, logger: Logger, functions: &[u64]) -> Result<Vec<EventSite>, String> {
    let all = sites(program, logger, LOG_MUTATIONS, LOGGER_ITEM_STORE, stored)?;
    let ours: Vec<_> = all.into_iter().filter(|site| functions.contains(&site.function)).collect();
    if ours.is_empty() {
        return Err("do_store_item has no branch on the log of storage commands in a form that is understood".into());
    }
    Ok(ours)
}

/// Where memcached tells that a live item is evicted.
///
/// # Errors
/// Why there is no such site, as a clause.
pub fn eviction_sites(program: &Program<'_>, logger: Logger) -> Result<Vec<EventSite>, String> {
    let found = sites(program, logger, LOG_EVICTIONS, LOGGER_EVICTION, evicted)?;
    if found.is_empty() {
        return Err("no function has a branch on the log of evictions in a form that is understood".into());
    }
    Ok(found)
}

/// Item and outcome at a call, where its arguments are those of an event.
type Reader = fn(&State) -> Option<(Operand, Operand)>;

fn sites(
    program: &Program<'_>,
    logger: Logger,
    flag: u64,
    event: i64,
    reader: Reader,
) -> Result<Vec<EventSite>, String> {
    let callers: BTreeSet<u64> = program.callers(logger.log).map(|(caller, _)| caller).collect();
    let mut found = Vec::new();
    for function in callers {
        let Some(body) = program.body(function) else { continue };
        for branch in flags::flag_branches(&body, flag).iter().filter(|branch| branch.displacement == logger.flags) {
            let Some((item, outcome)) = read(&body, branch, logger, event, reader) else { continue };
            let proof = vec![
                format!("It branches on the flag {flag:#x} of the logger that lookups are logged by."),
                format!(
                    "Its logging side passes that logger and event {event} to the function that logs lookups, on every path."
                ),
            ];
            found.push(EventSite { function, address: branch.address, item, outcome, proof });
            if found.len() > SITES_MAX {
                return Err(format!("there are more than {SITES_MAX} branches on the flag {flag:#x} of a logger"));
            }
        }
    }
    Ok(found)
}

/// Item and outcome, the same on every path.
fn read(body: &Body, branch: &FlagBranch, logger: Logger, event: i64, reader: Reader) -> Option<(Operand, Operand)> {
    let arrivals = walk(body, branch.logging_side).ok()?;
    let mut found = None;
    for arrival in &arrivals {
        let state = &arrival.state;
        let is_event = arrival.target == logger.log
            && state.register(Register::RDI) == Value::Sum(branch.logger, 0)
            && state.register(Register::ESI) == Value::Constant(event);
        let operands = Some(reader(state)?).filter(|_| is_event)?;
        if *found.get_or_insert(operands) != operands {
            return None;
        }
    }
    found
}

/// `logger_log(logger, LOGGER_ITEM_STORE, NULL, outcome, verb, key, key length, …)`, where the key's length is an item's.
fn stored(state: &State) -> Option<(Operand, Operand)> {
    if state.register(Register::RDX) != Value::Constant(0) {
        return None;
    }
    let Value::Load(pointer, ITEM_KEY_LEN, 1, _) = state.pushed(0)? else { return None };
    let item = match pointer {
        Pointer::Register(register) => Value::Sum(register, 0),
        Pointer::Memory(register, displacement) => Value::load(Pointer::Register(register), displacement, 8),
    };
    Some((item.operand(8)?, state.register(Register::ECX).operand(4)?))
}

/// `logger_log(logger, LOGGER_EVICTION, item)`.
fn evicted(state: &State) -> Option<(Operand, Operand)> {
    let item = state.register(Register::RDX).operand(8)?;
    (!matches!(state.register(Register::RDX), Value::Constant(_))).then_some((item, Operand::ABSENT))
}
