//! Who calls `do_item_get` on the way to a store or an incr or decr: told by the return address.

use std::collections::BTreeSet;

use super::item_get::tail_caller;
use super::telltales;
use crate::target::code::{Call, CallKind, Program};

/// Calls of `do_item_get` from functions of one purpose.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Callers {
    /// Return addresses, ascending.
    pub returns: Vec<u64>,
    /// The functions they are in, ascending.
    pub functions: Vec<u64>,
}

/// Its calls from `do_store_item`, or from the function that it was inlined in. `named` are the functions that symbols
/// name so.
///
/// # Errors
/// Which relation failed, as a clause.
pub fn store_calls(program: &Program<'_>, item_get: u64, named: &[u64]) -> Result<Callers, String> {
    calls_from(program, item_get, telltales::STORE, telltales::DELTA, named, "do_store_item")
}

/// Its calls from `do_add_delta`, or from the function that it was inlined in. `named` are the functions that symbols
/// name so.
///
/// # Errors
/// Which relation failed, as a clause.
pub fn delta_calls(program: &Program<'_>, item_get: u64, named: &[u64]) -> Result<Callers, String> {
    calls_from(program, item_get, telltales::DELTA, telltales::STORE, named, "do_add_delta")
}

fn calls_from(
    program: &Program<'_>,
    item_get: u64,
    own: &[&'static str],
    other: &[&'static str],
    named: &[u64],
    name: &str,
) -> Result<Callers, String> {
    let mut functions: BTreeSet<u64> = named.iter().map(|&function| program.root(function)).collect();
    for holder in program.holders(own).into_keys() {
        functions.insert(holder);
        // The message may have been split off together with the rest of the body.
        functions.extend(tail_caller(program, holder));
    }
    if functions.is_empty() {
        return Err(format!("no function refers to the error message of {name}"));
    }
    let others = program.holders(other);
    let mut callers = Callers::default();
    for function in functions {
        if others.contains_key(&function) || function == item_get {
            return Err(format!("{name} was inlined into a function with other lookups"));
        }
        let calls: Vec<&Call> =
            program.calls(function).filter(|call| call.kind == CallKind::Call && call.target == item_get).collect();
        match calls[..] {
            [] => {}
            // The source has one call. A second in the same body belongs to something else that was inlined there.
            [call] => {
                callers.returns.push(call.next);
                callers.functions.push(function);
            }
            _ => return Err(format!("the body of {name} calls do_item_get {} times, not once", calls.len())),
        }
    }
    callers.returns.sort_unstable();
    if callers.returns.is_empty() {
        return Err(format!("the function with the error message of {name} does not call do_item_get"));
    }
    Ok(callers)
}
