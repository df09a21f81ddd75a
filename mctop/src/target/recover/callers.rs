//! Finds the calls of `do_item_get` that belong to storage commands and to incr and decr. A probe recognises them by their return
//! addresses.

use std::collections::BTreeSet;

use super::item_get::tail_caller;
use super::marker_strings;
use crate::target::code::{Call, CallKind, Program};

/// The calls of `do_item_get` that serve one purpose.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Callers {
    /// Their return addresses, ascending.
    pub returns: Vec<u64>,
    /// The functions that contain them, ascending.
    pub functions: Vec<u64>,
}

/// The calls from `do_store_item`, or from the function that it was inlined in. `named` are the functions with its symbol.
///
/// # Errors
/// What could not be proved, as a clause.
pub(crate) fn store_calls(program: &Program<'_>, item_get: u64, named: &[u64]) -> Result<Callers, String> {
    calls_from(program, item_get, marker_strings::STORE, marker_strings::DELTA, named, "do_store_item")
}

/// The calls from `do_add_delta`, or from the function that it was inlined in. `named` are the functions with its symbol.
///
/// # Errors
/// What could not be proved, as a clause.
pub(crate) fn delta_calls(program: &Program<'_>, item_get: u64, named: &[u64]) -> Result<Callers, String> {
    calls_from(program, item_get, marker_strings::DELTA, marker_strings::STORE, named, "do_add_delta")
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
    for holder in program.functions_with_strings(own).into_keys() {
        functions.insert(holder);
        // The compiler may have split off the part of the body that contains the message.
        functions.extend(tail_caller(program, holder));
    }
    if functions.is_empty() {
        return Err(format!("no function refers to the error message of {name}"));
    }
    let others = program.functions_with_strings(other);
    let mut callers = Callers::default();
    for function in functions {
        if others.contains_key(&function) || function == item_get {
            return Err(format!("{name} was inlined into a function with other lookups"));
        }
        let calls: Vec<&Call> =
            program.calls(function).filter(|call| call.kind == CallKind::Call && call.target == item_get).collect();
        match calls[..] {
            [] => {}
            // The source code has one call. A second one in the same body belongs to another inlined function.
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
