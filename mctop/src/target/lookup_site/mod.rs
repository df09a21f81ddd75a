//! The one instruction that every lookup passes after its outcome was decided: the branch at the end of `do_item_get`
//! that skips the log of lookups,
//!
//! ```text
//! test FLAG, flags(logger) ; jcc
//! ```
//!
//! Its other side sets up `logger_log(logger, LOGGER_ITEM_GET, NULL, found, key, key length, …)`, and so says itself
//! where each of these values is.

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

use super::code::Program;
pub use connection::{Connections, connections};
pub use early::{EarlySite, early_site, passes_arguments_on};
pub use events::{EventSite, eviction_sites, store_sites};
use flags::{FlagBranch, LOG_FETCHERS};
use logged::Logged;

/// Most branches that are looked at; gcc makes one, clang two.
const BRANCHES_MAX: usize = 16;

/// memcached's logger, as the log of lookups gives it away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Logger {
    /// Address of `logger_log`.
    pub log: u64,
    /// Displacement of a logger's event flags.
    pub flags: u64,
}

/// A proved site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookupSite {
    /// Virtual address of the branch.
    pub address: u64,
    /// What is where at the branch.
    pub logged: Logged,
    /// The logger that it is about.
    pub logger: Logger,
    /// Slot of the function's return address at the branch.
    pub return_address: Operand,
    /// The independent facts that prove it, one sentence each.
    pub proof: Vec<String>,
}

/// Finds the mutually exclusive sites in `do_item_get`, by address.
///
/// # Errors
/// Which relation failed, as a clause.
pub fn lookup_sites(program: &Program<'_>, item_get: u64) -> Result<Vec<LookupSite>, String> {
    let body = program.body(item_get).ok_or("do_item_get is larger than it is in any memcached")?;
    let branches = flags::flag_branches(&body, LOG_FETCHERS);
    if branches.is_empty() {
        return Err(
            "do_item_get has no branch on the log of lookups in a form that is understood; memcached has it from \
                    1.4.34 on, when built with optimisation"
                .into(),
        );
    }
    if branches.len() > BRANCHES_MAX {
        return Err(format!("do_item_get has {} branches that may be on the log of lookups", branches.len()));
    }
    let (read, unread): (Vec<_>, Vec<_>) =
        branches.iter().map(|branch| (branch, logged::read(&body, branch))).partition(|(_, result)| result.is_ok());
    let (mut sites, mut loggers) = (Vec::new(), Vec::new());
    let mut logger_log = None;
    for (branch, result) in read {
        let (target, logged) = result?;
        if *logger_log.get_or_insert((target, branch.displacement)) != (target, branch.displacement) {
            return Err("the branches on the log of lookups lead to different functions".into());
        }
        sites.push(prove(program, branch, target, logged)?);
        loggers.push(branch.logger);
    }
    // The same bit may mean something else in another structure, but not at the same place of a logger.
    for (branch, result) in unread {
        if let Err(reason) = result
            && logger_log.is_none_or(|(_, displacement)| displacement == branch.displacement)
        {
            let address = branch.address;
            return Err(format!("the branch on the log of lookups at {address:#x} is not understood: {reason}"));
        }
    }
    if let Some((target, displacement)) = logger_log {
        sole(program, item_get, target, displacement)?;
    }
    let passes = |sites: &[LookupSite]| {
        let addresses: Vec<u64> = sites.iter().map(|site| site.address).collect();
        coverage::exactly_once(program.imports(), &body, &addresses)
    };
    passes(&sites)?;
    let others = sites.iter().zip(loggers).map(|(site, logger)| logger_check::sites(program, &body, site, logger));
    let others = others.collect::<Option<Vec<_>>>().map(|sites| sites.concat());
    if let Some(others) = others.filter(|sites| passes(sites).is_ok()) {
        sites = others;
    }
    let several = sites.len() > 1;
    for site in &mut sites {
        site.proof.push(if several {
            "Every way through the function passes exactly one of its sites.".into()
        } else {
            "Every way through the function passes it exactly once.".into()
        });
    }
    sites.sort_unstable_by_key(|site| site.address);
    Ok(sites)
}

/// Checks that no other function logs lookups: copies of `do_item_get` that were inlined elsewhere would.
fn sole(program: &Program<'_>, item_get: u64, logger_log: u64, displacement: u64) -> Result<(), String> {
    if !program.is_start(logger_log) {
        return Err("the branch on the log of lookups does not lead to a function".into());
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
                "the function at {caller:#x} logs lookups too: a copy of do_item_get was inlined there"
            ));
        }
    }
    Ok(())
}

fn prove(program: &Program<'_>, branch: &FlagBranch, log: u64, logged: Logged) -> Result<LookupSite, String> {
    let return_address = return_slot(program, branch.address)?;
    let proof = vec![
        format!("It branches on bit 2, the log of lookups, of the flags at +{:#x} of a logger.", branch.displacement),
        "Its logging side passes that logger, event 2 (LOGGER_ITEM_GET) and no entry to one function on every path."
            .into(),
        logged.proof.clone(),
        "No other function logs lookups.".into(),
        "The unwind table gives the slot of the return address.".into(),
    ];
    let logger = Logger { log, flags: branch.displacement };
    Ok(LookupSite { address: branch.address, logged, logger, return_address, proof })
}

/// The slot of the return address of the function around an instruction.
fn return_slot(program: &Program<'_>, address: u64) -> Result<Operand, String> {
    let frame = program
        .unwind()
        .frame_at(address)
        .ok_or("the unwind table does not say where the return address of do_item_get is")?;
    let slot = frame.offset.checked_sub(8).and_then(|slot| i32::try_from(slot).ok()).ok_or("its frame is too large")?;
    Ok(Operand::memory(frame.register, slot))
}

#[cfg(test)]
mod tests;
