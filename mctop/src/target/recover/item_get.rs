//! `do_item_get`, through which every lookup goes.

use std::collections::HashSet;

use super::{Found, telltales};
use crate::target::code::{CallKind, Program};

/// Fewest messages of `do_item_get` that its holder refers to.
const MESSAGES_MIN: usize = 2;
/// Fewest functions that call `do_item_get`: there are between 4 and 8 in every version.
const CALLERS_MIN: usize = 3;

/// Finds it: the only function that refers to its debug messages, called by several others.
///
/// # Errors
/// Which relation failed, as a clause.
pub fn item_get(program: &Program<'_>) -> Result<Found, String> {
    let holders: Vec<(u64, usize)> =
        program.holders(telltales::LOOKUP).into_iter().filter(|&(_, count)| count >= MESSAGES_MIN).collect();
    let [(holder, messages)] = holders[..] else {
        return Err(match holders.len() {
            0 => "no function refers to the debug messages of do_item_get".into(),
            several => format!(
                "{several} functions refer to the debug messages of do_item_get: copies of it were inlined, and no single \
                 one sees every lookup"
            ),
        });
    };
    let mut proof = vec![format!("It is the only function that refers to {messages} of the lookup's debug messages.")];
    let function = match tail_caller(program, holder) {
        Some(owner) => {
            proof.push("Its body was split off by the compiler and is entered by one jump only.".into());
            owner
        }
        None => holder,
    };
    let callers: HashSet<u64> = program.callers(function).map(|(caller, _)| caller).collect();
    if callers.len() < CALLERS_MIN {
        return Err(format!(
            "the function with the debug messages of do_item_get has {} callers, not {CALLERS_MIN} or more: copies of it \
             were inlined, and it does not see every lookup",
            callers.len()
        ));
    }
    proof.push(format!("It is called by {} functions.", callers.len()));
    Ok(Found { address: function, proof })
}

/// The only function that leads to another, when it does so by jumps alone: the other is a part of it.
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
