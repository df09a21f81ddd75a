//! The one instruction that every lookup passes after its outcome was decided: the branch at the end of `do_item_get`
//! that skips the log of lookups,
//!
//! ```text
//! test FLAG, flags(logger) ; jcc
//! ```
//!
//! Its other side sets up `logger_log(logger, LOGGER_ITEM_GET, NULL, found, key, key length, …)`, and so says itself
//! where each of these values is.

mod coverage;
mod flags;
mod logged;
mod state;
mod value;
mod walk;

use mctop_common::records::Operand;

use super::code::{Body, Program};
use flags::FlagBranch;
use logged::Logged;

/// Most exclusive sites; gcc makes one, clang two.
const SITES_MAX: usize = 4;

/// A proved site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookupSite {
    /// Virtual address of the branch.
    pub address: u64,
    /// What is where at the branch.
    pub logged: Logged,
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
    let branches = flags::flag_branches(&body);
    if branches.is_empty() {
        return Err(
            "do_item_get has no branch on the log of lookups in a form that is understood; memcached has it from \
                    1.4.34 on, when built with optimisation"
                .into(),
        );
    }
    if branches.len() > SITES_MAX {
        return Err(format!("do_item_get has {} branches on the log of lookups, not one or two", branches.len()));
    }
    let mut sites = Vec::new();
    let mut logger_log = None;
    for branch in &branches {
        let (target, logged) = logged::read(&body, branch).map_err(|reason| {
            format!("the branch on the log of lookups at {:#x} is not understood: {reason}", branch.address)
        })?;
        if *logger_log.get_or_insert(target) != target {
            return Err("the branches on the log of lookups lead to different functions".into());
        }
        sites.push(prove(program, &body, branch, logged)?);
    }
    let addresses: Vec<u64> = sites.iter().map(|site| site.address).collect();
    coverage::exactly_once(program.imports(), &body, &addresses)?;
    for site in &mut sites {
        site.proof.push(if addresses.len() == 1 {
            "Every way through the function passes it exactly once.".into()
        } else {
            format!("Every way through the function passes exactly one of its {} sites.", addresses.len())
        });
    }
    sites.sort_unstable_by_key(|site| site.address);
    Ok(sites)
}

fn prove(program: &Program<'_>, body: &Body, branch: &FlagBranch, logged: Logged) -> Result<LookupSite, String> {
    let frame = program
        .unwind()
        .frame_at(branch.address)
        .ok_or("the unwind table does not say where the return address of do_item_get is")?;
    let slot = frame.offset.checked_sub(8).and_then(|slot| i32::try_from(slot).ok()).ok_or("its frame is too large")?;
    if body.at(branch.address).is_none() {
        return Err("the branch lies outside its function".into());
    }
    let proof = vec![
        format!("It branches on bit 2, the log of lookups, of the flags at +{:#x} of a logger.", branch.displacement),
        "Its logging side passes that logger, event 2 (LOGGER_ITEM_GET) and no entry to one function on every path."
            .into(),
        logged.proof.clone(),
        "The unwind table gives the slot of the return address.".into(),
    ];
    Ok(LookupSite { address: branch.address, logged, return_address: Operand::memory(frame.register, slot), proof })
}

#[cfg(test)]
mod tests;
