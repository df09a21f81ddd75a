//! Finds the exact lookup site: the one instruction that every lookup executes after its outcome was decided. It is the branch at
//! the end of `do_item_get` that skips the logging of lookups,
//!
//! ```text
//! test FLAG, flags(logger) ; jcc
//! ```
//!
//! Its other side sets up the call `logger_log(logger, LOGGER_ITEM_GET, NULL, found, key, key length, …)`, which shows where each
//! of these values is.

mod connection;
mod coverage;
mod early;
mod events;
mod flags;
mod logged;
mod logger_check;
mod walk;

use std::collections::BTreeSet;

use mctop_common::records::Operand;
use mctop_common::version::OLDEST;

use super::code::Program;
pub(crate) use connection::{Connections, connections};
pub(crate) use early::{early_site, passes_arguments_on};
pub(crate) use events::{EventSite, eviction_sites, store_sites};
use flags::{FlagBranch, LOG_FETCHERS};
use logged::LoggedOperands;

/// At most this many branches are examined; gcc generates one, clang two.
const BRANCHES_MAX: usize = 16;

/// memcached's logger, as the logging of lookups reveals it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Logger {
    /// Address of `logger_log`.
    pub log: u64,
    /// Displacement of a logger's event flags.
    pub flags: u64,
}

/// A proved site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LookupSite {
    /// Virtual address of the branch.
    pub address: u64,
    /// Where the logged values are at the branch.
    pub logged: LoggedOperands,
    /// The logger whose flags it tests.
    pub logger: Logger,
    /// Where the function's return address is at the branch.
    pub return_address: Operand,
    /// The independent facts that prove it, one sentence each.
    pub proof: Vec<String>,
}

/// Finds the sites in `do_item_get`, ordered by address. Every lookup passes exactly one of them.
///
/// # Errors
/// What could not be proved, as a clause.
pub(crate) fn lookup_sites(program: &Program<'_>, item_get: u64) -> Result<Vec<LookupSite>, String> {
    let body = program.body(item_get).ok_or("do_item_get is larger than in any known memcached")?;
    let branches = flags::flag_branches(&body, LOG_FETCHERS);
    if branches.is_empty() {
        return Err(format!(
            "do_item_get has no recognisable branch on the logging of lookups; memcached has one from {OLDEST} on, if it is \
             built with optimisation"
        ));
    }
    if branches.len() > BRANCHES_MAX {
        return Err(format!("do_item_get has {} possible branches on the logging of lookups", branches.len()));
    }
    let (understood, others): (Vec<_>, Vec<_>) =
        branches.iter().map(|branch| (branch, logged::read(&body, branch))).partition(|(_, result)| result.is_ok());
    let (mut sites, mut loggers) = (Vec::new(), Vec::new());
    let mut logger_log = None;
    for (branch, result) in understood {
        let (target, logged) = result?;
        if *logger_log.get_or_insert((target, branch.displacement)) != (target, branch.displacement) {
            return Err("the branches on the logging of lookups lead to different functions".into());
        }
        sites.push(prove(program, branch, target, logged)?);
        loggers.push(branch.logger);
    }
    // The same bit can mean something else in another structure, but not at the same displacement of a logger.
    for (branch, result) in others {
        if let Err(reason) = result
            && logger_log.is_none_or(|(_, displacement)| displacement == branch.displacement)
        {
            let address = branch.address;
            return Err(format!("the branch on the logging of lookups at {address:#x} has an unknown form: {reason}"));
        }
    }
    if let Some((target, displacement)) = logger_log {
        check_no_other_logs_lookups(program, item_get, target, displacement)?;
    }
    let passes = |sites: &[LookupSite]| {
        let addresses: Vec<u64> = sites.iter().map(|site| site.address).collect();
        coverage::exactly_once(program.imports(), &body, &addresses)
    };
    passes(&sites)?;
    let alternatives =
        sites.iter().zip(loggers).map(|(site, logger)| logger_check::sites(program, &body, site, logger));
    let alternatives = alternatives.collect::<Option<Vec<_>>>().map(|sites| sites.concat());
    if let Some(alternatives) = alternatives.filter(|sites| passes(sites).is_ok()) {
        sites = alternatives;
    }
    let several = sites.len() > 1;
    for site in &mut sites {
        site.proof.push(if several {
            "Every path through the function passes exactly one of its sites.".into()
        } else {
            "Every path through the function passes it exactly once.".into()
        });
    }
    sites.sort_unstable_by_key(|site| site.address);
    Ok(sites)
}

/// Checks that no other function logs lookups, as copies of `do_item_get` that were inlined elsewhere would.
fn check_no_other_logs_lookups(
    program: &Program<'_>,
    item_get: u64,
    logger_log: u64,
    displacement: u64,
) -> Result<(), String> {
    if !program.is_start(logger_log) {
        return Err("the branch on the logging of lookups does not lead to a function call".into());
    }
    let callers: BTreeSet<u64> = program.callers(logger_log).map(|(caller, _)| caller).collect();
    for caller in callers.into_iter().filter(|&caller| caller != item_get) {
        let Some(body) = program.body(caller) else { continue };
        let logs = flags::flag_branches(&body, LOG_FETCHERS)
            .iter()
            .filter(|branch| branch.displacement == displacement)
            .take(BRANCHES_MAX)
            .any(|branch| logged::is_lookup(&body, branch));
        if logs {
            return Err(format!(
                "the function at {caller:#x} logs lookups, too: a copy of do_item_get was inlined there"
            ));
        }
    }
    Ok(())
}

fn prove(program: &Program<'_>, branch: &FlagBranch, log: u64, logged: LoggedOperands) -> Result<LookupSite, String> {
    let return_address = program.unwind().return_slot(branch.address)?;
    let proof = vec![
        format!(
            "It branches on bit 2, which enables the logging of lookups, of the flags at +{:#x} of a logger.",
            branch.displacement
        ),
        "On every path, its logging side passes that logger, event 2 (LOGGER_ITEM_GET) and NULL to the same function."
            .into(),
        logged.proof.clone(),
        "No other function logs lookups.".into(),
        "The unwind table says where the return address is.".into(),
    ];
    let logger = Logger { log, flags: branch.displacement };
    Ok(LookupSite { address: branch.address, logged, logger, return_address, proof })
}

#[cfg(test)]
mod tests;
