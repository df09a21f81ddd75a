//! Finds the dispatcher of text commands: `process_command` or `process_command_ascii`.

use std::collections::HashSet;

use super::{FoundFunction, line_searches, marker_strings};
use crate::target::code::{CallKind, Program};

/// Before [`ONE_PARSER`](mctop_common::version), the dispatcher compares requests with at least this many administrative commands.
const COMMANDS_MIN: usize = 5;
/// Largest size of the outer half of a split dispatcher, in bytes. It only prints the request and prepares a response.
const OUTER_BYTES_MAX: u64 = 400;

/// Where text commands are dispatched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Dispatcher {
    /// A function that gets the request's text as its second argument.
    Function {
        /// The function.
        found: FoundFunction,
        /// The function from which the compiler split it off, if it did. Some callers may bypass the outer half.
        outer: Option<u64>,
    },
    /// Inlined in a function that reads requests, such as `try_read_command_ascii` or the connection's state machine. Commands
    /// are probed where it searches the input for a line end.
    InReader(FoundFunction),
}

/// Finds the dispatcher.
///
/// # Errors
/// What could not be proved, as a clause.
pub(crate) fn dispatcher(program: &Program<'_>) -> Result<Dispatcher, String> {
    let (body, mut proof) = function_with_commands(program)?;
    let callers: Vec<(u64, CallKind)> = program.callers(body).map(|(caller, call)| (caller, call.kind)).collect();
    if reads_requests(program, body) {
        proof.push("It searches a connection's input for a line end.".into());
        return Ok(Dispatcher::InReader(FoundFunction { address: body, proof }));
    }
    if program.is_address_taken(body) && !callers.iter().any(|&(_, kind)| kind == CallKind::Call) {
        return Err(
            "the function that dispatches text commands is called only through a pointer, so its arguments are unknown"
                .into(),
        );
    }
    // gcc splits the dispatcher: the outer half prints the request and jumps to the body, which callers may also call directly.
    let outer = (!program.is_address_taken(body)).then(|| outer_half(program, body)).flatten();
    if outer.is_some() {
        proof.push("It is the body that was split off from the dispatcher, and every caller reaches it.".into());
    }
    let above: HashSet<u64> = callers
        .iter()
        .map(|&(caller, _)| caller)
        .chain(outer.into_iter().flat_map(|outer| program.callers(outer).map(|(caller, _)| caller)))
        .collect();
    if !above.iter().any(|&caller| reads_requests(program, caller)) {
        return Err("no caller of the function that dispatches text commands reads requests from a connection".into());
    }
    proof.push("Its caller searches a connection's input for a line end.".into());
    Ok(Dispatcher::Function { found: FoundFunction { address: body, proof }, outer })
}

/// The only function that refers to the strings of the dispatcher.
fn function_with_commands(program: &Program<'_>) -> Result<(u64, Vec<String>), String> {
    let current: Vec<u64> = program.functions_with_strings(marker_strings::COMMAND).into_keys().collect();
    match current[..] {
        [] => {}
        [body] => {
            return Ok((
                body,
                vec!["It is the only function that refers to the debug message for text commands.".into()],
            ));
        }
        _ => return Err(format!("{} functions refer to the debug message for text commands", current.len())),
    }
    let mut votes: Vec<(usize, u64)> = program
        .functions_with_strings(marker_strings::ADMINISTRATION)
        .into_iter()
        .map(|(function, count)| (count, function))
        .collect();
    votes.sort_unstable_by(|a, b| b.cmp(a));
    let second = votes.get(1).map_or(0, |&(count, _)| count);
    match votes.first() {
        Some(&(count, body)) if count >= COMMANDS_MIN && second * 2 <= count => {
            let proof = format!(
                "It refers to {count} administrative commands, and no other function refers to more than {second}."
            );
            Ok((body, vec![proof]))
        }
        _ => Err("no function clearly refers to the most administrative commands".into()),
    }
}

/// The outer half of a split dispatcher.
fn outer_half(program: &Program<'_>, body: u64) -> Option<u64> {
    let jumps: HashSet<u64> =
        program.callers(body).filter(|(_, call)| call.kind != CallKind::Call).map(|(caller, _)| caller).collect();
    let outer = (jumps.len() == 1).then(|| jumps.into_iter().next()).flatten()?;
    let small = program.range_of(outer).is_some_and(|range| range.len() < OUTER_BYTES_MAX);
    (small && !reads_requests(program, outer)).then_some(outer)
}

/// Whether a function reads requests from a connection.
fn reads_requests(program: &Program<'_>, function: u64) -> bool {
    !line_searches(program, function).is_empty()
}
