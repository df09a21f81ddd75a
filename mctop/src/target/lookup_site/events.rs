//! Finds the sites of two other events that memcached logs: outcomes of storage commands and evictions. Each is a branch of the same
//! form as that of lookups, on a flag of the same logger, before a call of the same function. The arguments of that call show where
//! the values are.

use std::collections::BTreeSet;

use iced_x86::Register;
use mctop_common::records::Operand;

use super::Logger;
use super::flags::{self, FlagBranch};
use super::walk::walk;
use crate::target::code::{Body, Program};
use crate::target::symbolic::{Pointer, SymbolicState, Value};

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
/// An event may have at most this many sites. memcached's source has one of each, of which compilers make a few copies.
const SITES_MAX: usize = 8;

/// A site at which an event is logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EventSite {
    /// The function that contains it.
    pub function: u64,
    /// Virtual address of the branch.
    pub address: u64,
    /// The item.
    pub item: Operand,
    /// The outcome of a storage command, memcached's `store_item_type`. Absent for evictions.
    pub outcome: Operand,
    /// The independent facts that prove it, one sentence each.
    pub proof: Vec<String>,
}

/// The sites where `do_store_item` logs the outcome of a storage command. `functions` are those in which it may be inlined.
///
/// # Errors
/// Why there is no such site, as a clause.
pub(crate) fn store_sites(program: &Program<'_>, logger: Logger, functions: &[u64]) -> Result<Vec<EventSite>, String> {
    let all = sites(program, logger, LOG_MUTATIONS, LOGGER_ITEM_STORE, stored)?;
    let ours: Vec<_> = all.into_iter().filter(|site| functions.contains(&site.function)).collect();
    if ours.is_empty() {
        return Err("do_store_item has no recognisable branch on the logging of storage commands".into());
    }
    Ok(ours)
}

/// The sites where memcached logs that a live item is evicted.
///
/// # Errors
/// Why there is no such site, as a clause.
pub(crate) fn eviction_sites(program: &Program<'_>, logger: Logger) -> Result<Vec<EventSite>, String> {
    let found = sites(program, logger, LOG_EVICTIONS, LOGGER_EVICTION, evicted)?;
    if found.is_empty() {
        return Err("no function has a recognisable branch on the logging of evictions".into());
    }
    Ok(found)
}

/// Reads item and outcome from the state at a call; `None` if its arguments are not those of the event.
type OperandReader = fn(&SymbolicState) -> Option<(Operand, Operand)>;

fn sites(
    program: &Program<'_>,
    logger: Logger,
    flag: u64,
    event: i64,
    reader: OperandReader,
) -> Result<Vec<EventSite>, String> {
    let callers: BTreeSet<u64> = program.callers(logger.log).map(|(caller, _)| caller).collect();
    let mut found = Vec::new();
    for function in callers {
        let Some(body) = program.body(function) else { continue };
        for branch in flags::flag_branches(&body, flag).iter().filter(|branch| branch.displacement == logger.flags) {
            let Some((item, outcome)) = read(&body, branch, logger, event, reader) else { continue };
            let proof = vec![
                format!("It branches on the flag {flag:#x} of the logger that also logs lookups."),
                format!(
                    "On every path, its logging side passes that logger and event {event} to the function that logs lookups."
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

/// Item and outcome; `None` if they differ between paths.
fn read(
    body: &Body,
    branch: &FlagBranch,
    logger: Logger,
    event: i64,
    reader: OperandReader,
) -> Option<(Operand, Operand)> {
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

/// Reads `logger_log(logger, LOGGER_ITEM_STORE, NULL, outcome, verb, key, key length, …)`. The key length is loaded from the item.
fn stored(state: &SymbolicState) -> Option<(Operand, Operand)> {
    if state.register(Register::RDX) != Value::Constant(0) {
        return None;
    }
    let Value::Load(pointer, ITEM_KEY_LEN, 1, _) = state.stack_argument(0)? else { return None };
    let item = match pointer {
        Pointer::Register(register) => Value::Sum(register, 0),
        Pointer::Memory(register, displacement) => Value::load(Pointer::Register(register), displacement, 8),
    };
    Some((item.operand(8)?, state.register(Register::ECX).operand(4)?))
}

/// Reads `logger_log(logger, LOGGER_EVICTION, item)`.
fn evicted(state: &SymbolicState) -> Option<(Operand, Operand)> {
    let item = state.register(Register::RDX).operand(8)?;
    (!matches!(state.register(Register::RDX), Value::Constant(_))).then_some((item, Operand::ABSENT))
}
