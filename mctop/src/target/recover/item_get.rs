//! Finds `do_item_get`, through which every lookup goes.

use std::collections::HashSet;

use super::{FoundFunction, marker_strings};
use crate::target::code::{CallKind, Program};

/// `do_item_get` refers to at least this many of its messages.
const MESSAGES_MIN: usize = 2;
/// `do_item_get` must have at least this many callers; every version has 4 to 8.
const CALLERS_MIN: usize = 3;

/// Finds it: it is the only function that refers to its debug messages, and it has several callers.
///
/// # Errors
/// What could not be proved, as a clause.
pub(crate) fn item_get(program: &Program<'_>) -> Result<FoundFunction, String> {
    let holders: Vec<(u64, usize)> = program
        .functions_with_strings(marker_strings::LOOKUP)
        .into_iter()
        .filter(|&(_, count)| count >= MESSAGES_MIN)
        .collect();
    let [(holder, messages)] = holders[..] else {
        return Err(match holders.len() {
            0 => "no function refers to the debug messages of do_item_get".into(),
            several => format!(
                "{several} functions refer to the debug messages of do_item_get: copies of it were inlined, and none of \
                 them sees every lookup"
            ),
        });
    };
    let mut proof = vec![format!("It is the only function that refers to {messages} of the lookup's debug messages.")];
    let function = match tail_caller(program, holder) {
        Some(owner) => {
            proof.push("The compiler split off its body, which only this function enters, by a jump.".into());
            owner
        }
        None => holder,
    };
    let callers: HashSet<u64> = program.callers(function).map(|(caller, _)| caller).collect();
    if callers.len() < CALLERS_MIN {
        return Err(format!(
            "the function with the debug messages of do_item_get has only {} callers instead of at least {CALLERS_MIN}: copies \
             of it were inlined, and it does not see every lookup",
            callers.len()
        ));
    }
    proof.push(format!("It is called by {} functions.", callers.len()));
    Ok(FoundFunction { address: function, proof })
}

/// The function that a split-off function belongs to: the only one that leads to it, and only by jumps.
pub(super) fn tail_caller(program: &Program<'_>, function: u64) -> Option<u64> {
    if program.is_address_taken(function) {
        return None;
    }
    let mut owners = HashSet::new();
    for (caller, call) in program.callers(function) {
        if call.kind == CallKind::Call {
            return None;
        }
        owners.insert(caller);
    }
    let mut owners = owners.into_iter().filter(|&owner| owner != function);
    let owner = owners.next()?;
    owners.next().is_none().then_some(owner)
}
