//! Finds the probe points of text commands.

use iced_x86::Register;
use mctop_common::records::Operand;
use mctop_common::version::{DISPATCHER_RENAMED, READ_BY_PROTOCOL, Version};

use super::accuracy;
use super::code::{Program, encoding};
use super::entry::entry;
use super::points::{Operands, Point};
use super::recover::{self, Dispatcher, FoundFunction, LineSearch, marker_strings};
use super::symbols::Symbols;
use crate::model::probe_point::{FoundBy, ProbeKind, SiteKind};

/// Names of the dispatcher, the current one first.
const NAMES: [&str; 2] = ["process_command_ascii", "process_command"];

/// The command points of a binary, or a note on why there are none. `recovered` is the result of
/// [`super::recover::dispatcher`].
pub(super) fn points(
    program: &Program<'_>,
    recovered: &Result<Dispatcher, String>,
    symbols: Option<&Symbols>,
    version: Option<Version>,
    notes: &mut Vec<String>,
) -> Vec<Point> {
    let result = match dispatcher(program, recovered.clone(), symbols) {
        Ok((Dispatcher::Function { found, .. }, found_by)) => {
            in_dispatcher(program, &found, found_by, dispatcher_name(program, version)).map(|point| vec![point])
        }
        Ok((Dispatcher::InReader(found), _)) => {
            in_reader(program, &found, reader_name(program, &found, version), notes)
        }
        Err(reason) => Err(reason),
    };
    result.unwrap_or_else(|reason| {
        notes.push(accuracy::all_requests(&reason));
        Vec::new()
    })
}

/// The dispatcher that was found by code and strings, confirmed or replaced by symbols.
fn dispatcher(
    program: &Program<'_>,
    recovered: Result<Dispatcher, String>,
    symbols: Option<&Symbols>,
) -> Result<(Dispatcher, FoundBy), String> {
    let Some(symbols) = symbols else { return Ok((recovered?, FoundBy::Recovered)) };
    let named: Vec<_> = NAMES.iter().flat_map(|name| symbols.bodies(name)).collect();
    match recovered {
        Ok(Dispatcher::Function { mut found, outer }) => {
            let at = |address| named.iter().find(|symbol| symbol.address == address);
            let (proof, found_by) = match (at(found.address), outer.and_then(at)) {
                (Some(symbol), _) => (Some(format!("It has the symbol {}.", symbol.name)), symbols.found_by),
                // Split-off bodies have local symbols, which a table of exported symbols does not contain.
                (None, Some(symbol)) => {
                    let proof = format!("It was split off from the function with the symbol {}.", symbol.name);
                    (Some(proof), FoundBy::Recovered)
                }
                (None, None) if named.is_empty() => (None, FoundBy::Recovered),
                (None, None) => {
                    return Err(format!(
                        "the symbol of their dispatcher has another address than {:#x}, where the function with their messages is",
                        found.address
                    ));
                }
            };
            found.proof.splice(0..0, proof);
            Ok((Dispatcher::Function { found, outer }, found_by))
        }
        Ok(other) => Ok((other, FoundBy::Recovered)),
        Err(reason) => {
            // Callers reach the split-off body; the function that it was split from may be dead code.
            let split: Vec<_> = named.iter().filter(|symbol| symbol.is_split_body()).collect();
            let symbol = match (split.as_slice(), named.as_slice()) {
                ([symbol], _) => symbol,
                ([], [symbol]) => symbol,
                _ => return Err(reason),
            };
            let refers = program
                .functions_with_strings(marker_strings::ADMINISTRATION)
                .contains_key(&program.root(symbol.address));
            if !program.is_start(symbol.address) || !refers || program.callers(symbol.address).next().is_none() {
                return Err(reason);
            }
            let proof = vec![
                format!("It has the symbol {}.", symbol.name),
                "It is called, and refers to administrative commands.".into(),
            ];
            let found = FoundFunction { address: symbol.address, proof };
            Ok((Dispatcher::Function { found, outer: None }, symbols.found_by))
        }
    }
}

fn dispatcher_name(program: &Program<'_>, version: Option<Version>) -> &'static str {
    let [renamed, old] = NAMES;
    let is_new = version.is_some_and(|version| version >= DISPATCHER_RENAMED)
        || !program.functions_with_strings(marker_strings::COMMAND).is_empty();
    if is_new { renamed } else { old }
}

/// The point at the head of the dispatcher, `(conn *, char *command, …)`.
fn in_dispatcher(program: &Program<'_>, found: &FoundFunction, found_by: FoundBy, name: &str) -> Result<Point, String> {
    let text = argument(Register::RSI)?;
    at_head(program, found, found_by, name, text, Operand::register(text))
}

/// The points where the function that reads requests searches its input for a line end. The call is passed the address of the
/// input, where the request begins.
fn in_reader(
    program: &Program<'_>,
    found: &FoundFunction,
    name: &str,
    notes: &mut Vec<String>,
) -> Result<Vec<Point>, String> {
    let text = Operand::register(argument(Register::RDI)?);
    let one = |LineSearch { address, buffer }: LineSearch| {
        let mut proof = found.proof.clone();
        proof.push(format!(
            "The call is passed a line end, and the pointer at +{:#x} and the length at +{:#x} of one structure, the connection.",
            buffer.pointer, buffer.length
        ));
        let (kind, operands) = ((ProbeKind::Command, SiteKind::LineSearch), Operands::Command { text });
        Point::new(program.image(), kind, name, FoundBy::Recovered, address, operands, proof)
    };
    let searches = recover::line_searches(program, found.address);
    let points = searches.into_iter().map(one).collect::<Result<Vec<_>, _>>()?;
    notes.push(
        "Text commands are probed where requests are read, because their dispatcher was inlined there. A request that arrives \
         in several parts costs more than one trap."
            .into(),
    );
    Ok(points)
}

fn reader_name(program: &Program<'_>, found: &FoundFunction, version: Option<Version>) -> &'static str {
    if version.is_none_or(|version| version >= READ_BY_PROTOCOL) {
        return "try_read_command_ascii";
    }
    let accepts = |function| program.calls_import(function, |name| name.starts_with("accept"));
    // The calls of a static binary have no names.
    let is_machine = accepts(found.address) || program.imports().is_empty();
    if is_machine { "drive_machine" } else { "try_read_command" }
}

fn argument(register: Register) -> Result<u8, String> {
    encoding(register).ok_or_else(|| "an argument is not passed in a register".into())
}

fn at_head(
    program: &Program<'_>,
    found: &FoundFunction,
    found_by: FoundBy,
    name: &str,
    live: u8,
    text: Operand,
) -> Result<Point, String> {
    let body = program.body(found.address).ok_or("their dispatcher is larger than in any known memcached")?;
    let entry = entry(program.image(), &body, &[live]).ok_or("their dispatcher cannot be decoded")?;
    let mut proof = found.proof.clone();
    proof.push(if entry.address == found.address {
        "The probe is at its first instruction.".into()
    } else {
        format!(
            "The probe is {} bytes into it, at an instruction that every call executes once with its arguments in place.",
            entry.address.wrapping_sub(found.address)
        )
    });
    Point::new(
        program.image(),
        (ProbeKind::Command, SiteKind::Head),
        name,
        found_by,
        entry.address,
        Operands::Command { text },
        proof,
    )
}
