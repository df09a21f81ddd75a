//! The dispatcher of text commands: `process_command`, or `process_command_ascii` from 1.6.13 on.

use std::collections::{BTreeSet, HashSet};

use super::request::searches_line_end;
use super::{Found, telltales};
use crate::target::code::{CallKind, Program};

/// Fewest administrative commands that the dispatcher up to 1.6.39 compares with.
const COMMANDS_MIN: usize = 5;
/// Largest function that can be the outer half of a split dispatcher, in bytes: it only prints and prepares a response.
const OUTER_BYTES_MAX: u64 = 400;

/// Where text commands are dispatched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dispatcher {
    /// A function that gets the request's text as its second argument.
    Function {
        /// It.
        found: Found,
        /// The function that the compiler split it off from, if it did: callers need not go through that one.
        outer: Option<u64>,
    },
    /// Inlined in `try_read_command_ascii`, which gets the connection as its first argument.
    InRequestReader(Found),
    /// Inlined in the state machine, where no single instruction sees each command.
    InStateMachine,
}

/// Finds it.
///
/// # Errors
/// Which relation failed, as a clause.
pub fn dispatcher(program: &Program<'_>) -> Result<Dispatcher, String> {
    let (body, mut proof) = holder(program)?;
    let callers: Vec<(u64, CallKind)> = program.callers(body).map(|(caller, call)| (caller, call.kind)).collect();
    let is_called = callers.iter().any(|&(_, kind)| kind == CallKind::Call);
    let accepts = program.calls_import(body, |name| name.starts_with("accept"));
    if program.is_address_taken(body) && !is_called {
        if accepts || program.calls_import(body, |name| name.starts_with("sendmsg") || name.starts_with("recvfrom")) {
            return Ok(Dispatcher::InStateMachine);
        }
        if is_request_reader(program, body) {
            proof.push("Its address is stored and it searches its input for a line end.".into());
            return Ok(Dispatcher::InRequestReader(Found { address: body, proof }));
        }
        return Err("the function that dispatches text commands is called through a pointer, in an unknown way".into());
    }
    if accepts {
        return Ok(Dispatcher::InStateMachine);
    }
    // gcc splits the dispatcher; the outer half prints the request and jumps to the body, which others may call directly.
    let outer = (!program.is_address_taken(body)).then(|| outer_half(program, body)).flatten();
    if outer.is_some() {
        proof.push("It is the split-off body that every caller reaches.".into());
    }
    let above: HashSet<u64> = callers
        .iter()
        .map(|&(caller, _)| caller)
        .chain(outer.into_iter().flat_map(|outer| program.callers(outer).map(|(caller, _)| caller)))
        .collect();
    let readers = above.iter().filter(|&&caller| is_request_reader(program, caller)).count();
    let machines = above.iter().filter(|&&caller| is_state_machine(program, caller)).count();
    if readers + machines == 0 {
        return Err("no caller of the function with the text commands reads requests from a connection".into());
    }
    proof.push("It is called by the function that searches the input of a connection for a line end.".into());
    Ok(Dispatcher::Function { found: Found { address: body, proof }, outer })
}

/// Finds `try_read_command_ascii`, which hands the dispatcher the text that the connection's unread input begins with, and
/// other functions that do the same.
///
/// # Errors
/// Why there is none, as a clause.
pub fn request_readers(program: &Program<'_>, dispatcher: &Dispatcher) -> Result<BTreeSet<u64>, String> {
    let (body, outer) = match dispatcher {
        Dispatcher::Function { found, outer } => (found.address, *outer),
        Dispatcher::InRequestReader(found) => return Ok(BTreeSet::from([found.address])),
        Dispatcher::InStateMachine => return Err("requests are read in the connection's state machine".into()),
    };
    let callers = std::iter::once(body).chain(outer).flat_map(|function| program.callers(function));
    let readers: BTreeSet<u64> =
        callers.map(|(caller, _)| caller).filter(|&caller| is_request_reader(program, caller)).collect();
    if readers.is_empty() { Err("no function of its own reads requests".into()) } else { Ok(readers) }
}

/// The only function that refers to what the dispatcher refers to.
fn holder(program: &Program<'_>) -> Result<(u64, Vec<String>), String> {
    let current: Vec<u64> = program.holders(telltales::COMMAND).into_keys().collect();
    match current[..] {
        [] => {}
        [body] => {
            return Ok((body, vec!["It is the only function that refers to the message on a bad command.".into()]));
        }
        _ => return Err(format!("{} functions refer to the message on a bad command", current.len())),
    }
    let mut votes: Vec<(usize, u64)> =
        program.holders(telltales::ADMINISTRATION).into_iter().map(|(function, count)| (count, function)).collect();
    votes.sort_unstable_by(|a, b| b.cmp(a));
    let second = votes.get(1).map_or(0, |&(count, _)| count);
    match votes.first() {
        Some(&(count, body)) if count >= COMMANDS_MIN && second * 2 <= count => {
            let proof =
                format!("It refers to {count} administrative commands, and no other function to more than {second}.");
            Ok((body, vec![proof]))
        }
        _ => Err("no function stands out by referring to the administrative commands".into()),
    }
}

/// The outer half of a split dispatcher.
fn outer_half(program: &Program<'_>, body: u64) -> Option<u64> {
    let jumps: HashSet<u64> =
        program.callers(body).filter(|(_, call)| call.kind != CallKind::Call).map(|(caller, _)| caller).collect();
    let outer = (jumps.len() == 1).then(|| jumps.into_iter().next()).flatten()?;
    let small = program.range_of(outer).is_some_and(|range| range.len() < OUTER_BYTES_MAX);
    (small && !is_request_reader(program, outer) && !is_state_machine(program, outer)).then_some(outer)
}

/// Whether a function has the look of `try_read_command_ascii`.
fn is_request_reader(program: &Program<'_>, function: u64) -> bool {
    program.is_address_taken(function)
        && if program.imports().contains("memchr") || program.imports().contains("rawmemchr") {
            searches(program, function)
        } else {
            searches_line_end(program, function)
        }
}

/// Whether a function has the look of `drive_machine` with the request reader inlined.
fn is_state_machine(program: &Program<'_>, function: u64) -> bool {
    searches(program, function)
        && program.calls_import(function, |name| name.starts_with("accept") || name.starts_with("recvfrom"))
}

fn searches(program: &Program<'_>, function: u64) -> bool {
    program.calls_import(function, |name| matches!(name, "memchr" | "rawmemchr"))
}
